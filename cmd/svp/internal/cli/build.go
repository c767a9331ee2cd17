package cli

import (
	"context"
	"fmt"

	urfave "github.com/urfave/cli/v2"

	"github.com/servicepack/svp/engine"
)

type builder interface {
	Build(ctx context.Context, o engine.BuildOptions) (engine.BuildResult, error)
}

type buildOptions struct {
	engine.BuildOptions
	json bool
}

func newBuildCommand(w *wiring) *command {
	o := &buildOptions{}
	return &command{
		name: "build", topic: topicSteps, summary: "Build the base image of a pack",
		details: "The base image holds what all instances share, and no secret. Where the pack and\n" +
			"its OS image have not changed, the image that exists is used. Prints the image's name.\n" +
			"With --offline the build has no network: it gets the files that the pack depends on\n" +
			"from the package, or from what was downloaded before.",
		example: "svp build -b packs/redis -t shop/redis-base\n" +
			"svp build -b redis-1.0.0-copkg.zip -t shop/redis-base --offline",
		flags: []urfave.Flag{
			packFlag(&o.Pack), tagFlag(&o.Tag),
			&urfave.BoolFlag{Name: "no-cache", Destination: &o.NoCache, Usage: "build anew even if nothing has changed"},
			offlineFlag(&o.Offline), w.timeoutFlag(), w.caBundleFlag(), w.isolateFlag(), jsonFlag(&o.json),
		},
		run: func(ctx context.Context, inv *invocation) error {
			if err := inv.need(required{"--pack", o.Pack}, required{"--tag", o.Tag}); err != nil {
				return err
			}
			return w.engine(func(s session) error {
				o.Timeout = s.settings.Timeout
				return runBuild(ctx, w.streams, s, *o)
			})
		},
	}
}

func runBuild(ctx context.Context, streams *Streams, b builder, o buildOptions) error {
	result, err := b.Build(ctx, o.BuildOptions)
	if err != nil {
		return err
	}
	if o.json {
		return writeJSON(streams.Out, result)
	}
	_, err = fmt.Fprintln(streams.Out, result.Image)
	return err
}
