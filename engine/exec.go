package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/servicepack/svp/engine/driver"
	"github.com/servicepack/svp/engine/pack"
	"github.com/servicepack/svp/engine/plan"
)

// Target is where a script is to run: in an instance, or in a container that
// the user names.
type Target struct {
	Name      string
	Component string // empty: the first, or the only one
	Container string // a container's name or id, in place of Name
}

func (t Target) String() string {
	if t.Container != "" {
		return t.Container
	}
	return t.Name
}

// Streams are the streams of a script. With a Terminal it is interactive, and
// Err is unused.
type Streams struct {
	In       io.Reader // nil: empty
	Out, Err io.Writer
	Terminal *driver.Terminal
}

// Client runs the pack's client and returns its exit status. An error means that
// svp failed, and not the script; so it is for all the methods that run scripts.
func (e *Engine) Client(ctx context.Context, target Target, args []string, streams Streams) (int, error) {
	return e.script(ctx, pack.ScriptClient, target, args, streams)
}

// Extra runs one of the pack's own commands; args are the command and what
// follows it.
func (e *Engine) Extra(ctx context.Context, target Target, args []string, streams Streams) (int, error) {
	return e.script(ctx, pack.ScriptExtra, target, args, streams)
}

// Restore replaces the instance's data with a backup, read from streams.In.
func (e *Engine) Restore(ctx context.Context, target Target, streams Streams) (int, error) {
	backup := &checkedReader{in: streams.In}
	if streams.In != nil {
		streams.In = backup
	}
	status, err := e.script(ctx, pack.ScriptRestore, target, nil, streams)
	if broken := backup.failure(); err == nil && broken != nil {
		return -1, fail("restore", target.String(), fmt.Errorf("the backup was not read to its end, and so the data is not whole: %w", broken))
	}
	return status, err
}

// checkedReader remembers that its source could not be read to its end. A script
// cannot tell that from the end itself.
type checkedReader struct {
	in  io.Reader
	mu  sync.Mutex
	err error
}

func (r *checkedReader) Read(p []byte) (int, error) {
	n, err := r.in.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.err = err
	}
	return n, err
}

func (r *checkedReader) failure() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// errEmptyBackup tells that a backup script claimed success and wrote nothing.
var errEmptyBackup = errors.New("the backup is empty, although bin/backup reported success")

// Backup writes a backup of the instance's data to streams.Out.
func (e *Engine) Backup(ctx context.Context, target Target, streams Streams) (int, error) {
	counted := &countingWriter{out: streams.Out}
	streams.Out = counted
	status, err := e.script(ctx, pack.ScriptBackup, target, nil, streams)
	if err == nil && status == 0 && counted.count.Load() == 0 {
		return status, fail("backup", target.String(), errEmptyBackup)
	}
	return status, err
}

type countingWriter struct {
	out   io.Writer
	count atomic.Int64
}

func (w *countingWriter) Write(p []byte) (int, error) {
	n, err := w.out.Write(p)
	w.count.Add(int64(n))
	return n, err
}

// Shell runs a shell with the instance's environment, or the command that args
// give.
func (e *Engine) Shell(ctx context.Context, target Target, args []string, streams Streams) (int, error) {
	command := args
	if len(command) == 0 {
		command = []string{"/bin/sh", "-c", "[ -x /bin/bash ] && exec /bin/bash; exec /bin/sh"}
	}
	status, err := e.exec(ctx, target, "", command, streams)
	return status, fail("shell", target.String(), causeOf(ctx, err))
}

func (e *Engine) script(ctx context.Context, script string, target Target, args []string, streams Streams) (int, error) {
	status, err := e.exec(ctx, target, script, append([]string{"bin/" + script}, args...), streams)
	return status, fail(script, target.String(), causeOf(ctx, err))
}

// exec runs the command in the target with the instance's environment. The
// script, when one is named, must be one that the pack has.
func (e *Engine) exec(ctx context.Context, target Target, script string, command []string, streams Streams) (int, error) {
	container, err := e.resolve(ctx, target)
	if err != nil {
		return -1, err
	}
	if script != "" {
		service, err := plan.ServiceFromLabels(container.Labels)
		if err != nil {
			return -1, fmt.Errorf("container %s is none of svp's: %w", container.Name, err)
		}
		if !service.Has(script) {
			return -1, fmt.Errorf("%w: pack %s has no bin/%s", ErrNoScript, service.Pack, script)
		}
	}
	return e.execIn(ctx, container, command, streams)
}

