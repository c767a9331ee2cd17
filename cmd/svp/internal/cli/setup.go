package cli

import (
	"context"

	"github.com/servicepack/svp/engine"
)

type setupper interface {
	Setup(ctx context.Context, o engine.SetupOptions) (engine.SetupResult, error)
}

type setupOptions struct {
	engine.SetupOptions
	secrets     secretFlags
	environment environmentFlags
}

func newSetupCommand(w *wiring) *command {
	o := &setupOptions{}
	c := &command{
		name: "setup", topic: topicSteps, summary: "Make an instance's image from a base image",
		details: "Generates the secrets that are not given, writes the instance's configuration, and\n" +
			"prints its environment; %IP in it is filled when the instance runs.\n" +
			"The image holds secrets: keep it private. If another image has the name, the new one\n" +
			"takes it. An image of svp setup that is left without a name is removed by a later\n" +
			"command, unless something was made of it.",
		example: "svp setup -b packs/redis -i shop/redis-base -t shop/redis-1\n" +
			"svp setup -b redis -i shop/redis-base -t shop/redis-1 --secret REDIS_PASSWORD=@password.txt",
	}
	c.flags = append(c.flags, packFlag(&o.Pack), imageFlag(&o.Base, "start from the base `IMAGE`"), tagFlag(&o.Tag),
		o.secrets.flag(), planFlag(&o.Plan))
	c.flags = append(c.flags, o.environment.flags()...)
	c.flags = append(c.flags, w.timeoutFlag(), w.caBundleFlag(), w.isolateFlag())
	c.run = func(ctx context.Context, inv *invocation) error {
		err := inv.need(required{"--pack", o.Pack}, required{"--image", o.Base}, required{"--tag", o.Tag})
		if err != nil {
			return err
		}
		if err := o.environment.check(inv); err != nil {
			return err
		}
		if o.Secrets, err = o.secrets.parse(inv, w.streams); err != nil {
			return err
		}
		return w.engine(func(s session) error {
			o.Timeout = s.settings.Timeout
			return runSetup(ctx, w.streams, s, o)
		})
	}
	return c
}

func runSetup(ctx context.Context, streams *Streams, b setupper, o *setupOptions) error {
	result, err := b.Setup(ctx, o.SetupOptions)
	if err != nil {
		return err
	}
	return o.environment.write(streams, result.Env, result.Service)
}
