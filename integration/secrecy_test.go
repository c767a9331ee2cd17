package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/servicepack/svp/integration/svptest"
)

// keeper is a pack that uses its secrets in every script and tells nobody.
var keeper = map[string]string{
	"bin/query": query("version) echo 1 ;; secrets) echo PLAIN; echo ODD ;; ports) ;; volumes) echo /srv/data ;; " +
		"components) echo web; echo worker ;; " +
		`env) printf 'URL=x://app:%s@%%IP/%s\n' "$PLAIN" "$ODD" ;;`)["bin/query"],
	"bin/build":   "#!/bin/sh\nmkdir -p /srv/data\nsleep 0.3\necho \"$1: ${#PLAIN} and ${#ODD} characters\"\n",
	"bin/run":     "#!/bin/sh\necho \"${#PLAIN} and ${#ODD} characters\"\ntouch /run/tiny\n" + idle,
	"bin/client":  "#!/bin/sh\nsleep 0.3\necho \"${#PLAIN} and ${#ODD} characters\"\n",
	"bin/backup":  "#!/bin/sh\nsleep 0.3\necho \"${#PLAIN} and ${#ODD} characters\"\n",
	"bin/restore": "#!/bin/sh\ncat >/dev/null\n",
	"bin/extra":   "#!/bin/sh\necho \"help: ${#PLAIN} and ${#ODD} characters\"\n",
}

// A secret is in files that only root of the instance can read, and nowhere else
// that Docker, the host's process table or svp's own files show.
func TestSecrecy(t *testing.T) {
	t.Parallel()
	folder, state := t.TempDir(), t.TempDir()
	search := &search{}
	var flags []string
	for name, pattern := range map[string]string{"PLAIN": "%s", "ODD": "a'b\"c d$e#f%%g\\h:/@%%IPäö%s"} {
		value := fmt.Sprintf(pattern, search.marker())
		file := filepath.Join(folder, name)
		change(t, os.WriteFile(file, []byte(value), 0o600))
		search.add(value)
		flags = append(flags, "--secret", name+"=@"+file)
	}
	watched := search.watch(t)
	run := func(args ...string) svptest.Result {
		t.Helper()
		result := svpCall(t, svptest.Call{Args: args, Env: []string{"XDG_STATE_HOME=" + state}, Stdin: strings.NewReader("backup")}).Require(t, 0)
		search.in(t, "stderr of svp "+args[0], []byte(result.Stderr))
		return result
	}

	pack, name, second := tinyPack(t, keeper), newName(t), newName(t)
	base, instance := newName(t), newName(t)
	suite.DestroyAfter(t, name)
	suite.DestroyAfter(t, second)
	run("build", "-b", pack, "-t", base)
	run(append([]string{"setup", "-b", pack, "-i", base, "-t", instance}, flags...)...)
	run("run", "-i", instance, "-n", name)
	run(append([]string{"up", pack, second}, flags...)...)
	backup := filepath.Join(folder, "backup")
	for _, of := range []string{name, second} {
		run("client", of)
		run("extra", of, "help")
		run("backup", of, "-o", backup)
		run("restore", of, "-i", backup)
		run("env", of)
		run("info", of, "--json")
		run("down", of)
		run("start", of)
	}
	watched(t)

	search.inspections(t)
	search.folder(t, state)
	search.filesystem(t, base, false)
	search.filesystem(t, instance, true)
	for _, object := range suite.List(t, name, second) {
		if object.Kind == "container" {
			search.in(t, "the log of "+object.String(), []byte(suite.Host.Logs(t.Context(), object.ID)))
		}
		// Of what up made, that is enough: the other instance has the image that
		// setup made.
		switch ofUp := object.Labels[svptest.LabelInstance] == second; {
		case ofUp && object.Kind == "container":
			search.export(t, object.ID, object.String(), true)
		case ofUp && object.Kind == "image":
			search.filesystem(t, object.ID, true)
		}
	}
}
