package svptest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/joho/godotenv"
)

// DefaultDeadline is how long a command may take that says nothing else: it may have
// to build a base image first.
const DefaultDeadline = 8 * time.Minute

// Call is a command line of svp.
type Call struct {
	Args     []string
	Stdin    io.Reader // nil: empty
	Stdout   *os.File  // nil: it is in the result
	Terminal *os.File  // takes the place of all three streams
	Env      []string  // KEY=VALUE, beside what the suite sets
	Dir      string    // working directory; empty: that of the test
	Deadline time.Duration
}

// Result is how a command ended.
type Result struct {
	Args           []string
	Stdout, Stderr string
	Status         int
	Elapsed        time.Duration
}

// Run runs svp to its end. It fails the test when that takes longer than the
// deadline.
func (s *Suite) Run(t testing.TB, call Call) Result {
	t.Helper()
	return s.Start(t, call).Wait()
}

// Process is a running svp.
type Process struct {
	t              testing.TB
	args           []string
	command        *exec.Cmd
	stdout, stderr *Output
	started        time.Time
	deadline       context.Context //nolint:containedctx // the process's own, made and ended with it
	release        context.CancelFunc
	ended          chan struct{}
	result         Result // when it has ended
}

// Start starts svp. What is left of it is killed when the test ends.
func (s *Suite) Start(t testing.TB, call Call) *Process {
	t.Helper()
	if call.Deadline == 0 {
		call.Deadline = DefaultDeadline
	}
	// Not the test's context, so that clean-up can run svp too.
	ctx, cancel := context.WithTimeout(context.Background(), call.Deadline)
	p := &Process{
		t: t, args: call.Args, stdout: &Output{}, stderr: &Output{}, started: time.Now(), deadline: ctx, release: cancel,
		ended: make(chan struct{}),
	}
	p.command = exec.CommandContext(ctx, s.Binary, call.Args...)
	p.command.Stdin, p.command.Stdout, p.command.Stderr = call.Stdin, p.stdout, p.stderr
	if call.Stdout != nil {
		p.command.Stdout = call.Stdout
	}
	if call.Terminal != nil {
		p.command.Stdin, p.command.Stdout, p.command.Stderr = call.Terminal, call.Terminal, call.Terminal
		p.command.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	}
	p.command.Dir, p.command.Env = call.Dir, s.environment(call.Env)
	p.command.WaitDelay = 5 * time.Second
	if err := p.command.Start(); err != nil {
		cancel()
		t.Fatalf("start svp: %v", err)
	}
	go p.follow()
	t.Cleanup(func() {
		cancel()
		<-p.ended
	})
	return p
}

// PID is the number of the process.
func (p *Process) PID() int { return p.command.Process.Pid }

// Stderr is what svp has said up to now.
func (p *Process) Stderr() string { return p.stderr.String() }

// Stdout is what svp has printed up to now.
func (p *Process) Stdout() string { return p.stdout.String() }

// Signal sends a signal; a process that has ended does not mind.
func (p *Process) Signal(signal syscall.Signal) {
	p.t.Helper()
	if err := p.command.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Fatalf("send %v to svp: %v", signal, err)
	}
}

// Wait returns how svp ended.
func (p *Process) Wait() Result {
	p.t.Helper()
	<-p.ended
	if errors.Is(p.deadline.Err(), context.DeadlineExceeded) {
		p.t.Fatalf("svp %s was still running after %v\n%s", strings.Join(p.args, " "), p.result.Elapsed, p.result)
	}
	return p.result
}

func (p *Process) follow() {
	defer close(p.ended)
	// How it ended is in the state.
	_ = p.command.Wait()
	p.result = Result{
		Args: p.args, Stdout: p.stdout.String(), Stderr: p.stderr.String(),
		Status: p.command.ProcessState.ExitCode(), Elapsed: time.Since(p.started),
	}
	if p.deadline.Err() == nil {
		p.release()
	}
}

// String shows all of the result, for messages of tests.
func (r Result) String() string {
	return fmt.Sprintf("svp %s\nstatus %d after %v\n--- stdout\n%s\n--- stderr\n%s",
		strings.Join(r.Args, " "), r.Status, r.Elapsed.Round(time.Millisecond), r.Stdout, r.Stderr)
}

// Require fails the test at once unless svp ended with that status.
func (r Result) Require(t testing.TB, status int) Result {
	t.Helper()
	if r.Status != status {
		t.Fatalf("status %d, want %d: %s", r.Status, status, r)
	}
	return r
}

// Env reads stdout as a dotenv file.
func (r Result) Env(t testing.TB) map[string]string {
	t.Helper()
	r.Require(t, 0)
	env, err := godotenv.Unmarshal(r.Stdout)
	if err != nil {
		t.Fatalf("stdout is no dotenv file: %v\n%s", err, r)
	}
	return env
}

// environment is that of svp: the developer's, without what would change how
// svp behaves or lead it to the developer's own files.
func (s *Suite) environment(more []string) []string {
	var env []string
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		switch {
		case name == "SVP_CA_BUNDLE": // what the machine needs to reach anything
		case strings.HasPrefix(name, "SVP_"), strings.HasPrefix(name, "XDG_"), name == "HOME",
			name == "DOCKER_HOST", name == "DOCKER_CONTEXT", name == "DOCKER_CONFIG", name == "NO_COLOR":
			continue
		}
		env = append(env, variable)
	}
	env = append(env, "HOME="+s.folder, "SVP_NETWORK="+s.Network())
	for variable, folder := range map[string]string{
		"XDG_CONFIG_HOME": "config", "XDG_DATA_HOME": "data", "XDG_STATE_HOME": "state", "XDG_CACHE_HOME": "cache",
	} {
		env = append(env, variable+"="+filepath.Join(s.folder, folder))
	}
	if s.Host.Endpoint != "" {
		env = append(env, "DOCKER_HOST="+s.Host.Endpoint)
	}
	return append(env, more...)
}

// Output can be read while it is written.
type Output struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

// Write adds to the output.
func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buffer.Write(p)
}

// String is the output up to now.
func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buffer.String()
}
