package integration

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"

	"github.com/servicepack/svp/integration/svptest"
)

// scripted is a pack that has all optional scripts of version 0, and restore.
var scripted = map[string]string{
	"bin/query": query("version) echo 1 ;; secrets) echo TOKEN ;; env) echo 'ADDRESS=%IP' ;;")["bin/query"],
	"bin/client": `#!/bin/bash
case $1 in
status) cat >/dev/null; exit "$2" ;;
hang) trap '' INT; echo "$$" >/run/hanging; echo hanging; sleep 3600; exit 1 ;;
size) until [ "$(stty size)" != "0 0" ]; do sleep 0.01; done # engines before API 1.42 tell it a moment later
	stty size; read -r line; stty size; exit ;;
signal) trap 'echo told; exit 9' INT; echo ready; while :; do sleep 0.05; done ;;
esac
printf 'arguments:'
printf ' <%s>' "$@"
printf '\nwhere: %s\ntoken: %s\ninput: ' "$PWD" "$TOKEN"
cat
[ -t 0 ] && echo terminal
echo problem >&2
exit 37
`,
	"bin/backup":  "#!/bin/sh\necho starting >&2\necho \"the data is $(cat /srv/tiny/data)\"\n[ ! -e /srv/tiny/fail ] || exit 3\n",
	"bin/restore": "#!/bin/sh\nread -r _ _ _ data\n[ -n \"$data\" ] || { echo empty >&2; exit 4; }\necho \"$data\" >/srv/tiny/data\n",
	"bin/extra": "#!/bin/sh\ncase $1 in\nhelp) echo 'greet: says hello' ;;\ngreet) shift; printf 'hello'; printf ' <%s>' \"$@\"; echo; cat ;;\n" +
		"*) echo \"no command $1\" >&2; exit 2 ;;\nesac\n",
}

func TestScripts(t *testing.T) {
	t.Parallel()
	pack, name := tinyPack(t, scripted), newName(t)
	env := up(t, pack, name).Env(t)
	with := func(input string, args ...string) svptest.Result {
		t.Helper()
		return svpCall(t, svptest.Call{Args: args, Stdin: strings.NewReader(input)})
	}
	same := func(what string, result svptest.Result, status int, stdout, stderr string) {
		t.Helper()
		if result.Status != status || result.Stdout != stdout || result.Stderr != stderr {
			t.Errorf("%s: want status %d, stdout %q, stderr %q: %s", what, status, stdout, stderr, result)
		}
	}
	said := func(arguments string) string {
		return "arguments: " + arguments + "\nwhere: /service\ntoken: " + env["TOKEN"] + "\ninput: x\n"
	}
	same("client", with("x\n", "client", name), 37, said("<>"), "problem\n")
	same("client with arguments", with("x\n", "client", name, "--", "-t", "a b", "--help", "$HOME", "", "ä"), 37,
		said("<-t> <a b> <--help> <$HOME> <> <ä>"), "problem\n")
	for _, target := range []string{"svp-" + name, containerID(t, name)} {
		same("client of a container", with("x\n", "client", "-c", target, "--", "a"), 37, said("<a>"), "problem\n")
	}
	same("status 0", with("", "client", name, "--", "status", "0"), 0, "", "")
	same("status 125", with("", "client", name, "--", "status", "125"), 125, "", "")
	same("status 255", with("", "client", name, "--", "status", "255"), 255, "", "")
	large := strings.Repeat("0123456789abcde\n", 1<<16)
	if big := with(large, "shell", name, "--", "cat").Require(t, 0); big.Stdout != large {
		t.Errorf("%d bytes of a megabyte come back", len(big.Stdout))
	}

	same("extra help", with("", "extra", name, "help"), 0, "greet: says hello\n", "")
	same("extra", with("input\n", "extra", name, "greet", "-h", "--json", "you there"), 0, "hello <-h> <--json> <you there>\ninput\n", "")
	same("unknown extra", with("", "extra", name, "nonsense"), 2, "", "no command nonsense\n")
	same("shell", with("", "shell", name, "--", "sh", "-c", `echo "$TOKEN $ADDRESS $PWD"; exit 5`), 5,
		env["TOKEN"]+" "+env["ADDRESS"]+" /service\n", "")
	same("shell reads", with("echo $((40 + 2))\nexit 6\n", "shell", name), 6, "42\n", "")
	complaint(t, svp(t, "shell", name, "--component", "none", "--", "true"), 2, "no components")
}

// containerID is the id of the instance's only container.
func containerID(t *testing.T, name string) string {
	t.Helper()
	for _, object := range suite.List(t, name) {
		if object.Kind == "container" {
			return object.ID
		}
	}
	t.Fatalf("%s has no container", name)
	return ""
}

