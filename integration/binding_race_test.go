package integration

import (
	"maps"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/servicepack/svp/integration/svptest"
)

// slowBind is a tiny pack whose logins are files, and whose bin/bind waits for a
// file before it makes one.
var slowBind = map[string]string{
	"bin/query": query("version) echo 1 ;; secrets) echo TOKEN ;;")["bin/query"],
	"bin/bind": `#!/bin/sh
echo begun >&2
while [ ! -e /run/go ]; do sleep 0.05; done
mkdir -p /run/logins
echo "LOGIN=$1" | tee "/run/logins/$1"
`,
	"bin/unbind": "#!/bin/sh\nrm -f \"/run/logins/$1\"\n",
}

// beginBind returns when bin/bind of slowBind is at work.
func beginBind(t *testing.T, name, consumer string) *svptest.Process {
	t.Helper()
	bind := suite.Start(t, svptest.Call{Args: []string{"bind", name, consumer}})
	eventually(t, time.Minute, "bin/bind is at work", func() bool { return strings.Contains(bind.Stderr(), "begun") })
	return bind
}

func interrupt(t *testing.T, process *svptest.Process) svptest.Result {
	t.Helper()
	process.Signal(syscall.SIGINT)
	return process.Wait().Require(t, 130)
}

// requireLoginsAndBindings wants the consumers, a line each, to have logins of slowBind
// and to be listed, and nobody else.
func requireLoginsAndBindings(t *testing.T, name, consumers string) {
	t.Helper()
	if logins := svp(t, "shell", name, "--", "ls", "/run/logins").Require(t, 0).Stdout; logins != consumers {
		t.Errorf("the logins are %q, want %q", logins, consumers)
	}
	if list := svp(t, "bindings", name, "--quiet").Require(t, 0).Stdout; list != consumers {
		t.Errorf("bindings: %q, want %q", list, consumers)
	}
}

// Who is unbound while being bound has no login, or else is listed: there is none
// that nobody can take away.
func TestUnboundWhileBeingBound(t *testing.T) {
	t.Parallel()
	pack, name := tinyPack(t, slowBind), newName(t)
	up(t, pack, name).Require(t, 0)
	suite.DestroyAfter(t, name)
	bind := beginBind(t, name, "web")
	svp(t, "unbind", name, "web").Require(t, 0)
	svp(t, "shell", name, "--", "touch", "/run/go").Require(t, 0)
	if ended := bind.Wait().Require(t, 5); !strings.Contains(ended.Stderr, "unbound meanwhile") || ended.Stdout != "" {
		t.Errorf("the bind does not tell that the consumer was unbound: %s", ended)
	}
	if logins := svp(t, "shell", name, "--", "sh", "-c", "ls /run/logins").Require(t, 0).Stdout; logins != "" {
		t.Errorf("a login is left: %s", logins)
	}
	svp(t, "bind", name, "web").Require(t, 0)
	if list := svp(t, "bindings", name, "--quiet").Require(t, 0).Stdout; list != "web\n" {
		t.Errorf("bindings: %q", list)
	}
}

// A bind that fails takes nothing back from another one of the same consumer, whether
// that has ended or is still at work.
func TestFailedBindBesideAnother(t *testing.T) {
	t.Parallel()
	pack, name := tinyPack(t, slowBind), newName(t)
	up(t, pack, name).Require(t, 0)
	suite.DestroyAfter(t, name)
	interrupt(t, beginBind(t, name, "alone"))
	stopped, other := beginBind(t, name, "web"), beginBind(t, name, "web")
	interrupt(t, stopped)
	late := beginBind(t, name, "late")
	svp(t, "shell", name, "--", "touch", "/run/go").Require(t, 0)
	other.Wait().Require(t, 0)
	late.Wait().Require(t, 0)

	svp(t, "shell", name, "--", "rm", "/run/go").Require(t, 0)
	interrupt(t, beginBind(t, name, "late"))
	requireLoginsAndBindings(t, name, "late\nweb\n")
	for _, consumer := range []string{"late", "web"} {
		svp(t, "unbind", name, consumer).Require(t, 0)
		complaint(t, svp(t, "unbind", name, consumer), 4, consumer)
	}
}

// Who was bound is still bound when a bind of theirs is interrupted after another that
// began later has ended.
func TestInterruptedBindBehindAnother(t *testing.T) {
	t.Parallel()
	files := maps.Clone(slowBind)
	files["bin/bind"] = strings.Replace(files["bin/bind"], "while", "[ -e /run/slow ] && while", 1)
	pack, name := tinyPack(t, files), newName(t)
	up(t, pack, name).Require(t, 0)
	suite.DestroyAfter(t, name)
	svp(t, "shell", name, "--", "touch", "/run/slow").Require(t, 0)
	bind := beginBind(t, name, "web")
	svp(t, "shell", name, "--", "rm", "/run/slow").Require(t, 0)
	svp(t, "bind", name, "web").Require(t, 0)
	interrupt(t, bind)
	requireLoginsAndBindings(t, name, "web\n")
}

// A login that an interrupted bind could not take back is listed, and can be taken away.
func TestLoginThatStaysIsListed(t *testing.T) {
	t.Parallel()
	files := maps.Clone(slowBind)
	files["bin/unbind"] = "#!/bin/sh\n[ ! -e /run/stuck ] || exit 3\nrm -f \"/run/logins/$1\"\n"
	pack, name := tinyPack(t, files), newName(t)
	up(t, pack, name).Require(t, 0)
	suite.DestroyAfter(t, name)
	svp(t, "shell", name, "--", "touch", "/run/stuck").Require(t, 0)
	bind := beginBind(t, name, "web")
	if ended := interrupt(t, bind); !strings.Contains(ended.Stderr, "svp unbind "+name+" web removes it") {
		t.Errorf("it does not tell what is left behind: %s", ended)
	}
	if list := svp(t, "bindings", name, "--quiet").Require(t, 0).Stdout; list != "web\n" {
		t.Errorf("bindings: %q", list)
	}
	svp(t, "shell", name, "--", "rm", "/run/stuck").Require(t, 0)
	svp(t, "unbind", name, "web").Require(t, 0)
	if list := svp(t, "bindings", name, "--quiet").Require(t, 0).Stdout; list != "" {
		t.Errorf("bindings after the unbind: %q", list)
	}
}

// A binding decides over nothing but itself.
func TestBindingsSteerNothing(t *testing.T) {
	t.Parallel()
	pack, name := tinyPack(t, map[string]string{
		"bin/query": slowBind["bin/query"],
		"bin/bind":  "#!/bin/sh\necho USER=web\necho PATH=/evil\n",
	}), newName(t)
	up(t, pack, name).Require(t, 0)
	suite.DestroyAfter(t, name)
	complaint(t, svp(t, "bind", name, "web"), 3, "bin/bind PATH, line 2")
	if list := svp(t, "bindings", name, "--quiet").Require(t, 0).Stdout; list != "" {
		t.Errorf("bindings: %q", list)
	}
}
