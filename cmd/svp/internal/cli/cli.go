// Package cli is the command line of svp: it parses, asks the engine, and
// renders what the engine reports. It is the only importer of the command line
// library and the place where the engine meets a container host.
package cli

import (
	"context"
	"runtime/debug"
	"time"

	urfave "github.com/urfave/cli/v2"

	"github.com/servicepack/svp/engine"
)

// program is the name that messages begin with.
const program = "svp"

// wiring is what the commands are made with.
type wiring struct {
	streams *Streams
	getenv  func(string) string
	version string
	now     func() time.Time
	// userHome finds the home of the user where HOME is not set.
	userHome func() (string, error)
	// open makes the engine; tests put a fake here.
	open func(engine.Config) (backend, error)
	// chosen holds the flags that are settings, once they are parsed.
	chosen settingFlags
}

// Run runs svp with the arguments that follow the program's name, and returns
// the exit status. It writes to the streams only and ends no process.
func Run(ctx context.Context, args []string, streams *Streams, getenv func(string) string, version string) int {
	w := &wiring{
		streams: streams, getenv: getenv, version: version, now: time.Now, userHome: homeOfUser, open: openEngine,
	}
	// Most commands are over before there is anything worth collecting.
	w.collectGarbage(400)
	return w.run(ctx, args)
}

// collectGarbage sets after how much growth, in percent, memory is tidied up,
// unless the user has (GOGC, in the documentation of package runtime).
func (w *wiring) collectGarbage(growth int) {
	if w.getenv("GOGC") == "" {
		debug.SetGCPercent(growth)
	}
}

func (w *wiring) run(ctx context.Context, args []string) int {
	root := newRoot(w)
	inv, err := parse(root, args)
	if err == nil {
		err = w.dispatch(ctx, root, inv)
	}
	return w.finish(ctx, inv, err)
}

// dispatch runs the command of the invocation.
func (w *wiring) dispatch(ctx context.Context, root *command, inv *invocation) error {
	if inv.help {
		return w.writeHelp(root, inv.path)
	}
	if err := inv.checkArguments(); err != nil {
		return err
	}
	return newApp(w.streams, root, inv).RunContext(ctx, inv.argv())
}

// newApp gives the library the one command that was asked for; it parses the
// values of the flags. Nothing is left to its defaults that would print or
// exit.
func newApp(streams *Streams, root *command, inv *invocation) *urfave.App {
	onUsageError := func(_ *urfave.Context, err error, _ bool) error {
		return valueError(inv, err)
	}
	leaf := inv.leaf()
	library := &urfave.Command{
		Name: leaf.name, Flags: append(leaf.flags, root.flags...),
		HideHelp: true, OnUsageError: onUsageError,
		Action: func(c *urfave.Context) error { return leaf.run(c.Context, inv) },
	}
	return &urfave.App{
		Name: program, Reader: streams.In, Writer: streams.Out, ErrWriter: streams.Err,
		HideHelp: true, HideVersion: true, Commands: []*urfave.Command{library},
		OnUsageError: onUsageError, ExitErrHandler: func(*urfave.Context, error) {},
		DisableSliceFlagSeparator: true, Compiled: time.Unix(0, 0),
	}
}
