package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	urfave "github.com/urfave/cli/v2"

	"github.com/servicepack/svp/engine"
)

// binder gives consumers access to instances, and takes it away.
type binder interface {
	Bind(ctx context.Context, name, consumer string, view engine.View) (engine.BindResult, error)
	Unbind(ctx context.Context, name, consumer string) error
	Bindings(ctx context.Context, name string) ([]engine.Binding, error)
}

type bindOptions struct {
	name, consumer string
	view           string
	environment    environmentFlags
}

func newBindCommand(w *wiring) *command {
	o := &bindOptions{}
	c := &command{
		name: "bind", topic: topicInstance, summary: "Give a consumer credentials of its own",
		details: "Prints the consumer's environment: a user of its own where the pack makes one, else\n" +
			"the credentials of the instance itself, and then says that they are shared. Repeated,\n" +
			"it prints the same. svp unbind takes the access away again.",
		example: "svp bind shop web\nsvp bind shop web --view network --format docker -o web.env\n" +
			"svp bind shop web --format servicebinding -o bindings/db",
		args: []string{"NAME", "CONSUMER"},
	}
	c.flags = append(c.flags, viewFlag(&o.view))
	c.flags = append(c.flags, o.environment.flags()...)
	c.run = func(ctx context.Context, inv *invocation) error {
		o.name, o.consumer = inv.arg(0), inv.arg(1)
		if err := checkView(inv, o.view); err != nil {
			return err
		}
		if err := o.environment.check(inv); err != nil {
			return err
		}
		return w.engine(func(s session) error { return runBind(ctx, w.streams, s, s, o) })
	}
	return c
}

func runBind(ctx context.Context, streams *Streams, b binder, n noter, o *bindOptions) error {
	result, err := b.Bind(ctx, o.name, o.consumer, engine.View(o.view))
	if err != nil {
		return err
	}
	if result.Binding.Shared {
		n.note("shared: true; pack %s makes no users, so these are the credentials of %s itself", result.Service.Label, o.name)
	}
	return o.environment.write(streams, result.Env, result.Service)
}

func newUnbindCommand(w *wiring) *command {
	return &command{
		name: "unbind", topic: topicInstance, summary: "Take a consumer's credentials away",
		details: "Its login is refused from now on, and its open connections are ended.",
		example: "svp unbind shop web", args: []string{"NAME", "CONSUMER"},
		run: func(ctx context.Context, inv *invocation) error {
			name, consumer := inv.arg(0), inv.arg(1)
			return w.engine(func(s session) error {
				if err := s.Unbind(ctx, name, consumer); err != nil {
					return err
				}
				s.note("%s is unbound from %s", consumer, name)
				return nil
			})
		},
	}
}

func newBindingsCommand(w *wiring) *command {
	asJSON := false
	return &command{
		name: "bindings", topic: topicInstance, summary: "List the consumers of an instance",
		details: "With --quiet their names only.",
		example: "svp bindings shop\nsvp bindings shop --json | jq -r '.bindings[].consumer'",
		args:    []string{"NAME"},
		flags:   []urfave.Flag{jsonFlag(&asJSON)},
		run: func(ctx context.Context, inv *invocation) error {
			return w.engine(func(s session) error {
				bindings, err := s.Bindings(ctx, inv.arg(0))
				if err != nil {
					return err
				}
				switch {
				case asJSON:
					return writeJSON(w.streams.Out, map[string]any{"bindings": bindings})
				case w.chosen.quiet:
					return writeConsumers(w.streams.Out, bindings)
				}
				return writeBindings(w.streams.Out, bindings, w.now())
			})
		},
	}
}

func writeConsumers(out io.Writer, bindings []engine.Binding) error {
	var text strings.Builder
	for _, binding := range bindings {
		text.WriteString(binding.Consumer + "\n")
	}
	_, err := io.WriteString(out, text.String())
	return err
}

func writeBindings(out io.Writer, bindings []engine.Binding, now time.Time) error {
	table := newTable(out)
	fmt.Fprintln(table, "CONSUMER\tCREDENTIALS\tCREATED")
	for _, binding := range bindings {
		credentials := "its own"
		if binding.Shared {
			credentials = "shared"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\n", binding.Consumer, credentials, ago(binding.Created, now))
	}
	return table.Flush()
}
