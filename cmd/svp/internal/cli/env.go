package cli

import (
	"context"
	"fmt"

	urfave "github.com/urfave/cli/v2"

	"github.com/servicepack/svp/engine"
	"github.com/servicepack/svp/engine/envvar"
)

type environmenter interface {
	Env(ctx context.Context, name string, view engine.View) (envvar.Set, envvar.Service, error)
}

type envOptions struct {
	name        string
	view        string
	environment environmentFlags
}

func newEnvCommand(w *wiring) *command {
	o := &envOptions{}
	c := &command{
		name: "env", topic: topicDaily, summary: "Print the environment of an instance",
		details: "With the secrets, as lines KEY=VALUE that a shell and a dotenv reader understand.\n" +
			"The view is that of this host, or with --view network that of another container on\n" +
			"the instance's network.",
		example: "svp env shop\nset -a; eval \"$(svp env shop)\"; set +a\nsvp env shop --view network --format docker -o shop.env",
		args:    []string{"NAME"},
	}
	c.flags = append(c.flags, viewFlag(&o.view))
	c.flags = append(c.flags, o.environment.flags()...)
	c.run = func(ctx context.Context, inv *invocation) error {
		o.name = inv.arg(0)
		if err := checkView(inv, o.view); err != nil {
			return err
		}
		if err := o.environment.check(inv); err != nil {
			return err
		}
		return w.engine(func(s session) error { return runEnv(ctx, w.streams, s, o) })
	}
	return c
}

func viewFlag(view *string) urfave.Flag {
	return &urfave.StringFlag{
		Name: "view", Destination: view, Value: string(engine.ViewHost), Usage: "as seen from `WHERE`: host or network",
	}
}

func checkView(inv *invocation, view string) error {
	if view != string(engine.ViewHost) && view != string(engine.ViewNetwork) {
		return inv.usageError(fmt.Sprintf("--view: unknown view %q", view), "the views are host and network")
	}
	return nil
}

func runEnv(ctx context.Context, streams *Streams, e environmenter, o *envOptions) error {
	set, service, err := e.Env(ctx, o.name, engine.View(o.view))
	if err != nil {
		return err
	}
	return o.environment.write(streams, set, service)
}
