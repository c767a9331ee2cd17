// Testsummary runs `go test` with the arguments given, shows what a person wants to follow (a line for every
// package and every slow test, the whole output of what failed) and closes with one line, alone:
//
//	N passed, N failed
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"
)

// interruptGrace is how long tests that were interrupted may clean up after themselves.
const interruptGrace = 30 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	passed := run(ctx, ".", os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if !passed {
		os.Exit(1)
	}
}

// run tests the module in dir and reports whether every test passed.
func run(ctx context.Context, dir string, args []string, stdout, stderr io.Writer) bool {
	summary := newSummary(stdout)
	if err := goTest(ctx, dir, args, summary, stderr); err != nil {
		summary.commandFailed(err)
	}
	return summary.close()
}

// goTest feeds the summary with the events of `go test`. It starts a process group of its own, because
// `go test` itself does not pass a signal on to the tests that it runs.
func goTest(ctx context.Context, dir string, args []string, summary *summary, stderr io.Writer) error {
	cmd := exec.CommandContext(ctx, "go", append([]string{"test", "-json"}, args...)...)
	cmd.Dir = dir
	cmd.Stderr = stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
	cmd.WaitDelay = interruptGrace
	events, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("go test: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("go test: %w", err)
	}
	readErr := summary.read(events)
	if err := errors.Join(readErr, cmd.Wait()); err != nil {
		return fmt.Errorf("go test: %w", err)
	}
	return nil
}
