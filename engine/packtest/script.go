package packtest

import (
	"bytes"
	"context"
	"io"
	"strings"
	"time"

	"github.com/servicepack/svp/engine"
	"github.com/servicepack/svp/engine/envvar"
)

// scriptTimeout bounds a script of the pack in a running instance.
const scriptTimeout = time.Minute

// said is what a script printed, and how it ended.
type said struct {
	status   int
	out, err string
}

// message is what a script that failed had to say.
func (s said) message() string {
	text := strings.TrimSpace(s.err)
	if text == "" {
		text = strings.TrimSpace(s.out)
	}
	if text == "" {
		return "it printed nothing"
	}
	return text
}

// script runs a command in a component's container, and wants it to end well.
func (t *trial) script(ctx context.Context, i *instance, component string, command ...string) (said, error) {
	result, err := t.attempt(ctx, i, component, command...)
	if err == nil && result.status != 0 {
		err = found("try it: svp pack test --keep, then svp shell "+i.name+" -- "+strings.Join(command, " "),
			"%s ended with status %d: %s", strings.Join(command, " "), result.status, result.message())
	}
	return result, err
}

// attempt runs a command in a component's container, however it ends.
func (t *trial) attempt(ctx context.Context, i *instance, component string, command ...string) (said, error) {
	return t.attemptAs(ctx, i, component, strings.Join(command, " "), nil, command...)
}

// attemptAs names the command in another way than by its words.
func (t *trial) attemptAs(ctx context.Context, i *instance, component, name string, stdin io.Reader, command ...string) (said, error) {
	return t.bounded(ctx, name, func(ctx context.Context, out, messages io.Writer) (int, error) {
		target := engine.Target{Name: i.name, Component: component}
		return t.Shell(ctx, target, command, engine.Streams{In: stdin, Out: out, Err: messages})
	})
}

// bounded calls do with a time limit, and keeps what it writes.
func (t *trial) bounded(ctx context.Context, what string, do func(ctx context.Context, out, messages io.Writer) (int, error)) (said, error) {
	limited, cancel := context.WithTimeout(ctx, scriptTimeout)
	defer cancel()
	var out, messages capped
	status, err := do(limited, &out, &messages)
	if isDeadline(ctx, err) {
		err = found("let it end by itself, also when its input is empty", "%s did not end within %s", what, scriptTimeout)
	}
	return said{status, out.String(), messages.String()}, err
}

// largestOutput bounds what is kept of a script's output.
const largestOutput = 1 << 20

// capped keeps the beginning of what is written.
type capped struct{ bytes.Buffer }

func (c *capped) Write(p []byte) (int, error) {
	c.Buffer.Write(p[:min(len(p), max(0, largestOutput-c.Len()))])
	return len(p), nil
}

// withEnvironment runs "$@" with the variables that its input sets, which are in
// no argument list then.
const withEnvironment = `set -a; eval "$(cat)"; set +a; exec "$@" </dev/null`

// attemptWith runs a command in an instance with some variables changed.
func (t *trial) attemptWith(ctx context.Context, i *instance, component string, changed envvar.Set, command ...string) (said, error) {
	var shell bytes.Buffer
	if err := envvar.Write(&shell, envvar.Shell, changed, envvar.Service{}); err != nil {
		return said{}, err
	}
	return t.attemptAs(ctx, i, component, strings.Join(command, " "), &shell,
		append([]string{"/bin/sh", "-c", withEnvironment, "sh"}, command...)...)
}

// healthOf is how a component is asked whether it is ready.
func healthOf(component string) []string {
	if component == "" {
		return []string{"bin/health"}
	}
	return []string{"bin/health", component}
}

// extraCommands are the names in the pack's list of its own commands.
func (t *trial) extraCommands(ctx context.Context, i *instance) ([]string, error) {
	list, err := t.script(ctx, i, "", "bin/extra", "help")
	if err != nil {
		return nil, err
	}
	var names []string
	for line := range strings.Lines(list.out) {
		use, _, described := strings.Cut(strings.TrimSpace(line), ": ")
		if name, _, _ := strings.Cut(use, " "); described {
			names = append(names, name)
		}
	}
	return names, nil
}
