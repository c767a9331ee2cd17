package packages

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/servicepack/svp/engine/coordinate"
	"github.com/servicepack/svp/engine/registry"
)

// Where a located pack comes from.
const (
	originPackage  = "package"
	originArchive  = "archive"
	originRegistry = "registry"
)

// Knows tells that the text is of a kind that Locate takes: it looks like a
// coordinate, a reference or the name of an archive.
func Knows(text string) bool {
	return registry.IsReference(text) || kindOfFile(text) != noArchive || looksLikeCoordinate(text)
}

// looksLikeCoordinate tells what is meant to be a coordinate, even if it is none.
func looksLikeCoordinate(text string) bool { return strings.Count(text, ":") >= 2 }

// Locate makes the pack that the text stands for a folder: it installs a package,
// extracts an archive, or pulls from a registry, where that has not been done
// before.
func (s *Store) Locate(ctx context.Context, text string) (folder, origin string, err error) {
	return s.locate(ctx, text, false)
}

// LocateHere does the same with what is on this machine. The error matches ErrOffline
// where the pack would have to be fetched.
func (s *Store) LocateHere(ctx context.Context, text string) (folder, origin string, err error) {
	return s.locate(ctx, text, true)
}

func (s *Store) locate(ctx context.Context, text string, offline bool) (folder, origin string, err error) {
	switch {
	case registry.IsReference(text):
		folder, err = s.locateReference(ctx, text, offline)
		return folder, originRegistry, err
	case kindOfFile(text) != noArchive:
		there, err := s.Open(ctx, text)
		return there.Folder, originArchive, err
	}
	folder, err = s.locatePackage(ctx, text, offline)
	return folder, originPackage, err
}

// locatePackage finds the package among those that are installed, or installs it.
func (s *Store) locatePackage(ctx context.Context, text string, offline bool) (string, error) {
	wanted, err := ParsePattern(text)
	if err != nil {
		return "", err
	}
	there, err := s.findMatch(wanted)
	switch {
	case err == nil:
		err = s.check(there)
	case errors.Is(err, ErrNotInstalled) && offline:
		err = fmt.Errorf("%s: %w", wanted, ErrOffline)
	case errors.Is(err, ErrNotInstalled) && len(s.config.Repositories) > 0:
		there, err = s.Install(ctx, wanted, InstallOptions{})
	}
	return there.Folder, err
}

// findMatch finds the highest version that is installed.
func (s *Store) findMatch(wanted coordinate.Pattern) (Installed, error) {
	c, exact := wanted.Exact()
	if !exact {
		versions, err := s.installedVersions(wanted.Group, wanted.Name)
		if err != nil {
			return Installed{}, err
		}
		version, found := wanted.Select(versions)
		if !found {
			return Installed{}, fmt.Errorf("%s: %w", wanted, ErrNotInstalled)
		}
		c = coordinate.Coordinate{Group: wanted.Group, Name: wanted.Name, Version: version}
	}
	return s.Find(c)
}

// check makes sure that an installed package is the one that it was, and the one
// that it has to be.
func (s *Store) check(there Installed) error {
	c, err := coordinate.Parse(there.Coordinate)
	if err != nil {
		return err
	}
	pins, err := ReadLock(s.config.LockFile)
	if err != nil {
		return err
	}
	pin, _ := pins.Find(c)
	return s.checkRecord(there, c, pin)
}

func (s *Store) checkRecord(there Installed, c coordinate.Coordinate, pin Pin) error {
	if pin.SHA256 != "" && pin.SHA256 != there.SHA256 {
		return fmt.Errorf("%s: %w: installed is %s, %s has %s", c, ErrOtherContents, there.SHA256, s.config.LockFile, pin.SHA256)
	}
	if !s.trusts(there.Record) {
		return fmt.Errorf("%s: %w", there.Folder, ErrInstalledUnsigned)
	}
	return checkUnchanged(there.Folder, c.String(), there.Record)
}

// isOwn tells that a folder is where packages are kept.
func (s *Store) isOwn(folder string) bool {
	for _, own := range []string{s.config.Dir, s.config.Cache} {
		if resolved, err := filepath.EvalSymlinks(own); err == nil && resolved == folder {
			return true
		}
	}
	return false
}

// Fetched tells that a folder is a package, or lies in one: what is beside it says
// so, wherever packages are kept.
func (s *Store) Fetched(folder string) bool {
	resolved, err := filepath.Abs(folder)
	if err == nil {
		resolved, err = filepath.EvalSymlinks(resolved)
	}
	if err != nil {
		return false
	}
	for {
		if _, err := readRecord(resolved); err == nil || s.isOwn(resolved) {
			return true
		}
		above := filepath.Dir(resolved)
		if above == resolved {
			return false
		}
		resolved = above
	}
}
