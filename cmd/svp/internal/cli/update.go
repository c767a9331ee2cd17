package cli

import (
	"context"

	urfave "github.com/urfave/cli/v2"

	"github.com/servicepack/svp/engine"
)

// updater changes the plan and the parameters of instances.
type updater interface {
	Update(ctx context.Context, o engine.UpdateOptions) (engine.UpResult, error)
}

type updateOptions struct {
	engine.UpdateOptions
	parameters parameterFlags
}

func newUpdateCommand(w *wiring) *command {
	o := &updateOptions{}
	return &command{
		name: "update", topic: topicInstance, summary: "Put an instance into another plan",
		details: "Makes its containers anew, in the limits of the new plan and with its parameters, and\n" +
			"waits until it is ready. Credentials, volumes, address and published ports stay. When\n" +
			"that fails, it is in its former plan again. The pack is the one of the instance, by\n" +
			"its name, where --pack does not name its folder.",
		example: "svp update cache --plan large\nsvp update cache --parameter memory_mb=128\n" +
			"svp update greetings --plan large -b ./greeter",
		args:  []string{"NAME"},
		flags: []urfave.Flag{planFlag(&o.Plan), o.parameters.flag(), packFlag(&o.Pack), w.timeoutFlag(), w.isolateFlag()},
		run: func(ctx context.Context, inv *invocation) error {
			if err := o.parse(inv); err != nil {
				return err
			}
			return w.engine(func(s session) error {
				o.Timeout = s.settings.Timeout
				return runUpdate(ctx, s, s, o.UpdateOptions)
			})
		},
	}
}

func (o *updateOptions) parse(inv *invocation) (err error) {
	o.Name = inv.arg(0)
	if o.Parameters, err = o.parameters.parse(inv); err != nil {
		return err
	}
	if o.Plan == "" && o.Parameters == nil {
		return inv.usageError("nothing is to change", "name a plan with --plan, or a parameter with --parameter NAME=VALUE")
	}
	return nil
}

func runUpdate(ctx context.Context, u updater, n noter, o engine.UpdateOptions) error {
	result, err := u.Update(ctx, o)
	if err != nil {
		return err
	}
	if !result.Changed {
		n.note("%s is so already, nothing was changed", o.Name)
		return nil
	}
	n.note("%s is in plan %s now", o.Name, result.Instance.Plan)
	return nil
}
