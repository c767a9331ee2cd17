package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/docker/go-units"
	urfave "github.com/urfave/cli/v2"

	"github.com/servicepack/svp/engine/packages"
)

func newPackListCommand(w *wiring) *command {
	o := &storeFlags{}
	var asJSON bool
	return &command{
		name: "list", aliases: []string{"ls"}, summary: "List the installed packages",
		details: "With --quiet their coordinates only.",
		example: "svp pack list\nsvp pack list --json | jq -r '.packages[].install_dir'",
		flags:   []urfave.Flag{o.dirFlag(), jsonFlag(&asJSON)},
		run: func(ctx context.Context, _ *invocation) error {
			return w.withStore(ctx, o, func(_ context.Context, store *packages.Store) error {
				list, err := store.List()
				if err != nil {
					return packageProblem("list packages", "", err)
				}
				return writePackages(w.streams.Out, list, asJSON, w.chosen.quiet)
			})
		},
	}
}

func writePackages(out io.Writer, list []packages.Installed, asJSON, names bool) error {
	results := []installed{}
	for _, there := range list {
		results = append(results, newInstalled(there))
	}
	if asJSON {
		return writeJSON(out, map[string]any{"packages": results})
	}
	table := newTable(out)
	if !names {
		fmt.Fprintln(table, "COORDINATE\tSIZE\tSIGNED\tSOURCE")
	}
	for _, result := range results {
		if names {
			fmt.Fprintln(table, result.Coordinate)
			continue
		}
		signed := "no"
		if result.SignedBy != "" {
			signed = "yes"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", result.Coordinate, units.HumanSize(float64(result.Size)), signed, printable(result.Source))
	}
	return table.Flush()
}

func newPackResolveCommand(w *wiring) *command {
	o := &storeFlags{}
	var asJSON bool
	return &command{
		name: "resolve", summary: "Show where a package is to be had and where it is installed",
		details: "Prints lines as copkg does: installDir, downloadUrl, downloadFilename. A repository is\n" +
			"asked only for the version where it is left open, or which of several has the package.",
		example: "svp pack resolve org.cloudname:timber:1.2.3 -r https://packages.example.org/\n" +
			"svp pack resolve org.cloudname:timber:latest --json",
		args:  []string{"COORDINATE"},
		flags: []urfave.Flag{o.repositoryFlag(), o.dirFlag(), w.timeoutFlag(), w.authoritiesFlag(), jsonFlag(&asJSON)},
		run: func(ctx context.Context, inv *invocation) error {
			pattern, err := packages.ParsePattern(inv.arg(0))
			if err != nil {
				return packageProblem("resolve", inv.arg(0), err)
			}
			return w.withStore(ctx, o, func(ctx context.Context, store *packages.Store) error {
				found, err := store.Resolve(ctx, pattern)
				if err != nil {
					return packageProblem("resolve", pattern.String(), causeOf(ctx, err))
				}
				if asJSON {
					return writeJSON(w.streams.Out, found)
				}
				_, err = fmt.Fprintf(w.streams.Out, "installDir: %s\ndownloadUrl: %s\ndownloadFilename: %s\n",
					printable(found.InstallDir), printable(found.DownloadURL), found.DownloadFilename)
				return err
			})
		},
	}
}
