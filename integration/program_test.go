package integration

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/servicepack/svp/integration/svptest"
)

// program is a running program that is not svp, but calls it. It has a process
// group of its own, so that a signal reaches it as a Ctrl-C on a terminal does.
type program struct {
	t       testing.TB
	command *exec.Cmd
	output  *svptest.Output
	ended   chan struct{}
	err     error // of waiting, when it has ended
}

// start starts the program in the folder. What is left of its process group is
// killed when the test ends.
func start(t testing.TB, folder string, env []string, arguments ...string) *program {
	t.Helper()
	// Not the test's context, which ends before clean-up can use svp.
	ctx, cancel := context.WithTimeout(context.Background(), coldDeadline)
	command := exec.CommandContext(ctx, arguments[0], arguments[1:]...)
	p := &program{t: t, command: command, output: &svptest.Output{}, ended: make(chan struct{})}
	command.Dir, command.Env = folder, env
	command.Stdout, command.Stderr = p.output, p.output
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGKILL) }
	command.WaitDelay = 5 * time.Second
	if err := command.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	go func() {
		p.err = command.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		cancel()
		<-p.ended
	})
	return p
}

// signal sends a signal to the whole group.
func (p *program) signal(signal syscall.Signal) {
	p.t.Helper()
	if err := syscall.Kill(-p.command.Process.Pid, signal); err != nil {
		p.t.Fatalf("send %v to %s: %v", signal, p.command, err)
	}
}

// hasEnded tells whether the program has ended.
func (p *program) hasEnded() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// wait returns the exit status; -1 is the end by a signal.
func (p *program) wait() int {
	p.t.Helper()
	<-p.ended
	var exit *exec.ExitError
	if p.err != nil && !errors.As(p.err, &exit) {
		p.t.Fatalf("%s: %v\n%s", p.command, p.err, p.output)
	}
	return p.command.ProcessState.ExitCode()
}

// require waits and fails the test unless the program ends with that status. It
// returns what the program printed.
func (p *program) require(status int) string {
	p.t.Helper()
	if got := p.wait(); got != status {
		p.t.Fatalf("%s: status %d, want %d\n%s", p.command, got, status, p.output)
	}
	return p.output.String()
}

// quoted makes a word of the text in a shell.
func quoted(text string) string {
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// onlyInstances returns a folder for PATH in which there is an svp whose `list
// --quiet` knows the instances alone whose names begin with the prefix: scripts
// that go through all instances shall not meet the developer's and other tests'.
func onlyInstances(t testing.TB, prefix string) string {
	t.Helper()
	folder := t.TempDir()
	script := fmt.Sprintf(`#!/bin/sh
if [ "$*" != "list --quiet" ]; then
  exec %[1]s "$@"
fi
names=$(%[1]s list --quiet) || exit
printf '%%s\n' "$names" | grep %[2]s || true
`, quoted(suite.Binary), quoted("^"+prefix))
	if err := os.WriteFile(filepath.Join(folder, "svp"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return folder
}
