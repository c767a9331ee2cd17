package cli

import (
	"context"
	"fmt"
	"io"

	urfave "github.com/urfave/cli/v2"

	"github.com/servicepack/svp/engine"
	"github.com/servicepack/svp/engine/packages"
	"github.com/servicepack/svp/engine/registry"
)

type packFinder interface {
	FindPack(ctx context.Context, name string) (engine.FoundPack, error)
}

func newPackPushCommand(w *wiring) *command {
	o := &storeFlags{}
	var asJSON bool
	return &command{
		name: "push", summary: "Put a package into an OCI registry",
		details: "PACK is a zip file that svp pack package has made, with its signature beside it where\n" +
			"there is one, or any other pack, which is packaged first. A tag that is there keeps its\n" +
			"contents: the same package again changes nothing, another is refused. Who may push\n" +
			"tells Docker's configuration (docker login). Prints the reference by digest.",
		example: "svp pack push timber-1.2.3-copkg.zip oci://registry.example.org/packs/timber:1.2.3\n" +
			"svp pack push packs/redis oci://localhost:5000/redis:8.0.0",
		args:  []string{"PACK", "REFERENCE"},
		flags: []urfave.Flag{o.plainHTTPFlag(), w.timeoutFlag(), w.authoritiesFlag(), jsonFlag(&asJSON)},
		run: func(ctx context.Context, inv *invocation) error {
			ref, err := registry.ParseReference(inv.arg(1))
			if err != nil {
				return packageProblem("push", inv.arg(0), err)
			}
			file, err := w.pushable(ctx, inv.arg(0))
			if err != nil {
				return err
			}
			return w.withStore(ctx, o, func(ctx context.Context, store *packages.Store) error {
				return runPackPush(ctx, w.streams.Out, store, file, ref, asJSON)
			})
		},
	}
}

// pushable is a zip file as it is, or the folder of another pack.
func (w *wiring) pushable(ctx context.Context, name string) (string, error) {
	if packages.IsZip(name) {
		return name, nil
	}
	var found engine.FoundPack
	err := w.engine(func(s session) (err error) {
		found, err = s.FindPack(ctx, name)
		return err
	})
	return found.Folder, err
}

func runPackPush(ctx context.Context, out io.Writer, store *packages.Store, file string, ref registry.Reference, asJSON bool) error {
	pushed, err := store.Push(ctx, file, ref)
	if err != nil {
		return packageProblem("push", file, causeOf(ctx, err))
	}
	if asJSON {
		return writeJSON(out, pushed)
	}
	_, err = fmt.Fprintln(out, ref.At(pushed.Digest))
	return err
}

func newPackPullCommand(w *wiring) *command {
	o := &storeFlags{}
	var folder string
	var asJSON bool
	return &command{
		name: "pull", summary: "Get a package from an OCI registry",
		details: "Keeps it so that commands that take a PACK find it by the same reference, without the\n" +
			"registry, and prints the folder. They pull by themselves what was not pulled before;\n" +
			"svp pack pull asks the registry anew. With -o the zip file is written into a folder\n" +
			"instead, its signature beside it, and its name is printed.",
		example: "svp pack pull oci://registry.example.org/packs/timber:1.2.3\n" +
			"svp pack pull oci://registry.example.org/packs/timber:1.2.3 -o /media/usb",
		args: []string{"REFERENCE"},
		flags: []urfave.Flag{
			&urfave.StringFlag{Name: "output", Aliases: []string{"o"}, Destination: &folder, Usage: "write the zip file into the folder `DIR`"},
			o.signatureFlag(), o.plainHTTPFlag(), w.timeoutFlag(), w.authoritiesFlag(), jsonFlag(&asJSON),
		},
		run: func(ctx context.Context, inv *invocation) error {
			ref, err := registry.ParseReference(inv.arg(0))
			if err != nil {
				return packageProblem("pull", inv.arg(0), err)
			}
			return w.withStore(ctx, o, func(ctx context.Context, store *packages.Store) error {
				result, err := pullPackage(ctx, store, ref, folder)
				if err != nil {
					return packageProblem("pull", ref.String(), causeOf(ctx, err))
				}
				if asJSON {
					return writeJSON(w.streams.Out, result)
				}
				_, err = fmt.Fprintln(w.streams.Out, result.Path)
				return err
			})
		},
	}
}

// pulled is what `svp pack pull --json` tells.
type pulled struct {
	Reference string `json:"reference"`
	Path      string `json:"path"` // of the folder, or of the zip file
}

func pullPackage(ctx context.Context, store *packages.Store, ref registry.Reference, folder string) (pulled, error) {
	if folder != "" {
		name, err := store.Save(ctx, ref, folder)
		return pulled{ref.String(), name}, err
	}
	there, err := store.Pull(ctx, ref)
	return pulled{ref.String(), there.Folder}, err
}
