package cli

import (
	"context"
	"fmt"
	"os"

	urfave "github.com/urfave/cli/v2"

	"github.com/servicepack/svp/engine"
)

type restorer interface {
	Restore(ctx context.Context, t engine.Target, s engine.Streams) (int, error)
}

type restoreOptions struct {
	target targetOptions
	input  string
}

func newRestoreCommand(w *wiring) *command {
	o := &restoreOptions{}
	return &command{
		name: "restore", topic: topicDaily, summary: "Replace an instance's data by a backup",
		details: "Reads what svp backup wrote. The exit status is that of the pack's script.",
		example: "svp restore shop -i shop.backup\ngunzip < shop.backup.gz | svp restore shop",
		args:    []string{"NAME"}, target: true,
		flags: []urfave.Flag{
			containerFlag(&o.target.container),
			&urfave.StringFlag{
				Name: "input", Aliases: []string{"i"}, Destination: &o.input, Usage: "read `FILE` (default: standard input)",
			},
		},
		run: func(ctx context.Context, inv *invocation) error {
			target, _ := o.target.target(inv)
			return w.engine(func(s session) error { return runRestore(ctx, w.streams, s, target, o.input) })
		},
	}
}

func runRestore(ctx context.Context, streams *Streams, r restorer, target engine.Target, input string) error {
	from := streams.In
	switch {
	case input != "" && input != "-":
		if err := refuseFolder(input); err != nil {
			return err
		}
		file, err := os.Open(input)
		if err != nil {
			return fmt.Errorf("restore: %w", err)
		}
		defer file.Close()
		from = file
	case streams.InTerminal:
		return refusal("restore", target.Name+target.Container, "a backup is not typed on a terminal",
			"name its file: -i FILE")
	}
	return scriptResult(r.Restore(ctx, target, engine.Streams{In: from, Out: streams.Out, Err: streams.Err}))
}
