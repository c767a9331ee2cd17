package cli

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"svp": func() {
			streams := SystemStreams(os.Stdin, os.Stdout, os.Stderr)                      //nolint:forbidigo // this is a main
			os.Exit(Run(context.Background(), os.Args[1:], streams, os.Getenv, "v1.2.3")) //nolint:forbidigo // this is a main
		},
	})
}

// TestScripts runs svp as a user without a Docker host does.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Setup: func(env *testscript.Env) error {
			env.Setenv("DOCKER_HOST", "unix://"+filepath.Join(env.WorkDir, "none.sock"))
			env.Setenv("HOME", filepath.Join(env.WorkDir, "home"))
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){"status": status},
	})
}

// status N COMMAND… runs a command that has to end with the status N.
func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N command [arg...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	err = ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		got = exit.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("status %d, want %d", got, want)
	}
}

// TestMuteHostIsGivenUp meets a host that takes the connection and is silent.
func TestMuteHostIsGivenUp(t *testing.T) {
	t.Parallel()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", filepath.Join(t.TempDir(), "mute.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	for _, line := range []string{"list", "client shop"} {
		streams, _, errOut := TestStreams("")
		home := t.TempDir()
		getenv := func(name string) string { return map[string]string{"HOME": home}[name] }
		args := append([]string{"-H", "unix://" + listener.Addr().String()}, words(line)...)
		began := time.Now()
		got := Run(t.Context(), args, streams, getenv, "")
		// Promised is less than 2 s where no host is; this one may be slow, and the
		// machine busy.
		if took := time.Since(began); took > 8*time.Second {
			t.Errorf("%s took %v", line, took)
		}
		if want := map[bool]int{true: 125, false: 7}[line == "client shop"]; got != want {
			t.Errorf("%s: status %d, want %d: %s", line, got, want, errOut)
		}
		if !strings.Contains(errOut.String(), "no container host answers") || bytes.Count(errOut.Bytes(), []byte("\n  hint: ")) != 1 {
			t.Errorf("%s: stderr: %s", line, errOut)
		}
	}
}
