package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	urfave "github.com/urfave/cli/v2"

	"github.com/servicepack/svp/engine"
)

type collector interface {
	GC(ctx context.Context, o engine.GCOptions) (engine.GCResult, error)
}

type gcOptions struct {
	engine.GCOptions
	json bool
}

func newGCCommand(w *wiring) *command {
	o := &gcOptions{}
	return &command{
		name: "gc", topic: topicHost, summary: "Remove what interrupted commands left behind",
		details: "Prints what was removed, a line each. Nothing that belongs to an instance is touched.\n\n" +
			"With --unused, base images of which there is no instance go, also those that svp build has named, and build caches " +
			"and the network when nobody uses them. Base images and network stay while an instance is being made.",
		example: "svp gc --dry-run\nsvp gc --unused",
		flags: []urfave.Flag{
			&urfave.BoolFlag{Name: "dry-run", Destination: &o.DryRun, Usage: "only print what would be removed"},
			&urfave.BoolFlag{
				Name: "unused", Destination: &o.Unused, Usage: "remove base images, caches and the network, too, that no instance needs",
			},
			jsonFlag(&o.json),
		},
		run: func(ctx context.Context, _ *invocation) error {
			return w.engine(func(s session) error { return runGC(ctx, w.streams.Out, s, *o) })
		},
	}
}

func runGC(ctx context.Context, out io.Writer, c collector, o gcOptions) error {
	result, err := c.GC(ctx, o.GCOptions)
	if err != nil {
		return err
	}
	if o.json {
		return writeJSON(out, result)
	}
	var text strings.Builder
	for _, removed := range []struct {
		kind  string
		names []string
	}{
		{"container", result.Containers},
		{"volume", result.Volumes},
		{"image", result.Images},
		{"network", result.Networks},
	} {
		for _, name := range removed.names {
			fmt.Fprintf(&text, "%s %s\n", removed.kind, name)
		}
	}
	_, err = io.WriteString(out, text.String())
	return err
}