func TestBackupAndRestore(t *testing.T) {
	t.Parallel()
	pack, name := tinyPack(t, scripted), newName(t)
	up(t, pack, name).Require(t, 0)
	run := func(script string) string {
		t.Helper()
		return svp(t, "shell", name, "--", "sh", "-c", script).Require(t, 0).Stdout
	}
	run("echo first >/srv/tiny/data")
	folder := t.TempDir()
	file := filepath.Join(folder, "backup")
	read := func() string {
		t.Helper()
		content, err := os.ReadFile(file)
		change(t, err)
		return string(content)
	}

	streamed := svp(t, "backup", name).Require(t, 0)
	if streamed.Stdout != "the data is first\n" || !strings.Contains(streamed.Stderr, "starting") {
		t.Errorf("backup: %s", streamed)
	}
	svp(t, "backup", name, "-o", file).Require(t, 0)
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 || read() != streamed.Stdout {
		t.Errorf("the file with the backup: %v, %v", info, err)
	}

	// A failing script leaves no file, and the one before as it was.
	run("echo second >/srv/tiny/data; touch /srv/tiny/fail")
	svp(t, "backup", name, "-o", file).Require(t, 3)
	svp(t, "backup", name, "-o", filepath.Join(folder, "other")).Require(t, 3)
	if entries, err := os.ReadDir(folder); err != nil || len(entries) != 1 || read() != streamed.Stdout {
		t.Errorf("a backup that failed leaves %v, %v, %q", entries, err, read())
	}
	complaint(t, svp(t, "backup", name, "-o", filepath.Join(folder, "no", "such", "folder")), 125, folder)

	run("rm /srv/tiny/fail")
	svp(t, "restore", name, "-i", file).Require(t, 0)
	if data := run("cat /srv/tiny/data"); data != "first\n" {
		t.Errorf("after restore the data is %q", data)
	}
	svpCall(t, svptest.Call{Args: []string{"restore", name}, Stdin: strings.NewReader("the data is third\n")}).Require(t, 0)
	if data := run("cat /srv/tiny/data"); data != "third\n" {
		t.Errorf("after restore the data is %q", data)
	}
	failed := svpCall(t, svptest.Call{Args: []string{"restore", name}, Stdin: strings.NewReader("")}).Require(t, 4)
	if !strings.Contains(failed.Stderr, "empty") {
		t.Errorf("restore: %s", failed)
	}
	complaint(t, svp(t, "restore", name, "-i", filepath.Join(folder, "none")), 125, "none")
	complaint(t, svp(t, "backup", "-c", "no-such-container"), 125, "no-such-container")
}

func TestOptionalScriptsThatAreNotThere(t *testing.T) {
	t.Parallel()
	pack, name := tinyPack(t, nil), newName(t)
	up(t, pack, name).Require(t, 0)
	for _, verb := range []string{"client", "backup", "restore"} {
		complaint(t, svp(t, verb, name), 125, name, "bin/"+verb)
	}
	complaint(t, svp(t, "extra", name, "help"), 125, name, "bin/extra")
	svp(t, "stop", name).Require(t, 0)
	complaint(t, svp(t, "shell", name, "--", "true"), 125, name, "not running")
}

// A container of the first svp's kind, made by hand from an instance image, is as
// good a target as an instance, and no command takes it for something of its own.
func TestContainerMadeByHand(t *testing.T) {
	t.Parallel()
	pack := tinyPack(t, scripted)
	base, image, byHand := newName(t), newName(t), newName(t)
	svp(t, "build", "-b", pack, "-t", base).Require(t, 0)
	env := svp(t, "setup", "-b", pack, "-i", base, "-t", image).Env(t)
	created, err := suite.Host.API.ContainerCreate(t.Context(), &container.Config{Image: image}, nil, nil, nil, byHand)
	change(t, err)
	remove := func() error {
		return suite.Host.API.ContainerRemove(t.Context(), created.ID, container.RemoveOptions{Force: true})
	}
	change(t, suite.Host.API.ContainerStart(t.Context(), created.ID, container.StartOptions{}))
	result := svpCall(t, svptest.Call{Args: []string{"client", "-c", byHand}, Stdin: strings.NewReader("x\n")}).Require(t, 37)
	if !strings.Contains(result.Stdout, "token: "+env["TOKEN"]+"\n") {
		t.Errorf("client of a container: %s", result)
	}
	svp(t, "gc").Require(t, 0)
	svp(t, "shell", "-c", byHand, "--", "true").Require(t, 0)
	change(t, remove())
}

func TestInterruptedClient(t *testing.T) {
	t.Parallel()
	pack, name := tinyPack(t, scripted), newName(t)
	up(t, pack, name).Require(t, 0)
	process := suite.Start(t, svptest.Call{Args: []string{"client", name, "--", "hang"}})
	eventually(t, 10*time.Second, "the client runs", func() bool { return process.Stdout() == "hanging\n" })
	process.Signal(syscall.SIGINT)
	if result := process.Wait(); result.Status != 130 {
		t.Errorf("interrupted: %s", result)
	}
	eventually(t, 5*time.Second, "the client is gone from the container", func() bool {
		return svp(t, "shell", name, "--", "sh", "-c", `kill -0 "$(cat /run/hanging)"`).Status != 0
	})
}

// As in svp backup NAME | head: whoever closes the pipe wants no more, and the script
// does not go on in the container.
func TestReaderIsGone(t *testing.T) {
	t.Parallel()
	pack, name := tinyPack(t, map[string]string{
		"bin/backup": "#!/bin/sh\necho $$ >/run/endless\nwhile :; do sleep 0.01; echo more; done\n",
	}), newName(t)
	up(t, pack, name).Require(t, 0)
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	process := suite.Start(t, svptest.Call{Args: []string{"backup", name}, Stdout: writer})
	change(t, writer.Close())
	if _, err := io.ReadFull(reader, make([]byte, len("more\n"))); err != nil {
		t.Fatal(err)
	}
	change(t, reader.Close())
	if result := process.Wait(); result.Status != 141 || result.Stderr != "" {
		t.Errorf("after the reader is gone: %s", result)
	}
	if svp(t, "shell", name, "--", "sh", "-c", `kill -0 "$(cat /run/endless)"`).Status == 0 {
		t.Error("the script goes on in the container")
	}
}
