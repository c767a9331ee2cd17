package cli

import (
	"context"

	urfave "github.com/urfave/cli/v2"

	"github.com/servicepack/svp/engine"
)

type runner interface {
	Run(ctx context.Context, o engine.RunOptions) (engine.UpResult, error)
}

type runOptions struct {
	engine.RunOptions
	publish     publishFlags
	environment environmentFlags
}

func newRunCommand(w *wiring) *command {
	o := &runOptions{}
	c := &command{
		name: "run", topic: topicSteps, summary: "Start an instance of an instance image",
		details: "Waits until the instance is ready, and prints its environment.",
		example: "svp run -i shop/redis-1 -n cache\nsvp run -i shop/redis-1 -p 16379:6379",
	}
	c.flags = append(c.flags, imageFlag(&o.Image, "run the instance `IMAGE`"), &urfave.StringFlag{
		Name: "name", Aliases: []string{"n"}, Destination: &o.Name, Usage: "call the instance `NAME` (default: made from the image's)",
	})
	c.flags = append(c.flags, o.publish.flags()...)
	c.flags = append(c.flags, w.networkFlag())
	c.flags = append(c.flags, o.environment.flags()...)
	c.flags = append(c.flags, w.timeoutFlag())
	c.run = func(ctx context.Context, inv *invocation) error {
		err := inv.need(required{"--image", o.Image})
		if err != nil {
			return err
		}
		if err := o.environment.check(inv); err != nil {
			return err
		}
		if o.Publish, err = o.publish.parse(inv); err != nil {
			return err
		}
		o.Public = o.publish.public
		return w.engine(func(s session) error {
			o.Timeout = s.settings.Timeout
			return runRun(ctx, w.streams, s, o)
		})
	}
	return c
}

func runRun(ctx context.Context, streams *Streams, r runner, o *runOptions) error {
	result, err := r.Run(ctx, o.RunOptions)
	if err != nil {
		return err
	}
	return o.environment.write(streams, result.Env, result.Service)
}
