package integration

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/servicepack/svp/integration/svptest"
)

// An instance that runs is back after its engine was restarted or killed, where
// it was and with its data.
func TestDockerdRestarts(t *testing.T) {
	t.Parallel()
	daemon := suite.StartDaemon(t, 0)
	host := suite.On(daemon.Host())
	name, several := newName(t), newName(t)
	before := host.Up(t, tinyPack(t, withVolume), name).Env(t)
	host.Up(t, tinyPack(t, withComponents), several).Require(t, 0)
	run := func(args ...string) svptest.Result {
		t.Helper()
		return host.Run(t, svptest.Call{Args: args})
	}
	address := field(t, run("info", name, "--json"), "address")
	run("shell", name, "--", "sh", "-c", "echo kept >/srv/tiny/data").Require(t, 0)

	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		daemon.Stop(signal)
		complaint(t, run("list"), 7)
		daemon.Start()
		// Docker starts all containers at the same moment, and tries only once what
		// finds the network that it joins not there yet (moby, Daemon.restore): it
		// is for svp to start the rest of an instance with several components.
		run("start", several).Require(t, 0)
		if signal == syscall.SIGKILL {
			// It ends containers that outlived it, and takes that for the user's
			// wish: it is for svp to start those, too.
			run("start", name).Require(t, 0)
		}
		for _, instance := range []string{name, several} {
			eventually(t, 30*time.Second, "instance "+instance+" is back after "+signal.String(), func() bool {
				info := run("info", instance, "--json")
				return info.Status == 0 && field(t, info, "state") == "running"
			})
		}
		if now := field(t, run("info", name, "--json"), "address"); now != address {
			t.Errorf("after %v the address is %s, was %s", signal, now, address)
		}
		if own := run("shell", name, "--", "sh", "-c", "hostname -I").Require(t, 0); strings.TrimSpace(own.Stdout) != address {
			t.Errorf("after %v the container has address %q, svp says %s", signal, own.Stdout, address)
		}
		if data := run("shell", name, "--", "cat", "/srv/tiny/data").Require(t, 0); data.Stdout != "kept\n" {
			t.Errorf("after %v the data is %q", signal, data.Stdout)
		}
		if env := run("env", name).Env(t); env["TOKEN"] != before["TOKEN"] {
			t.Errorf("after %v the environment is %v, was %v", signal, env, before)
		}
		// What shares a network still does.
		run("shell", several, "--component", "worker", "--", "cat", "/srv/tiny/token").Require(t, 0)
	}
	for _, instance := range []string{name, several} {
		run("stop", instance).Require(t, 0)
	}
	daemon.Stop(syscall.SIGTERM)
	daemon.Start()
	if state := field(t, run("info", name, "--json"), "state"); state != "stopped" {
		t.Errorf("an instance that was stopped is %s after a restart of the engine", state)
	}
}

// A disk that is full is said so, and nothing half-made is left on it.
func TestDockerdDiskFull(t *testing.T) {
	t.Parallel()
	daemon := suite.StartDaemon(t, 500<<20)
	host := suite.On(daemon.Host())
	fits := tinyPack(t, nil)
	for _, test := range []struct {
		name, fill string
		words      []string
		hint       string
	}{
		{"script", "head -c 1G /dev/zero >/srv/fill", []string{"bin/build PHASE", "status 1"}, "No space left on device"},
		{"commit", "head -c 250M /dev/urandom >/srv/fill", []string{"no space left on device"}, "svp gc"},
	} {
		for _, phase := range []string{"base", "setup"} {
			pack, name := tinyPack(t, map[string]string{
				"bin/build": "#!/bin/sh\n[ $1 = " + phase + " ] || exit 0\n" + test.fill + "\n",
			}), newName(t)
			result := host.Up(t, pack, name)
			words := []string{name}
			for _, word := range test.words {
				words = append(words, strings.ReplaceAll(word, "PHASE", phase))
			}
			complaint(t, result, 1, words...)
			if !strings.Contains(result.Stderr, test.hint) {
				t.Errorf("%s, %s: it does not say %q: %s", test.name, phase, test.hint, result)
			}
			for _, object := range host.List(t, name) {
				t.Errorf("%s, %s: left behind: %v", test.name, phase, object)
			}
			host.Up(t, fits, newName(t)).Require(t, 0)
		}
	}
}
