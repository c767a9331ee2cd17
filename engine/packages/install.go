package packages

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/servicepack/svp/engine/coordinate"
	"github.com/servicepack/svp/engine/pack"
	"github.com/servicepack/svp/engine/repository"
)

// Installed is a package that is installed.
type Installed struct {
	Record
	Folder string
	// Existed tells that it was installed already.
	Existed bool
}

// InstallOptions say how to install.
type InstallOptions struct {
	// Locked takes nothing that the lock file does not have.
	Locked bool
}

// Install makes sure that the package is installed: the highest version that the
// pattern stands for, from the first repository that has one. One that is installed
// already has to be the same as that of the repository, where it answers.
func (s *Store) Install(ctx context.Context, wanted coordinate.Pattern, o InstallOptions) (Installed, error) {
	pins, err := ReadLock(s.config.LockFile)
	if err != nil {
		return Installed{}, err
	}
	from, chosen, err := s.choose(ctx, wanted, pins, o)
	if err != nil {
		return Installed{}, err
	}
	pin, pinned := pins.Find(chosen)
	if !pinned && o.Locked {
		return Installed{}, fmt.Errorf("%s: %w: %s", chosen, ErrNotLocked, s.config.LockFile)
	}
	there, err := s.Find(chosen)
	if err == nil {
		if err = s.checkSame(ctx, there, chosen, pin, from); err == nil {
			s.note("%s is installed already", chosen)
		}
		return there, err
	}
	if !errors.Is(err, ErrNotInstalled) {
		return Installed{}, err
	}
	return s.install(ctx, chosen, pin, from)
}

// choose picks the version, and the repositories to look for it in.
func (s *Store) choose(ctx context.Context, wanted coordinate.Pattern, pins Lock, o InstallOptions) ([]*repository.Client, coordinate.Coordinate, error) {
	if exact, is := wanted.Exact(); is {
		return s.config.Repositories, exact, nil
	}
	if o.Locked {
		version, found := wanted.Select(pins.versions(wanted.Group, wanted.Name))
		if !found {
			return nil, coordinate.Coordinate{}, fmt.Errorf("%s: %w: %s", wanted, ErrNotLocked, s.config.LockFile)
		}
		return s.config.Repositories, coordinate.Coordinate{Group: wanted.Group, Name: wanted.Name, Version: version}, nil
	}
	from, chosen, err := s.newest(ctx, wanted)
	return []*repository.Client{from}, chosen, err
}

// newest finds the highest version in the first repository that has one.
func (s *Store) newest(ctx context.Context, wanted coordinate.Pattern) (*repository.Client, coordinate.Coordinate, error) {
	if len(s.config.Repositories) == 0 {
		return nil, coordinate.Coordinate{}, fmt.Errorf("%s: %w", wanted, ErrNoRepository)
	}
	for _, client := range s.config.Repositories {
		versions, err := client.Versions(ctx, wanted.Group, wanted.Name)
		if err != nil && !errors.Is(err, repository.ErrNotFound) {
			return nil, coordinate.Coordinate{}, besideOthers(s.config.Repositories, err)
		}
		if version, found := wanted.Select(versions); found {
			return client, coordinate.Coordinate{Group: wanted.Group, Name: wanted.Name, Version: version}, nil
		}
	}
	return nil, coordinate.Coordinate{}, fmt.Errorf("%s: %w", wanted, ErrNowhere)
}

// otherRepositoriesError is an error of a repository that others are beside.
type otherRepositoriesError struct{ err error }

func (e *otherRepositoriesError) Error() string { return e.err.Error() }

func (e *otherRepositoriesError) Unwrap() []error { return []error{e.err, ErrOneOfSeveral} }

// besideOthers marks the error of a repository that gave no answer where there are
// others: one that cannot be asked may have the package, and is not passed over.
func besideOthers(from []*repository.Client, err error) error {
	silent := errors.Is(err, repository.ErrUnreachable) || errors.Is(err, repository.ErrTimeout)
	if len(from) < 2 || !silent {
		return err
	}
	return &otherRepositoriesError{err}
}

// Find finds an installed package. The error matches ErrNotInstalled when it is
// not.
func (s *Store) Find(c coordinate.Coordinate) (Installed, error) {
	record, err := s.installed.find(c.Dir())
	if err != nil {
		return Installed{}, fmt.Errorf("%s: %w", c, err)
	}
	return Installed{Record: record, Folder: s.installed.path(c.Dir()), Existed: true}, nil
}