// execIn runs the command in the container with the instance's environment.
func (e *Engine) execIn(ctx context.Context, container driver.Container, command []string, streams Streams) (int, error) {
	if container.State != driver.Running {
		return -1, fmt.Errorf("%w: it is %s", ErrNotRunning, container.State)
	}
	id, err := e.randomID()
	if err != nil {
		return -1, err
	}
	d, err := e.driver(ctx)
	if err != nil {
		return -1, err
	}
	marked := append([]string{"/usr/bin/env", execMark + "=" + id}, command...)
	status, err := d.Exec(ctx, container.ID, driver.ExecSpec{
		Command: plan.ScriptCommand(marked...), Stdin: streams.In, Stdout: streams.Out, Stderr: streams.Err,
		Terminal: streams.Terminal,
	})
	if ctx.Err() == nil && (err != nil || status != 0) {
		if stopped := e.checkRunning(ctx, container.ID, status); stopped != nil {
			return status, stopped
		}
	}
	if ctx.Err() != nil || err != nil {
		// Nobody waits for it any more, or what it writes has nowhere to go.
		e.endExec(ctx, container.ID, id)
	}
	return status, err
}

// killedStatus is that of a script which was killed, as all are whose container ends.
const killedStatus = 128 + 9

// endingTime is how long a host may take a container for running whose processes have
// been killed.
const endingTime = 3 * time.Second

// checkRunning tells a script that failed from one whose container ended under
// it, and to which the host gives a status of its own.
func (e *Engine) checkRunning(ctx context.Context, id string, status int) error {
	d, err := e.driver(ctx)
	if err != nil {
		return err
	}
	for asked := e.now(); ; {
		container, err := d.Container(ctx, id)
		if errors.Is(err, driver.ErrNotFound) || err == nil && container.State != driver.Running {
			return fmt.Errorf("%w any more: it ended while the script ran", ErrNotRunning)
		}
		if err != nil || status != killedStatus || e.now().Sub(asked) > endingTime {
			return err
		}
		if err := sleep(ctx, pollInterval); err != nil {
			return err
		}
	}
}

// execMark is the variable by which the processes of one exec are found.
const execMark = "SVP_EXEC"

// endScript ends what an interrupted exec left running, since the host offers
// no way to. Only root's processes show their environment, so it looks for the
// script itself and ends the whole session that it leads.
const endScript = `signal() {
	for dir in /proc/[0-9]*; do
		read -r line 2>/dev/null <"$dir/stat" || continue
		set -- "$1" "$2" ${line##*) }
		case " $2 " in *" $6 "*) kill "-$1" "${dir#/proc/}" 2>/dev/null ;; esac
	done
}
sessions=
for dir in /proc/[0-9]*; do
	if tr '\0' '\n' <"$dir/environ" 2>/dev/null | grep -qx "$1"; then
		read -r line 2>/dev/null <"$dir/stat" || continue
		set -- "$1" ${line##*) }
		sessions="$sessions $5"
	fi
done
[ -n "$sessions" ] || exit 0
signal TERM "$sessions"
sleep 1
signal KILL "$sessions"
`

func (e *Engine) endExec(ctx context.Context, container, id string) {
	d, err := e.driver(ctx)
	if err != nil {
		return
	}
	cleanup, cancel := cleanupContext(ctx)
	defer cancel()
	_, err = d.Exec(cleanup, container, driver.ExecSpec{
		Command: []string{"/bin/sh", "-c", endScript, "sh", execMark + "=" + id},
	})
	if err != nil {
		e.warn(fmt.Sprintf("a script may still run in the container: %v", err))
	}
}

// resolve finds the container that the target means.
func (e *Engine) resolve(ctx context.Context, target Target) (driver.Container, error) {
	if target.Container != "" {
		if !plan.ValidDockerName(target.Container) {
			return driver.Container{}, usagef("docker ps shows the names", "%q is no name and no id of a container", target.Container)
		}
		d, err := e.driver(ctx)
		if err != nil {
			return driver.Container{}, err
		}
		return d.Container(ctx, target.Container)
	}
	found, err := e.lookUp(ctx, target.Name)
	if err != nil {
		return driver.Container{}, err
	}
	services := found.services()
	if len(services) == 0 {
		return driver.Container{}, fmt.Errorf("%w: it is %s", ErrNotRunning, found.state())
	}
	if target.Component == "" {
		return services[0], nil
	}
	return found.component(target.Component)
}

func (i *instance) component(name string) (driver.Container, error) {
	services := i.services()
	index := slices.IndexFunc(services, func(container driver.Container) bool {
		return container.Labels[driver.LabelComponent] == name
	})
	if index >= 0 {
		return services[index], nil
	}
	if len(i.service.Components) == 0 {
		return driver.Container{}, usagef("", "pack %s has no components", i.service.Pack)
	}
	return driver.Container{}, &Error{
		Op: "find component", Subject: name, Kind: NotFound, Err: fmt.Errorf("no component %q", name),
		Hint: "components: " + strings.Join(i.service.Components, ", "),
	}
}
