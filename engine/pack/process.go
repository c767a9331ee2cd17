package pack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// queryPath is the search path of queries, the same for everybody.
const queryPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

const (
	// A script that was just written may be open in a process that another
	// goroutine is about to start; that passes at once.
	busyRetries = 20
	busyPause   = 10 * time.Millisecond
)

// process is the Querier that runs bin/query on this machine, each time in a
// process group of its own.
type process struct {
	dir     string // absolute
	home    string
	timeout time.Duration
	limit   int64
}

// Query implements Querier. The start of an interpreter is most of the time, so
// all questions are asked at once.
func (p *process) Query(ctx context.Context, questions []Question) []Reply {
	replies := make([]Reply, len(questions))
	var wait sync.WaitGroup
	for i, question := range questions {
		wait.Go(func() {
			replies[i].Answer, replies[i].Err = p.query(ctx, question.Key, question.Secrets.Environ())
		})
	}
	wait.Wait()
	return replies
}

func (p *process) query(parent context.Context, key string, env []string) ([]byte, error) {
	timed, cancel := context.WithTimeoutCause(parent, p.timeout, &TimeoutError{After: p.timeout})
	defer cancel()
	ctx, kill := context.WithCancelCause(timed)
	defer kill(nil)

	answer := &limitedBuffer{limit: p.limit, over: kill}
	messages := &tailBuffer{limit: QueryMessages}
	cmd, err := p.start(ctx, func(cmd *exec.Cmd) {
		cmd.Args = append(cmd.Args, key)
		cmd.Env = append(cmd.Env, env...)
		cmd.Stdout, cmd.Stderr = answer, messages
	})
	if err == nil {
		err = cmd.Wait()
		// Whatever the script left behind goes too; most often there is nothing.
		_ = killGroup(cmd)
	}

	var exit *exec.ExitError
	switch {
	case err == nil:
		return answer.kept, nil
	case parent.Err() != nil:
		return nil, parent.Err()
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case errors.Is(err, exec.ErrWaitDelay):
		return nil, ErrLeftRunning
	case errors.As(err, &exit):
		return nil, &ExitError{Status: exitStatus(exit.ProcessState), Stderr: messages.lines()}
	}
	return nil, err
}

// start starts bin/query, again while the kernel holds the script for busy.
func (p *process) start(ctx context.Context, prepare func(*exec.Cmd)) (*exec.Cmd, error) {
	pause := time.NewTicker(busyPause)
	defer pause.Stop()
	for attempt := 0; ; attempt++ {
		cmd := p.command(ctx)
		prepare(cmd)
		err := cmd.Start()
		if err == nil {
			return cmd, nil
		}
		if !errors.Is(err, syscall.ETXTBSY) || attempt == busyRetries {
			return nil, startError(cmd.Path, err)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-pause.C:
		}
	}
}

func (p *process) command(ctx context.Context) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(p.dir, filepath.FromSlash(queryScript)))
	cmd.Dir = p.dir
	cmd.Env = []string{"PATH=" + queryPath, "HOME=" + p.home, "LANG=C.UTF-8"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return killGroup(cmd) }
	cmd.WaitDelay = QueryGrace
	return cmd
}

// killGroup kills the script and its children.
func killGroup(cmd *exec.Cmd) error {
	err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	if errors.Is(err, syscall.ESRCH) {
		return os.ErrProcessDone
	}
	return err
}

func exitStatus(state *os.ProcessState) int {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return state.ExitCode()
}

// startError says in the words of a pack's author why the script at path
// could not be started.
func startError(path string, err error) error {
	switch {
	case errors.Is(err, syscall.ETXTBSY):
		return fmt.Errorf("another program has it open for writing; close it there: %w", syscall.ETXTBSY)
	case errors.Is(err, syscall.ENOEXEC):
		return fmt.Errorf("not a program for this machine: %w", syscall.ENOEXEC)
	case errors.Is(err, fs.ErrNotExist):
		// Not wrapped: what is missing is not the pack.
		return errors.New(missing(path))
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("it may not be executed here; look at its permissions, and whether its file system is mounted noexec: %w", syscall.EACCES)
	}
	return fmt.Errorf("start it: %w", err)
}

// missing names what the kernel did not find: the script, or the interpreter
// of its first line.
func missing(path string) string {
	content, err := os.ReadFile(path)
	if err != nil {
		return "it is no longer there"
	}
	first, _, _ := bytes.Cut(content, []byte("\n"))
	interpreter, ok := strings.CutPrefix(string(first), "#!")
	if !ok {
		return "its program loader is not on this machine"
	}
	return fmt.Sprintf("its interpreter %s is not on this machine", quote(strings.Trim(interpreter, " \t")))
}

// limitedBuffer keeps an answer, and ends its query when that is too long.
type limitedBuffer struct {
	kept  []byte
	limit int64
	over  context.CancelCauseFunc
}

// Write implements io.Writer.
func (b *limitedBuffer) Write(p []byte) (int, error) {
	if int64(len(b.kept)+len(p)) > b.limit {
		err := &LimitError{Bytes: b.limit}
		b.over(err)
		return 0, err
	}
	b.kept = append(b.kept, p...)
	return len(p), nil
}

// tailBuffer keeps the end of what is written to it.
type tailBuffer struct {
	kept  []byte
	limit int
	cut   bool
}

// Write implements io.Writer.
func (b *tailBuffer) Write(p []byte) (int, error) {
	b.kept = append(b.kept, p...)
	if surplus := len(b.kept) - b.limit; surplus > 0 {
		b.kept = append(b.kept[:0], b.kept[surplus:]...)
		b.cut = true
	}
	return len(p), nil
}

// lines returns what was kept, without a line whose beginning is lost.
func (b *tailBuffer) lines() string {
	if !b.cut {
		return string(b.kept)
	}
	_, whole, _ := bytes.Cut(b.kept, []byte("\n"))
	return string(whole)
}
