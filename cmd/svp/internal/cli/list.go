package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/docker/go-units"
	urfave "github.com/urfave/cli/v2"

	"github.com/servicepack/svp/engine"
)

type lister interface {
	List(ctx context.Context) ([]engine.Instance, error)
}

type listOptions struct{ json, names bool }

func newListCommand(w *wiring) *command {
	o := &listOptions{}
	return &command{
		name: "list", aliases: []string{"ls"}, topic: topicDaily, summary: "List the instances",
		details: "With --quiet their names only.",
		example: "svp list\nsvp list --quiet\nsvp list --json | jq -r '.instances[].address'",
		flags:   []urfave.Flag{jsonFlag(&o.json)},
		run: func(ctx context.Context, _ *invocation) error {
			o.names = w.chosen.quiet
			return w.engine(func(s session) error { return runList(ctx, w.streams.Out, s, *o, w.now()) })
		},
	}
}

func runList(ctx context.Context, out io.Writer, l lister, o listOptions, now time.Time) error {
	instances, err := l.List(ctx)
	if err != nil {
		return err
	}
	switch {
	case o.json:
		if instances == nil {
			instances = []engine.Instance{}
		}
		return writeJSON(out, map[string]any{"instances": instances})
	case o.names:
		return writeNames(out, instances)
	}
	return writeInstances(out, instances, now)
}

func writeNames(out io.Writer, instances []engine.Instance) error {
	var text strings.Builder
	for _, instance := range instances {
		text.WriteString(instance.Name + "\n")
	}
	_, err := io.WriteString(out, text.String())
	return err
}

func writeInstances(out io.Writer, instances []engine.Instance, now time.Time) error {
	table := newTable(out)
	fmt.Fprintln(table, "NAME\tPACK\tSTATE\tADDRESS\tPORTS\tCREATED")
	for _, instance := range instances {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", instance.Name, packAndVersion(instance), instance.State,
			orDash(instance.Address), orDash(strings.Join(portsShown(instance), ", ")), ago(instance.Created, now))
	}
	return table.Flush()
}

func newTable(out io.Writer) *tabwriter.Writer { return tabwriter.NewWriter(out, 0, 8, 3, ' ', 0) }

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

func packAndVersion(instance engine.Instance) string {
	if instance.PackVersion == "" {
		return instance.Pack
	}
	return instance.Pack + " " + instance.PackVersion
}

// portsShown lists the ports as docker ps does: where they are published, if
// they are.
func portsShown(instance engine.Instance) []string {
	var shown []string
	for _, port := range instance.Ports {
		published := false
		for _, mapping := range instance.Published {
			if host, found := strings.CutSuffix(mapping, ":"+port); found {
				shown, published = append(shown, host+"->"+port), true
			}
		}
		if !published {
			shown = append(shown, port)
		}
	}
	return shown
}

func ago(then, now time.Time) string {
	if then.IsZero() {
		return "-"
	}
	return strings.ToLower(units.HumanDuration(max(now.Sub(then), 0))) + " ago"
}
