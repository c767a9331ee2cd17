package store_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/servicepack/svp/engine/broker/store"
)

// When these are set, the test binary is the broker that gets killed.
const (
	victimStore = "STORE_TEST_VICTIM_STORE"
	victimKey   = "STORE_TEST_VICTIM_KEY"
)

func TestMain(m *testing.M) {
	if location := os.Getenv(victimStore); location != "" {
		err := victim(context.Background(), location, os.Getenv(victimKey))
		fmt.Fprintln(os.Stderr, err) //nolint:forbidigo // it should have been killed
		os.Exit(1)                   //nolint:forbidigo // the main of the victim
	}
	os.Exit(m.Run()) //nolint:forbidigo // the main of the tests
}

// victim does one transaction, says so, and stays in the middle of another.
func victim(ctx context.Context, location, keyFile string) error {
	key, err := store.ReadKey(keyFile)
	if err != nil {
		return err
	}
	opened, err := store.Open(ctx, location, key)
	if err != nil {
		return err
	}
	write := func(tx *store.Tx, plan string) error {
		instance := store.Instance{ID: "i", PlanID: plan, Context: json.RawMessage(`{}`)}
		operation := store.Operation{ID: plan, InstanceID: "i", BindingID: plan, State: store.InProgress, Owner: "victim"}
		return errors.Join(tx.PutInstance(ctx, &instance), tx.PutOperation(ctx, &operation))
	}
	err = errors.Join(opened.Beat(ctx, "victim"),
		opened.Transact(ctx, "i", false, func(tx *store.Tx) error { return write(tx, "whole") }))
	if err != nil {
		return err
	}
	return opened.Transact(ctx, "i", false, func(tx *store.Tx) error {
		if err := write(tx, "half"); err != nil {
			return err
		}
		fmt.Fprintln(os.Stdout, "in the middle") //nolint:forbidigo // to the test that kills
		<-time.After(time.Minute)
		return errors.New("not killed within a minute")
	})
}

func TestAKilledBrokerLeavesNothingHalf(t *testing.T) {
	folder := t.TempDir()
	location, keyFile := filepath.Join(folder, "store.db"), filepath.Join(folder, "key")
	key, err := store.CreateKey(keyFile)
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), victimStore+"="+location, victimKey+"="+keyFile)
	child.Stderr = t.Output()
	output, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		t.Fatalf("%q, %v", line, errors.Join(err, child.Wait()))
	}
	if _, err := store.Open(t.Context(), location, key); !errors.Is(err, store.ErrLocked) {
		t.Errorf("open what the other has open: %v, want ErrLocked", err)
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // it was killed

	opened, err := store.Open(t.Context(), location, key)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = opened.Close() })
	// However patient: nobody else can have the file open, so the owner is dead.
	abandoned, err := opened.Abandoned(t.Context(), time.Hour)
	if err != nil || len(abandoned) != 1 || abandoned[0].ID != "whole" {
		t.Errorf("abandoned: %+v, %v; want the whole one alone", abandoned, err)
	}
	all, err := opened.Instances(t.Context())
	if err != nil || len(all) != 1 || all[0].PlanID != "whole" {
		t.Errorf("instances: %+v, %v; want it as the whole transaction left it", all, err)
	}
	if taken, err := opened.TakeOver(t.Context(), "whole", "victim", "heir"); !taken || err != nil {
		t.Errorf("take over: %v, %v", taken, err)
	}
}