// checkSame makes sure that an installed package is what it should be.
func (s *Store) checkSame(ctx context.Context, there Installed, c coordinate.Coordinate, pin Pin, from []*repository.Client) error {
	if err := s.checkRecord(there, c, pin); err != nil {
		return err
	}
	for _, client := range from {
		index, err := askIndex(ctx, client)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			s.note("%s is installed; whether %s has the same was not to be found out: %v", c, client.Location(), err)
			continue
		}
		if entry, found := index.Find(c); found {
			if entry.SHA256 != there.SHA256 {
				return fmt.Errorf("%s: %w: installed is %s, %s has %s", c, ErrOtherContents, there.SHA256, client.Location(), entry.SHA256)
			}
			return nil
		}
	}
	return nil
}

// comparePatience is how long a repository may take to say what it has of a package
// that is installed: without it, the package is as good.
const comparePatience = 10 * time.Second

func askIndex(ctx context.Context, client *repository.Client) (repository.Index, error) {
	ctx, cancel := context.WithTimeout(ctx, comparePatience)
	defer cancel()
	return client.Index(ctx)
}

func (s *Store) install(ctx context.Context, c coordinate.Coordinate, pin Pin, from []*repository.Client) (Installed, error) {
	stage, err := s.installed.stage(ctx)
	if err != nil {
		return Installed{}, err
	}
	defer stage.discard()
	file, err := os.OpenFile(filepath.Join(stage.path, c.FileName()), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return Installed{}, err
	}
	defer file.Close()
	record, signed, err := s.fetch(ctx, c, from, file)
	if (errors.Is(err, ErrNowhere) || errors.Is(err, ErrNoRepository)) && pin.Repository != "" {
		// Whom to ask is the user's to say, and not the file's.
		err = fmt.Errorf("%w; %s has it from %q", err, s.config.LockFile, pin.Repository)
	}
	if err != nil {
		return Installed{}, err
	}
	if pin.SHA256 != "" && pin.SHA256 != record.SHA256 {
		return Installed{}, fmt.Errorf("%s: %w: %s has %s, %s has %s", c, ErrOtherContents, record.Source, record.SHA256, s.config.LockFile, pin.SHA256)
	}
	if record.SignedBy, err = s.checkSignature(ctx, file, signed, c.FileName(), c.String()); err != nil {
		return Installed{}, err
	}
	folder, err := stage.unpackZip(ctx, file, c.Name)
	if err != nil {
		return Installed{}, fmt.Errorf("%s: %w", c.FileName(), err)
	}
	opened, err := checkPackage(folder, c, pin)
	if err != nil {
		return Installed{}, err
	}
	record.PackDigest, record.BundledDigest = opened.digest, opened.bundled
	return s.keep(ctx, stage, folder, c, record)
}

// fetch gets the package from the first repository that has it.
func (s *Store) fetch(ctx context.Context, c coordinate.Coordinate, from []*repository.Client, file *os.File) (Record, []byte, error) {
	if len(from) == 0 {
		return Record{}, nil, fmt.Errorf("%s: %w", c, ErrNoRepository)
	}
	for _, client := range from {
		s.note("install %s from %s", c, client.Location())
		fetched, err := client.Fetch(ctx, c, file)
		if errors.Is(err, repository.ErrNotFound) {
			continue
		}
		record := Record{Coordinate: c.String(), SHA256: fetched.SHA256, Size: fetched.Size, Source: client.Location().String()}
		return record, fetched.Signature, besideOthers(from, err)
	}
	return Record{}, nil, fmt.Errorf("%s: %w", c, ErrNowhere)
}

// checkPackage makes sure that a folder is the pack of that coordinate.
func checkPackage(folder string, c coordinate.Coordinate, pin Pin) (unpacked, error) {
	opened, err := openPack(folder, c.FileName())
	if err != nil {
		return unpacked{}, err
	}
	identity, err := opened.Identity()
	if err != nil {
		return unpacked{}, renamed(err, c.FileName())
	}
	if identity != (pack.Identity(c)) {
		return unpacked{}, fmt.Errorf("%s: %w: it says that it is %s:%s:%s", c, ErrOtherContents, identity.Group, identity.Name, identity.Version)
	}
	if pin.PackDigest != "" && pin.PackDigest != opened.digest {
		return unpacked{}, fmt.Errorf("%s: %w: its pack is %s", c, ErrOtherContents, opened.digest)
	}
	return opened, nil
}

func (s *Store) keep(ctx context.Context, stage *stage, folder string, c coordinate.Coordinate, record Record) (Installed, error) {
	kept, existed, err := stage.keep(ctx, folder, c.Dir(), record)
	if err != nil {
		return Installed{}, fmt.Errorf("%s: %w", c, err)
	}
	if kept.SHA256 != record.SHA256 {
		return Installed{}, fmt.Errorf("%s: %w: another command has just installed %s, not %s", c, ErrOtherContents, kept.SHA256, record.SHA256)
	}
	return Installed{Record: kept, Folder: s.installed.path(c.Dir()), Existed: existed}, nil
}
