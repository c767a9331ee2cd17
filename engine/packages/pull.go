package packages

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/servicepack/svp/engine/coordinate"
	"github.com/servicepack/svp/engine/copkg"
	"github.com/servicepack/svp/engine/registry"
	"github.com/servicepack/svp/engine/signature"
)

// locateReference makes a folder of what a registry has. As Docker does with
// images, it asks nobody when it has pulled the reference before; Pull does.
func (s *Store) locateReference(ctx context.Context, text string, offline bool) (string, error) {
	ref, err := registry.ParseReference(text)
	if err != nil {
		return "", err
	}
	there, err := s.recall(ctx, ref)
	switch {
	case errors.Is(err, ErrNotInstalled) && offline:
		err = fmt.Errorf("%s: %w", ref, ErrOffline)
	case errors.Is(err, ErrNotInstalled):
		there, err = s.Pull(ctx, ref)
	}
	return there.Folder, err
}

// Pull makes a folder of what the registry has now under the reference.
func (s *Store) Pull(ctx context.Context, ref registry.Reference) (Opened, error) {
	p, err := s.ask(ctx, ref)
	if err != nil {
		return Opened{}, err
	}
	there, err := s.findPulled(ctx, p.found.SHA256, ref)
	if errors.Is(err, ErrNotInstalled) {
		there, err = s.pullInto(ctx, p)
	}
	if err != nil {
		return Opened{}, err
	}
	return there, s.remember(ref, p.found.SHA256)
}

// Save writes the zip file that the registry has under the reference into a folder,
// with its signature beside it, and returns the file's name.
func (s *Store) Save(ctx context.Context, ref registry.Reference, folder string) (string, error) {
	p, err := s.ask(ctx, ref)
	if err != nil {
		return "", err
	}
	stage, err := vault{dir: folder}.stage(ctx)
	if err != nil {
		return "", err
	}
	defer stage.discard()
	got, err := s.obtain(ctx, stage, p)
	if err != nil {
		return "", err
	}
	defer got.file.Close()
	name := filepath.Join(folder, p.fileName())
	return name, stage.save(ctx, got.file, name, p.found)
}

// pulling is a package that a registry has.
type pulling struct {
	client *registry.Client
	ref    registry.Reference
	found  registry.Package
}

func (s *Store) ask(ctx context.Context, ref registry.Reference) (pulling, error) {
	client, err := s.config.Registry()
	if err != nil {
		return pulling{}, err
	}
	found, err := client.Resolve(ctx, ref)
	return pulling{client, ref, found}, err
}

// nameOfReference names the folder of a pack that gives itself no name.
func nameOfReference(ref registry.Reference) string { return path.Base(ref.Repository()) }

// fileName is the name of a zip file: as copkg has it, or, for a pack without a
// coordinate, that of the repository.
func (p pulling) fileName() string {
	if c, err := coordinate.Parse(p.found.Coordinate); err == nil {
		return c.FileName()
	}
	return nameOfReference(p.ref) + "-copkg.zip"
}

// findPulled finds what was pulled before. Where its signature was not asked for
// then, and is now, it does not count.
func (s *Store) findPulled(ctx context.Context, sum string, ref registry.Reference) (Opened, error) {
	there, err := s.findCached(ctx, sum, nameOfReference(ref), zipFile)
	if err == nil && !s.trusts(there.Record) {
		return Opened{}, errors.Join(ErrNotInstalled, s.forget(ctx, there))
	}
	return there, err
}

func (s *Store) pullInto(ctx context.Context, p pulling) (Opened, error) {
	stage, err := s.cached.stage(ctx)
	if err != nil {
		return Opened{}, err
	}
	defer stage.discard()
	got, err := s.obtain(ctx, stage, p)
	if err != nil {
		return Opened{}, err
	}
	defer got.file.Close()
	record := Record{SHA256: p.found.SHA256, Size: p.found.Size, Source: p.ref.String(), SignedBy: got.signedBy}
	return s.keepCached(ctx, stage, got.folder, p.ref.String(), record)
}

// obtained is a package that has arrived in a stage.
type obtained struct {
	file     *os.File // the caller closes it
	folder   string   // what is in it
	signedBy string
}

// obtain downloads a package, and makes sure of all that is known about it.
func (s *Store) obtain(ctx context.Context, stage *stage, p pulling) (obtained, error) {
	file, err := os.OpenFile(filepath.Join(stage.path, ".package.zip"), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return obtained{}, err
	}
	s.note("pull %s", p.ref)
	got := obtained{file: file}
	err = p.client.Download(ctx, p.ref, p.found, file)
	if err == nil {
		got.signedBy, err = s.checkSignature(ctx, file, []byte(p.found.Signature), p.ref.String(), p.found.Coordinate)
	}
	if err == nil {
		if got.folder, err = stage.unpackZip(ctx, file, nameOfReference(p.ref)); err != nil {
			err = fmt.Errorf("%s: %w", p.ref, err)
		}
	}
	if err == nil {
		err = p.check(got.folder)
	}
	if err != nil {
		file.Close() //nolint:errcheck // it goes with the stage
		return obtained{}, err
	}
	return got, nil
}

// check makes sure that a package is the one that the registry calls it.
func (p pulling) check(folder string) error {
	opened, err := openPack(folder, p.ref.String())
	if err != nil {
		return err
	}
	if p.found.PackDigest != "" && p.found.PackDigest != opened.digest {
		return fmt.Errorf("%s: %w: its pack is %s, and should be %q", p.ref, ErrOtherContents, opened.digest, p.found.PackDigest)
	}
	if p.found.Coordinate == "" {
		return nil
	}
	c, err := copkg.Coordinate(opened.Dir)
	if err != nil {
		return renamed(err, p.ref.String())
	}
	if c.String() != p.found.Coordinate {
		return fmt.Errorf("%s: %w: it says that it is %s, and should be %q", p.ref, ErrOtherContents, c, p.found.Coordinate)
	}
	return nil
}

// save moves a zip file out of the stage. A file of that name stays, and has to be
// the same.
func (s *stage) save(ctx context.Context, file *os.File, name string, found registry.Package) error {
	there, err := os.Open(name)
	if err == nil {
		defer there.Close()
		sum, _, err := sum(ctx, there)
		if err == nil && sum != found.SHA256 {
			err = fmt.Errorf("%s: %w: the file that is there has %s, the registry %s", name, ErrOtherContents, sum, found.SHA256)
		}
		return err
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if found.Signature != "" {
		if err := writeWhole(name+signature.Extension, []byte(found.Signature)); err != nil {
			return err
		}
	}
	err = file.Chmod(0o644)
	if err == nil {
		err = file.Sync()
	}
	if err == nil {
		err = os.Rename(file.Name(), name)
	}
	if err != nil {
		return err
	}
	syncFolder(s.vault.dir)
	return nil
}
