package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"

	urfave "github.com/urfave/cli/v2"

	"github.com/servicepack/svp/engine"
)

type destroyer interface {
	Destroy(ctx context.Context, name string) error
}

type destroyOptions struct {
	name string
	yes  bool
}

func newDestroyCommand(w *wiring) *command {
	o := &destroyOptions{}
	return &command{
		name: "destroy", topic: topicDaily, summary: "Remove an instance with its data and credentials",
		details: "On a terminal it asks you to type the instance's name; elsewhere it needs --yes.",
		example: "svp destroy cache\nsvp destroy cache --yes",
		args:    []string{"NAME"},
		flags: []urfave.Flag{
			&urfave.BoolFlag{Name: "yes", Aliases: []string{"y"}, Destination: &o.yes, Usage: "do not ask"},
		},
		run: func(ctx context.Context, inv *invocation) error {
			o.name = inv.arg(0)
			return w.engine(func(s session) error { return runDestroy(ctx, w.streams, s, s, *o) })
		},
	}
}

// destroyable is an instance that can be looked at before it goes.
type destroyable interface {
	destroyer
	Info(ctx context.Context, name string) (engine.Instance, error)
}

func runDestroy(ctx context.Context, streams *Streams, d destroyable, n noter, o destroyOptions) error {
	if !o.yes {
		// Nobody should be asked about what is not there.
		if _, err := d.Info(ctx, o.name); err != nil {
			return forDestroy(err)
		}
		if err := confirmDestroy(ctx, streams, o.name); err != nil {
			return err
		}
	}
	if err := d.Destroy(ctx, o.name); err != nil {
		return err
	}
	n.note("%s is destroyed", o.name)
	return nil
}

// forDestroy lets an error of Info tell what the user asked for.
func forDestroy(err error) error {
	var failed *engine.Error
	if !errors.As(err, &failed) {
		return err
	}
	told := *failed
	told.Op = "destroy"
	return &told
}

func confirmDestroy(ctx context.Context, streams *Streams, name string) error {
	if !streams.InTerminal || !streams.ErrTerminal {
		return refusal("destroy", name, "this removes its data for good, and nobody is there to be asked",
			"say that you mean it: svp destroy "+name+" --yes")
	}
	_, err := fmt.Fprintf(streams.Err, "This removes %s with all its data and credentials, for good.\nType its name to go on: ", name)
	if err != nil {
		return err
	}
	answer, err := readLine(ctx, streams)
	if err != nil {
		fmt.Fprintln(streams.Err) // the question was left without an answer
		return err
	}
	if strings.TrimSpace(answer) != name {
		return refusal("destroy", name, "the name was not typed; nothing was removed", "")
	}
	return nil
}

// readLine reads what the user types; the end of the context ends it too.
func readLine(ctx context.Context, streams *Streams) (string, error) {
	typed := make(chan string, 1)
	go func() {
		// An end of the input is an empty answer.
		line, _ := bufio.NewReader(streams.In).ReadString('\n')
		typed <- line
	}()
	select {
	case line := <-typed:
		return line, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}
