package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/docker/go-units"
	urfave "github.com/urfave/cli/v2"

	"github.com/servicepack/svp/engine"
)

// osKeeper looks after the images of operating systems.
type osKeeper interface {
	OSList(ctx context.Context) ([]engine.OSImage, error)
	OSPull(ctx context.Context, name string) (engine.OSImage, error)
	OSBootstrap(ctx context.Context, o engine.OSBootstrapOptions) (engine.OSImage, error)
}

func newOSCommand(w *wiring) *command {
	return &command{
		name: "os", topic: topicHost, summary: "Look after the images of operating systems that packs build on",
		children: []*command{newOSListCommand(w), newOSPullCommand(w), newOSBootstrapCommand(w)},
	}
}

func newOSListCommand(w *wiring) *command {
	var asJSON bool
	return &command{
		name: "list", aliases: []string{"ls"}, summary: "List the operating systems that svp knows",
		example: "svp os list",
		flags:   []urfave.Flag{jsonFlag(&asJSON)},
		run: func(ctx context.Context, _ *invocation) error {
			return w.engine(func(s session) error { return runOSList(ctx, w.streams.Out, s, asJSON) })
		},
	}
}

func runOSList(ctx context.Context, out io.Writer, k osKeeper, asJSON bool) error {
	images, err := k.OSList(ctx)
	if err != nil {
		return err
	}
	if asJSON {
		if images == nil {
			images = []engine.OSImage{}
		}
		return writeJSON(out, map[string]any{"images": images})
	}
	table := newTable(out)
	fmt.Fprintln(table, "NAME\tIMAGE\tPRESENT\tSIZE\tBOOTSTRAP")
	for _, image := range images {
		size := ""
		if image.Present {
			size = units.HumanSize(float64(image.Size))
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n",
			image.Name, image.Reference, yesNo(image.Present), orDash(size), yesNo(image.Bootstrap))
	}
	return table.Flush()
}

func yesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}

func newOSPullCommand(w *wiring) *command {
	return &command{
		name: "pull", summary: "Pull the image of an operating system from its registry",
		details: "Prints the image's name.",
		example: "svp os pull debian/12",
		args:    []string{"OS"},
		run: func(ctx context.Context, inv *invocation) error {
			return w.engine(func(s session) error {
				image, err := s.OSPull(ctx, inv.arg(0))
				return printReference(w.streams.Out, image, err)
			})
		},
	}
}

func newOSBootstrapCommand(w *wiring) *command {
	o := &engine.OSBootstrapOptions{}
	return &command{
		name: "bootstrap", summary: "Make the image of an operating system from its packages",
		details: "For hosts that reach a package mirror and no registry. Prints the image's name.",
		example: "svp os bootstrap debian/12\nsvp os bootstrap debian/12 --mirror http://mirror.local/debian",
		args:    []string{"OS"},
		flags: []urfave.Flag{
			&urfave.StringFlag{Name: "mirror", Destination: &o.Mirror, Usage: "get packages from the mirror at `URL`"},
			w.timeoutFlag(), w.caBundleFlag(),
		},
		run: func(ctx context.Context, inv *invocation) error {
			o.Name = inv.arg(0)
			return w.engine(func(s session) error {
				o.Timeout = s.settings.Timeout
				image, err := s.OSBootstrap(ctx, *o)
				return printReference(w.streams.Out, image, err)
			})
		},
	}
}

func printReference(out io.Writer, image engine.OSImage, err error) error {
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, image.Reference)
	return err
}
