package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// finished is a command that has ended.
type finished struct {
	stdout []byte
	took   time.Duration
	peak   int64 // bytes of memory, where it was weighed
}

// svp runs the program that is measured.
func (b *bench) svp(ctx context.Context, args ...string) (finished, error) {
	return finish(b.svpCommand(ctx, args...))
}

// svpCommand is a call of the program that is measured. It has no terminal,
// configuration or cache but the bench's own.
func (b *bench) svpCommand(ctx context.Context, args ...string) *exec.Cmd {
	command := b.command(ctx, b.program, args...)
	for _, kind := range []string{"CONFIG", "DATA", "CACHE", "STATE"} {
		command.Env = append(command.Env, "XDG_"+kind+"_HOME="+b.work+"/"+strings.ToLower(kind))
	}
	command.Env = append(command.Env, "SVP_NETWORK="+b.network)
	return command
}

// command is a command that ends by itself when it is interrupted.
func (b *bench) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, program, args...)
	command.Env = os.Environ()
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.WaitDelay = time.Minute
	return command
}

// finish runs the command to its end; the error of one that fails has the end of
// what it said.
func finish(command *exec.Cmd) (finished, error) {
	return finishWith(command, func() error { return command.Wait() })
}

// finishWeighed also watches the memory of the command, which takes processor time
// from it.
func finishWeighed(command *exec.Cmd) (finished, error) {
	var peak int64
	done, err := finishWith(command, func() error {
		ended := make(chan struct{})
		observed := make(chan int64)
		go func() { observed <- peakMemory(command.Process.Pid, ended) }()
		err := command.Wait()
		close(ended)
		peak = <-observed
		return err
	})
	done.peak = peak
	return done, err
}

func finishWith(command *exec.Cmd, wait func() error) (finished, error) {
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	took, err := timed(func() error {
		if err := command.Start(); err != nil {
			return err
		}
		return wait()
	})
	if err != nil {
		return finished{}, fmt.Errorf("%s: %w: %s", strings.Join(command.Args, " "), err, lastLines(stderr.String()))
	}
	return finished{stdout: stdout.Bytes(), took: took}, nil
}

func lastLines(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-5):], "\n")
}

// up makes an instance and returns its environment as well.
func (b *bench) up(ctx context.Context, p pack, name string) (finished, map[string]string, error) {
	done, err := b.svp(ctx, "up", p.dir, name, "--format", "json")
	if err != nil {
		return finished{}, nil, err
	}
	environment := map[string]string{}
	if err := json.Unmarshal(done.stdout, &environment); err != nil {
		return finished{}, nil, fmt.Errorf("read the environment of %s: %w", name, err)
	}
	return done, environment, nil
}

// destroyAfter removes the instance after a measurement, also when that failed
// or was interrupted.
func (b *bench) destroyAfter(ctx context.Context, name string, err error) error {
	cleanup, cancel := cleanupContext(ctx)
	defer cancel()
	_, destroyErr := b.svp(cleanup, "destroy", name, "--yes")
	if err != nil {
		return err // an instance that was never made cannot be destroyed
	}
	return errors.Join(err, destroyErr)
}
