package cli

import (
	"context"

	urfave "github.com/urfave/cli/v2"

	"github.com/servicepack/svp/engine"
)

type clienter interface {
	Client(ctx context.Context, t engine.Target, args []string, s engine.Streams) (int, error)
}

type sheller interface {
	Shell(ctx context.Context, t engine.Target, args []string, s engine.Streams) (int, error)
}

type extraRunner interface {
	Extra(ctx context.Context, t engine.Target, args []string, s engine.Streams) (int, error)
}

// targetOptions say in what instance or container a script runs.
type targetOptions struct{ container, component string }

// target finds the target and the arguments after it.
func (o targetOptions) target(inv *invocation) (target engine.Target, rest []string) {
	if inv.container {
		return engine.Target{Container: o.container, Component: o.component}, inv.args
	}
	return engine.Target{Name: inv.arg(0), Component: o.component}, inv.args[1:]
}

// execute runs a script with the user's streams and passes its status on.
type execute func(ctx context.Context, t engine.Target, args []string, s engine.Streams) (int, error)

func runScript(ctx context.Context, streams *Streams, run execute, target engine.Target, args []string) error {
	connected, restore := scriptStreams(ctx, streams)
	defer restore()
	return scriptResult(run(ctx, target, args, connected))
}

func newClientCommand(w *wiring) *command {
	o := &targetOptions{}
	return &command{
		name: "client", topic: topicDaily, summary: "Talk to an instance with its own client",
		details: "Interactive on a terminal; otherwise the client reads standard input.\n" +
			"The exit status is the client's.",
		example: "svp client shop\necho 'select 1' | svp client shop\nsvp client shop -- -tAc 'select 1'",
		args:    []string{"NAME"}, target: true, script: afterDashes,
		flags: []urfave.Flag{containerFlag(&o.container)},
		run: func(ctx context.Context, inv *invocation) error {
			target, _ := o.target(inv)
			return w.engine(func(s session) error {
				return runScript(ctx, w.streams, s.Client, target, inv.script)
			})
		},
	}
}

func newShellCommand(w *wiring) *command {
	o := &targetOptions{}
	return &command{
		name: "shell", topic: topicInstance, summary: "Open a shell in an instance, with its environment",
		details: "What follows -- is run in place of the shell. The exit status is that of what runs.",
		example: "svp shell shop\nsvp shell shop --component redis\nsvp shell shop -- df -h",
		args:    []string{"NAME"}, target: true, script: afterDashes,
		flags: []urfave.Flag{
			containerFlag(&o.container),
			&urfave.StringFlag{
				Name: "component", Destination: &o.component, Usage: "in the container of `COMPONENT` (default: the first)",
			},
		},
		run: func(ctx context.Context, inv *invocation) error {
			target, _ := o.target(inv)
			return w.engine(func(s session) error {
				return runScript(ctx, w.streams, s.Shell, target, inv.script)
			})
		},
	}
}

func newExtraCommand(w *wiring) *command {
	o := &targetOptions{}
	return &command{
		name: "extra", topic: topicInstance, summary: "Run one of the extra commands of an instance's pack",
		details: "What follows CMD is handed to the pack untouched. The command help lists the others.\n" +
			"The exit status is that of the command.",
		example: "svp extra shop help\nsvp extra shop create-user alice --read-only",
		args:    []string{"NAME", "CMD"}, target: true, script: afterArguments,
		flags: []urfave.Flag{containerFlag(&o.container)},
		run: func(ctx context.Context, inv *invocation) error {
			target, args := o.target(inv)
			return w.engine(func(s session) error {
				return runScript(ctx, w.streams, s.Extra, target, append(args, inv.script...))
			})
		},
	}
}
