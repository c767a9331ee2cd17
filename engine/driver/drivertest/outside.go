package drivertest

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/servicepack/svp/engine/driver"
)

// processesOfTheHost: a container that may can end the first process of another
// one, which the host takes for a crash.
func processesOfTheHost(t *testing.T, f Fixture) {
	victim := f.create(t, driver.ContainerSpec{Lasting: true}, idle)
	if before := f.container(t, victim); before.Process != 0 {
		t.Errorf("a container that does not run has process %d", before.Process)
	}
	if err := f.Driver.KeepRunning(t.Context(), victim); err != nil {
		t.Fatal(err)
	}
	f.start(t, victim)
	first := f.container(t, victim)
	killer := f.create(t, driver.ContainerSpec{HostProcesses: true}, fmt.Sprintf("kill -9 %d", first.Process))
	exits, err := f.Driver.WaitExit(t.Context(), killer)
	if err != nil {
		t.Fatal(err)
	}
	f.start(t, killer)
	if exit := <-exits; exit.Code != 0 || exit.Err != nil {
		t.Fatalf("the process cannot be ended: %+v", exit)
	}
	late := time.After(20 * time.Second)
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		second := f.container(t, victim)
		if second.State == driver.Running && second.Process != first.Process && second.Started.After(first.Started) {
			return
		}
		select {
		case <-late:
			t.Fatalf("the container was not started again: %+v", second)
		case <-again.C:
		}
	}
}

func (f Fixture) container(t *testing.T, id string) driver.Container {
	t.Helper()
	container, err := f.Driver.Container(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return container
}

// whatTheHostTells is all that others who may use the host can read.
func whatTheHostTells(t *testing.T, f Fixture) {
	id := f.create(t, driver.ContainerSpec{}, "echo told in the arguments")
	text, err := f.Driver.ContainerText(t.Context(), id)
	if err != nil || !bytes.Contains(text, []byte("told in the arguments")) {
		t.Errorf("of the container: %v: %s", err, text)
	}
	image, err := f.Driver.Commit(t.Context(), id, driver.CommitSpec{
		Reference: f.name("told"), Comment: "told in the history", Labels: driver.Labels{"told": "in the labels"},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Driver.RemoveImage(context.Background(), image); err != nil {
			t.Error(err)
		}
	})
	text, err = f.Driver.ImageText(t.Context(), image)
	for _, want := range []string{"told in the history", "in the labels"} {
		if err != nil || !bytes.Contains(text, []byte(want)) {
			t.Errorf("of the image, which lacks %q: %v: %s", want, err, text)
		}
	}
}
