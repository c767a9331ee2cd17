package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	urfave "github.com/urfave/cli/v2"

	"github.com/servicepack/svp/engine"
	"github.com/servicepack/svp/engine/coordinate"
	"github.com/servicepack/svp/engine/ctxio"
	"github.com/servicepack/svp/engine/packages"
	"github.com/servicepack/svp/engine/repository"
	"github.com/servicepack/svp/engine/signature"
)

// publishOptions are the flags of svp pack publish.
type publishOptions struct{ folder, key string }

func newPackPublishCommand(w *wiring) *command {
	o := &publishOptions{}
	return &command{
		name: "publish", summary: "Put a package into a repository",
		details: "The repository is a folder, which any web server can serve; it is made where it is\n" +
			"absent. The package is checked, gets the place that its coordinate says, and is never\n" +
			"changed: the same package again does nothing, another one of the same coordinate is\n" +
			"refused. A signature beside the package, ZIP" + signature.Extension + ", goes with it; --key makes one.\n" +
			"Prints the name that the package has in the repository.",
		example: "svp pack publish timber-1.2.3-copkg.zip --repo /srv/packages\n" +
			"svp pack publish timber-1.2.3-copkg.zip --repo /srv/packages --key team.key",
		args: []string{"ZIP"},
		flags: []urfave.Flag{
			&urfave.StringFlag{Name: "repo", Destination: &o.folder, Usage: "the repository is the folder `DIR`, or the one of that name (svp repo list)"},
			keyFlag(&o.key),
		},
		run: func(ctx context.Context, inv *invocation) error {
			if err := inv.need(required{"--repo", o.folder}); err != nil {
				return err
			}
			folder, err := w.repositoryFolder(inv, o.folder)
			if err != nil {
				return err
			}
			return w.publish(ctx, inv.arg(0), folder, o.key)
		},
	}
}

// repositoryFolder is the folder of a repository that something is put into.
func (w *wiring) repositoryFolder(inv *invocation, named string) (string, error) {
	file, err := w.readConfig()
	if err != nil {
		return "", err
	}
	for _, entry := range file.Repositories {
		if entry.Name == named {
			named = entry.URL
		}
	}
	location, err := repository.ParseLocation(named)
	if err != nil {
		return "", inv.usageError("--repo: "+err.Error(), "")
	}
	folder, is := location.Folder()
	if !is {
		return "", inv.usageError("--repo: "+location.String()+" is no folder of this machine",
			"publish where the repository's folder is; a web server only shows it")
	}
	return folder, nil
}

func (w *wiring) publish(ctx context.Context, name, folder, key string) error {
	if !packages.IsZip(name) {
		return &engine.Error{
			Op: "publish", Subject: name, Kind: engine.InvalidPack, Err: errors.New("a package is a .zip file"),
			Hint: "make one with: svp pack package -b PACK",
		}
	}
	checked, err := w.checkPackage(ctx, "publish", name)
	if err != nil {
		return err
	}
	sign, err := w.signer(ctx, name, checked, key)
	if err != nil {
		return packageProblem("publish", name, err)
	}
	called := checked.coordinate
	published, err := repository.Publish(ctx, folder, repository.Item{
		Coordinate: called, File: name, SHA256: checked.sha256, Sign: sign,
	})
	if err != nil {
		return packageProblem("publish", name, err)
	}
	switch {
	case published.Added:
		w.note("%s is there already, and the same; it is signed now", called)
	case published.Unchanged && published.Signed && sign != nil:
		w.note("%s is there already, and the same; the signature that it has stays", called)
	case published.Unchanged:
		w.note("%s is there already, and the same", called)
	case published.Signed:
		w.note("%s is published, and signed", called)
	default:
		w.note("%s is published", called)
	}
	_, err = fmt.Fprintln(w.streams.Out, filepath.Join(folder, filepath.FromSlash(called.Dir()), called.FileName()))
	return err
}

// checkedPackage is what a package was found to be. Its file may change as soon as
// it was looked at: who reads it again compares the sum.
type checkedPackage struct {
	coordinate coordinate.Coordinate
	sha256     string
}

// checkPackage checks a package as a whole.
func (w *wiring) checkPackage(ctx context.Context, op, name string) (checkedPackage, error) {
	chosen, err := w.settings()
	if err != nil {
		return checkedPackage{}, err
	}
	places, err := w.storePlaces(chosen, "")
	if err != nil {
		return checkedPackage{}, err
	}
	found, err := packages.New(places).Check(ctx, name)
	if err != nil {
		return checkedPackage{}, packageProblem(op, name, err)
	}
	if found.Coordinate == "" {
		return checkedPackage{}, &engine.Error{
			Op: op, Subject: name, Kind: engine.InvalidPack, Err: errors.New("the pack in it has no coordinate"),
			Hint: "its servicepack.yaml needs a group, a name and a version; make the package with svp pack package",
		}
	}
	called, err := coordinate.Parse(found.Coordinate)
	return checkedPackage{called, found.SHA256}, err
}

// signer signs with the key, or takes the signature that lies beside the package;
// nil where there is neither.
func (w *wiring) signer(ctx context.Context, name string, checked checkedPackage, key string) (func(io.Reader) ([]byte, error), error) {
	if key != "" {
		private, err := w.readPrivateKey(ctx, key)
		return func(contents io.Reader) ([]byte, error) {
			return signature.Sign(ctxio.NewReader(ctx, contents), checked.coordinate.String(), private)
		}, err
	}
	text, err := packages.ReadSignature(name)
	if err != nil || text == nil {
		return nil, err
	}
	return func(io.Reader) ([]byte, error) { return text, checked.checkClaim(text) }, nil
}

// checkClaim compares what a signature says of itself with what was checked.
func (p checkedPackage) checkClaim(text []byte) error {
	return signature.CheckClaim(text, p.coordinate.String(), p.sha256)
}
