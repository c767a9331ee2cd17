package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	urfave "github.com/urfave/cli/v2"

	"github.com/servicepack/svp/engine"
)

type packInspector interface {
	InspectPack(ctx context.Context, pack string) (engine.PackInfo, error)
}

type packLister interface {
	Packs() ([]string, error)
}

func newPackCommand(w *wiring) *command {
	return &command{
		name: "pack", topic: topicSteps, summary: "Write, check, package and install packs",
		children: []*command{
			newPackInitCommand(w), newPackInspectCommand(w), newPackPackageCommand(w), newPackLintCommand(w), newPackTestCommand(w),
			newPackInstallCommand(w), newPackUninstallCommand(w), newPackListCommand(w), newPackResolveCommand(w),
			newPackPushCommand(w), newPackPullCommand(w),
			newPackPublishCommand(w), newPackSignCommand(w), newPackVerifyCommand(w), newPackKeygenCommand(w),
		},
	}
}

func newPackInspectCommand(w *wiring) *command {
	var asJSON bool
	return &command{
		name: "inspect", summary: "Show what a pack says of itself",
		details: "Runs the pack's queries and checks the answers; needs no Docker host, but for --isolate.",
		example: "svp pack inspect packs/redis\nsvp pack inspect postgresql --json",
		args:    []string{"PACK"},
		flags:   []urfave.Flag{jsonFlag(&asJSON), w.isolateFlag()},
		run: func(ctx context.Context, inv *invocation) error {
			return w.engine(func(s session) error { return runPackInspect(ctx, w.streams.Out, s, inv.arg(0), asJSON) })
		},
	}
}

func runPackInspect(ctx context.Context, out io.Writer, p packInspector, pack string, asJSON bool) error {
	info, err := p.InspectPack(ctx, pack)
	if err != nil {
		return err
	}
	if asJSON {
		return writeJSON(out, info)
	}
	return writePackInfo(out, info)
}

func writePackInfo(out io.Writer, info engine.PackInfo) error {
	table := newTable(out)
	row := func(title, value string) { fmt.Fprintf(table, "%s:\t%s\n", title, orDash(value)) }
	row("name", info.Name)
	row("group", info.Group)
	row("version", info.Version)
	row("description", oneLine(info.Description))
	row("tags", strings.Join(info.Tags, ", "))
	row("path", info.Path+" ("+info.Origin+")")
	row("digest", info.Digest)
	row("contract", fmt.Sprint(info.Contract))
	row("os", info.OS)
	row("secrets", strings.Join(info.Secrets, ", "))
	row("components", strings.Join(info.Components, ", "))
	row("ports", strings.Join(info.Ports, ", "))
	row("volumes", strings.Join(info.Volumes, ", "))
	row("scripts", strings.Join(info.Scripts, ", "))
	row("plans", strings.Join(info.Plans, ", "))
	return table.Flush()
}

func newPortsCommand(w *wiring) *command {
	var pack string
	return &command{
		name: "ports", topic: topicSteps, summary: "Print the ports that a pack's service listens on",
		details: "One container port a line, as 6379, or 53/udp where it is not TCP.",
		example: "svp ports -b packs/redis",
		flags:   []urfave.Flag{packFlag(&pack), w.isolateFlag()},
		run: func(ctx context.Context, inv *invocation) error {
			if err := inv.need(required{"--pack", pack}); err != nil {
				return err
			}
			return w.engine(func(s session) error { return runPorts(ctx, w.streams.Out, s, pack) })
		},
	}
}

func runPorts(ctx context.Context, out io.Writer, p packInspector, pack string) error {
	info, err := p.InspectPack(ctx, pack)
	if err != nil {
		return err
	}
	var text strings.Builder
	for _, port := range info.Ports {
		text.WriteString(strings.TrimSuffix(port, "/tcp") + "\n")
	}
	_, err = io.WriteString(out, text.String())
	return err
}
