package engine

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/servicepack/svp/engine/driver"
	"github.com/servicepack/svp/engine/pack"
	"github.com/servicepack/svp/engine/plan"
)

// stayUp is how long a service without a health script and without ports has to
// run to count as ready.
const stayUp = time.Second

// probeLoop repeats a command in the container until it succeeds; $1 is the
// number of seconds after which it gives up, which begin when it first fails. One
// exec that loops is an order of magnitude faster to notice than an exec for each
// attempt. The instance's variables are the command's alone.
const probeLoop = `seconds=$1 end=
shift
until "$@"; do
	now=$(date +%s)
	[ "$now" -lt "${end:=$((now + seconds))}" ] || exit 1
	sleep 0.03
done`

// portsListen succeeds when every port, given as PROTOCOL:STATE:HEX, is in the
// kernel's table of sockets (proc_net_tcp in the kernel's documentation: the
// local address is the second field, the state the fourth).
const portsListen = `for port in "$@"; do
	protocol=${port%%:*} rest=${port#*:}
	state=${rest%%:*} number=${rest#*:}
	cat /proc/net/"$protocol" /proc/net/"$protocol"6 2>/dev/null |
		grep -q "^ *[0-9]*: [0-9A-F]*:$number [0-9A-F]*:[0-9A-F]* $state " || exit 1
done`

// ready waits until every component serves, and fails at once when one of them
// ends first.
func (l *launch) ready(ctx context.Context, timeout time.Duration) (err error) {
	ctx, cancel := l.engine.withTimeout(ctx, timeout, DefaultReadyTimeout)
	defer cancel()
	step := l.engine.beginPhase("ready", l.identity.Name, l.template)
	defer func() { err = step.end(err) }()
	failed, err := l.awaitAll(ctx, step)
	if err != nil {
		err = &notReadyError{criterion: l.criterion(failed.component), err: causeOf(ctx, err)}
		l.lastOutput(ctx, failed, step)
	}
	return err
}

// awaitAll probes all components at the same time while it watches all of them.
// With an error it returns the component that it is about.
func (l *launch) awaitAll(ctx context.Context, output *phase) (runningContainer, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	type result struct {
		running runningContainer
		err     error
	}
	probed := make(chan result, len(l.running))
	ended := make(chan result, len(l.running))
	for _, running := range l.running {
		go func() { probed <- result{running, l.probe(ctx, running, output)} }()
		go func() {
			select {
			case exit := <-running.exits:
				ended <- result{running, endedEarly(running, exit)}
			case <-ctx.Done():
			}
		}()
	}
	for range l.running {
		select {
		case r := <-probed:
			if r.err != nil {
				return r.running, r.err
			}
		case r := <-ended:
			return r.running, r.err
		}
	}
	return runningContainer{}, nil
}

func endedEarly(running runningContainer, exit driver.Exit) error {
	if exit.Err != nil {
		return exit.Err
	}
	script := strings.TrimSpace("bin/run " + running.component)
	return &ScriptError{Script: script, Status: exit.Code, OutOfMemory: exit.OutOfMemory}
}

// notReadyError tells what a service did not do in time, or before it ended.
type notReadyError struct {
	criterion string
	err       error
}

func (e *notReadyError) Error() string { return "not ready: " + e.criterion + ": " + e.err.Error() }
func (e *notReadyError) Unwrap() error { return e.err }

// criterion is what a component must do to be ready, and has not done.
func (l *launch) criterion(component string) string {
	switch {
	case l.service.Has(pack.ScriptHealth):
		return strings.TrimSpace("bin/health "+component) + " did not succeed"
	case len(l.service.Ports) > 0:
		ports := make([]string, 0, len(l.service.Ports))
		for _, port := range l.service.Ports {
			ports = append(ports, plan.FormatPort(port))
		}
		return "nothing listens on all of " + strings.Join(ports, ", ")
	default:
		return strings.TrimSpace("bin/run "+component) + " did not stay up"
	}
}

// probe returns when the component serves.
func (l *launch) probe(ctx context.Context, running runningContainer, output *phase) error {
	switch {
	case l.service.Has(pack.ScriptHealth):
		health := []string{"bin/health"}
		if running.component != "" {
			health = append(health, running.component)
		}
		return l.probeUntil(ctx, running.id, output, health...)
	case len(l.service.Ports) > 0:
		command := []string{"/bin/sh", "-c", portsListen, "sh"}
		for _, port := range l.service.Ports {
			command = append(command, socketEntry(port))
		}
		return l.probeUntil(ctx, running.id, output, command...)
	default:
		return l.staysUp(ctx, running.id)
	}
}

// staysUp returns when the service has run for a while. A host that is busy may be late
// to tell that it ended, so it is asked, until it tells or has started it again.
func (l *launch) staysUp(ctx context.Context, container string) error {
	for {
		if err := sleep(ctx, stayUp); err != nil {
			return err
		}
		now, err := l.driver.Container(ctx, container)
		if err != nil || now.State == driver.Running || now.State == driver.Paused {
			return err
		}
	}
}

// socketEntry is a port as portsListen takes it: TCP sockets that listen are in
// state 0A, bound UDP sockets in state 07.
func socketEntry(port driver.Port) string {
	state := map[string]string{"tcp": "0A", "udp": "07"}[port.Protocol]
	return port.Protocol + ":" + state + ":" + fmt.Sprintf("%04X", port.Number)
}

func (l *launch) probeUntil(ctx context.Context, container string, output *phase, command ...string) error {
	seconds := int(DefaultTimeout.Seconds())
	if deadline, ok := ctx.Deadline(); ok {
		seconds = max(1, int(time.Until(deadline).Seconds())+1)
	}
	loop := append([]string{"/bin/sh", "-c", probeLoop, "sh", strconv.Itoa(seconds)}, plan.ScriptCommand(command...)...)
	for {
		tail := &tailWriter{limit: longestLine}
		status, err := l.driver.Exec(ctx, container, driver.ExecSpec{Command: loop, Stdout: tail, Stderr: tail})
		if err == nil && status == 0 {
			return nil
		}
		gaveUp := err == nil && status == 1 || ctx.Err() != nil
		if gaveUp && len(tail.kept) > 0 {
			_, _ = output.Write(append(tail.kept, '\n')) // a phase takes everything
		}
		// A container that has ended is told of by its exit; what else may
		// keep a command from starting passes.
		if err := sleep(ctx, pollInterval); err != nil {
			return err
		}
	}
}

// lastOutput shows what a service that did not become ready has written.
func (l *launch) lastOutput(ctx context.Context, running runningContainer, output *phase) {
	cleanup, cancel := cleanupContext(ctx)
	defer cancel()
	if err := l.driver.Logs(cleanup, running.id, driver.LogOptions{Tail: lastLinesKept}, output, output); err != nil {
		l.engine.warn(fmt.Sprintf("the service's output cannot be read: %v", err))
	}
}

// tailWriter keeps the end of what is written.
type tailWriter struct {
	limit int
	kept  []byte
}

func (w *tailWriter) Write(p []byte) (int, error) {
	w.kept = append(w.kept, p...)
	if excess := len(w.kept) - w.limit; excess > 0 {
		w.kept = slices.Delete(w.kept, 0, excess)
	}
	return len(p), nil
}
