package integration

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/servicepack/svp/integration/svptest"
)

// Whoever tidies up in the middle of their work disturbs no command: not one that
// is about to use a base image or the network, nor one that builds. It is a daemon
// of its own because `svp gc --unused` removes what other tests have left unused.
func TestDockerdUnusedBesideOthers(t *testing.T) {
	t.Parallel()
	host := suite.On(suite.StartDaemon(t, 0).Host())
	pack := tinyPack(t, withVolume)
	slow := tinyPack(t, map[string]string{"bin/build": "#!/bin/sh\n[ $1 = base ] && sleep 1\nexit 0\n"})
	stop := tidyAgainAndAgain(t, host)
	for range 3 {
		name := newName(t)
		host.Up(t, pack, name).Require(t, 0)
		host.Run(t, svptest.Call{Args: []string{"build", "-b", slow, "-t", name + ":1", "--no-cache"}}).Require(t, 0)
		host.Run(t, svptest.Call{Args: []string{"destroy", name, "--yes"}}).Require(t, 0)
	}
	stop()
	host.Run(t, svptest.Call{Args: []string{"gc", "--unused"}}).Require(t, 0)
	ours, err := host.Host.Objects(t.Context(), func(o svptest.Object) bool { return o.Labels[svptest.LabelPhase] != "" })
	if err != nil || len(ours) > 0 {
		t.Errorf("left behind: %v, %v", ours, err)
	}
}

// tidyAgainAndAgain runs svp gc --unused until it is told to stop. It is to succeed
// each time.
func tidyAgainAndAgain(t *testing.T, host *svptest.Suite) (stop func()) {
	t.Helper()
	enough := filepath.Join(t.TempDir(), "enough")
	// Not the test's context: it is waited for in the clean-up.
	loop := exec.CommandContext(context.Background(),
		"sh", "-c", `until [ -e "$0" ]; do svp gc --unused >/dev/null || exit; echo tidied; done`, enough)
	loop.Env, loop.WaitDelay = host.Environ(t), 5*time.Second
	output := &svptest.Output{}
	loop.Stdout, loop.Stderr = output, output
	if err := loop.Start(); err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(func() {
		if err := os.WriteFile(enough, nil, 0o600); err != nil {
			t.Error(err)
		}
		if err := loop.Wait(); err != nil || !strings.Contains(output.String(), "tidied") {
			t.Errorf("svp gc --unused: %v: %s", err, output)
		}
	})
	t.Cleanup(stop)
	return stop
}
