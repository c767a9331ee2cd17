package cli

import (
	"context"

	"github.com/servicepack/svp/engine"
)

type upper interface {
	Up(ctx context.Context, o engine.UpOptions) (engine.UpResult, error)
}

type upOptions struct {
	engine.UpOptions
	secrets     secretFlags
	parameters  parameterFlags
	publish     publishFlags
	environment environmentFlags
}

func newUpCommand(w *wiring) *command {
	o := &upOptions{}
	c := &command{
		name: "up", topic: topicDaily, summary: "Make sure that an instance of a pack runs",
		details: "Builds the pack, sets the instance up, runs it, waits until it is ready, and prints\n" +
			"its environment. Run twice it changes nothing. PACK is a folder, or the name of a pack\n" +
			"in SVP_PACK_PATH, in svp's data folder, or of a reference pack; a package,\n" +
			"GROUP:NAME:VERSION, which is installed first where it is not yet; a zip file or a\n" +
			"Service Archive; or what a registry has, oci://HOST/REPOSITORY:TAG. All but folders and\n" +
			"reference packs are queried in a container. NAME is PACK's where it is left out.",
		example: "svp up postgresql\nsvp up packs/redis cache -p 16379:6379\n" +
			"svp up org.cloudname:timber:latest timber\n" +
			"set -a; eval \"$(svp up redis cache)\"",
		args: []string{"PACK", "[NAME]"},
	}
	c.flags = append(c.flags, o.secrets.flag(), planFlag(&o.Plan), o.parameters.flag())
	c.flags = append(c.flags, o.publish.flags()...)
	c.flags = append(c.flags, w.networkFlag())
	c.flags = append(c.flags, o.environment.flags()...)
	c.flags = append(c.flags, offlineFlag(&o.Offline), w.timeoutFlag(), w.caBundleFlag(), w.isolateFlag())
	c.run = func(ctx context.Context, inv *invocation) error {
		if err := o.parse(inv, w.streams); err != nil {
			return err
		}
		return w.engine(func(s session) error {
			o.Timeout = s.settings.Timeout
			return runUp(ctx, w.streams, s, s, o)
		})
	}
	return c
}

func (o *upOptions) parse(inv *invocation, streams *Streams) (err error) {
	o.Pack, o.Name, o.Public = inv.arg(0), inv.arg(1), o.publish.public
	if err := o.environment.check(inv); err != nil {
		return err
	}
	if o.Publish, err = o.publish.parse(inv); err != nil {
		return err
	}
	if o.Parameters, err = o.parameters.parse(inv); err != nil {
		return err
	}
	o.Secrets, err = o.secrets.parse(inv, streams)
	return err
}

// noter tells the user something that is not the result.
type noter interface {
	note(format string, args ...any)
}

func runUp(ctx context.Context, streams *Streams, u upper, n noter, o *upOptions) error {
	result, err := u.Up(ctx, o.UpOptions)
	if err != nil {
		return err
	}
	switch {
	case !result.Changed:
		n.note("%s is up already, nothing was changed", result.Instance.Name)
	case !result.Created:
		n.note("%s existed already and is up again", result.Instance.Name)
	}
	return o.environment.write(streams, result.Env, result.Service)
}
