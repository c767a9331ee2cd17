package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	urfave "github.com/urfave/cli/v2"

	"github.com/servicepack/svp/engine"
	"github.com/servicepack/svp/engine/coordinate"
	"github.com/servicepack/svp/engine/packages"
)

type installOptions struct {
	store                storeFlags
	locked, noSave, json bool
}

func newPackInstallCommand(w *wiring) *command {
	o := &installOptions{}
	return &command{
		name: "install", summary: "Install a package",
		details: "Downloads the package from the first repository that has it, checks its SHA-256 and,\n" +
			"where there are trusted keys, its signature, and unpacks it, whole or not at all, into\n" +
			"svp's data folder, where nobody can write to it. The version may be 8.0.+ or latest.\n" +
			"What is installed already stays, and has to be the same as in the repository; commands\n" +
			"that take a PACK use the highest version that is installed, this one looks for a newer.\n" +
			"The contents are pinned in svp.lock in the working directory: from then on, svp takes\n" +
			"no others there. Without a COORDINATE, everything in the lock file is installed.\n" +
			"Prints the folder.",
		example: "svp pack install org.cloudname:timber:1.2.3 -r https://packages.example.org/\n" +
			"svp pack install org.cloudname:timber:latest --no-save\n" +
			"svp pack install --locked",
		args: []string{"[COORDINATE]"},
		flags: []urfave.Flag{
			o.store.repositoryFlag(), o.store.dirFlag(), o.store.lockFlag(),
			&urfave.BoolFlag{Name: "locked", Destination: &o.locked, Usage: "refuse what the lock file does not have"},
			&urfave.BoolFlag{Name: "no-save", Destination: &o.noSave, Usage: "leave the lock file as it is"},
			o.store.signatureFlag(), w.timeoutFlag(), w.authoritiesFlag(), jsonFlag(&o.json),
		},
		run: func(ctx context.Context, inv *invocation) error {
			return w.withStore(ctx, &o.store, func(ctx context.Context, store *packages.Store) error {
				return runPackInstall(ctx, w.streams.Out, store, inv.arg(0), o)
			})
		},
	}
}

// installed is what `svp pack install --json` tells, and `list` of each package.
type installed struct {
	Coordinate string `json:"coordinate"`
	InstallDir string `json:"install_dir"`
	SHA256     string `json:"sha256"`
	PackDigest string `json:"pack_digest"`
	Size       int64  `json:"size"`
	Source     string `json:"source"`
	SignedBy   string `json:"signed_by"`
}

func newInstalled(there packages.Installed) installed {
	return installed{
		Coordinate: there.Coordinate, InstallDir: there.Folder, SHA256: there.SHA256, PackDigest: there.PackDigest,
		Size: there.Size, Source: there.Source, SignedBy: there.SignedBy,
	}
}

func runPackInstall(ctx context.Context, out io.Writer, store *packages.Store, text string, o *installOptions) error {
	wanted, err := wantedPackages(store, text)
	if err != nil {
		return err
	}
	results := []installed{}
	for _, pattern := range wanted {
		there, err := store.Install(ctx, pattern, packages.InstallOptions{Locked: o.locked || text == ""})
		if err == nil && !o.noSave {
			err = store.Pin(ctx, there)
		}
		if err != nil {
			return packageProblem("install", pattern.String(), causeOf(ctx, err))
		}
		results = append(results, newInstalled(there))
	}
	if o.json {
		return writeJSON(out, map[string]any{"packages": results})
	}
	for _, result := range results {
		if _, err := fmt.Fprintln(out, result.InstallDir); err != nil {
			return err
		}
	}
	return nil
}

// wantedPackages are the one that is named, or all that the lock file has.
func wantedPackages(store *packages.Store, text string) ([]coordinate.Pattern, error) {
	if text != "" {
		pattern, err := packages.ParsePattern(text)
		return []coordinate.Pattern{pattern}, packageProblem("install", text, err)
	}
	wanted, err := store.Locked()
	switch {
	case err != nil:
		return nil, packageProblem("install", "", err)
	case len(wanted) == 0:
		return nil, &usageError{
			command: "pack install", text: "there is no lock file that would say what to install", hint: "name a package: GROUP:NAME:VERSION",
		}
	}
	return wanted, nil
}

// causeOf gives an error that a time limit caused the words for it.
func causeOf(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(context.Cause(ctx), engine.ErrTimeout) {
		return context.Cause(ctx)
	}
	return err
}

func newPackUninstallCommand(w *wiring) *command {
	o := &storeFlags{}
	return &command{
		name: "uninstall", summary: "Remove an installed package",
		details: "Instances that were made from it run on.",
		example: "svp pack uninstall org.cloudname:timber:1.2.3",
		args:    []string{"COORDINATE"},
		flags:   []urfave.Flag{o.dirFlag()},
		run: func(ctx context.Context, inv *invocation) error {
			c, err := packages.ParseCoordinate(inv.arg(0))
			if err != nil {
				return packageProblem("uninstall", inv.arg(0), err)
			}
			return w.withStore(ctx, o, func(ctx context.Context, store *packages.Store) error {
				return packageProblem("uninstall", c.String(), store.Uninstall(ctx, c))
			})
		},
	}
}
