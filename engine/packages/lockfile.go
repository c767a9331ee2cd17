package packages

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/servicepack/svp/engine/coordinate"
)

// LockFileName is what a lock file is called unless the user says otherwise.
const LockFileName = "svp.lock"

// lockVersion is the version of the format.
const lockVersion = 1

// Pin is what a lock file says of a package.
type Pin struct {
	SHA256     string `json:"sha256"`
	PackDigest string `json:"pack_digest"`
	Repository string `json:"repository"`
}

// Lock is what a lock file says: which contents the packages of a project have. The
// same packages give the same file.
type Lock struct {
	pins map[coordinate.Coordinate]Pin
}

// Find finds the pin of a package.
func (l Lock) Find(c coordinate.Coordinate) (Pin, bool) {
	pin, found := l.pins[c]
	return pin, found
}

func (l Lock) versions(group, name string) []string {
	var versions []string
	for c := range l.pins {
		if c.Group == group && c.Name == name {
			versions = append(versions, c.Version)
		}
	}
	return versions
}

// lockDocument is a lock file as it is written.
type lockDocument struct {
	Version  int            `json:"version"`
	Packages map[string]Pin `json:"packages"`
}

// ReadLock reads a lock file strictly. One that is not there pins nothing.
func ReadLock(name string) (Lock, error) {
	if name == "" {
		return Lock{}, nil
	}
	content, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return Lock{}, nil
	}
	if err != nil {
		return Lock{}, fmt.Errorf("read the lock file: %w", err)
	}
	lock, err := parseLock(content)
	if err != nil {
		return Lock{}, fmt.Errorf("the lock file %s cannot be read: %w", name, err)
	}
	return lock, nil
}

func parseLock(content []byte) (Lock, error) {
	var document lockDocument
	if err := decodeStrictly(content, &document); err != nil {
		return Lock{}, err
	}
	if document.Version != lockVersion {
		return Lock{}, fmt.Errorf("its version is %d, and this svp knows %d", document.Version, lockVersion)
	}
	lock := Lock{pins: map[coordinate.Coordinate]Pin{}}
	for text, pin := range document.Packages {
		c, err := coordinate.Parse(text)
		if err != nil {
			return Lock{}, err
		}
		if !hexSum().MatchString(pin.SHA256) || !packDigest().MatchString(pin.PackDigest) {
			return Lock{}, fmt.Errorf("%s: a digest is missing, or is none", text)
		}
		lock.pins[c] = pin
	}
	return lock, nil
}

// Pin writes an installed package into a lock file, which is made where it is
// absent. It changes no pin that is there.
func (s *Store) Pin(ctx context.Context, there Installed) error {
	name := s.config.LockFile
	c, err := coordinate.Parse(there.Coordinate)
	if err != nil {
		return err
	}
	release, err := holdFolder(ctx, filepath.Dir(name))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrLockFile, err)
	}
	defer release()
	if err := removeTemporaries(name); err != nil {
		return fmt.Errorf("%w: %w", ErrLockFile, err)
	}
	lock, err := ReadLock(name)
	if err != nil {
		return err
	}
	pin, pinned := lock.Find(c)
	switch {
	case pinned && pin.SHA256 == there.SHA256:
		return nil
	case pinned:
		return fmt.Errorf("%s: %w: installed is %s, %s has %s", c, ErrOtherContents, there.SHA256, name, pin.SHA256)
	}
	document := lockDocument{Version: lockVersion, Packages: map[string]Pin{
		c.String(): {SHA256: there.SHA256, PackDigest: there.PackDigest, Repository: there.Source},
	}}
	for c, pin := range lock.pins {
		document.Packages[c.String()] = pin
	}
	content, err := encode(document)
	if err == nil {
		err = writeWhole(name, content)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrLockFile, err)
	}
	return nil
}

// Locked lists what the lock file has, sorted.
func (s *Store) Locked() ([]coordinate.Pattern, error) {
	lock, err := ReadLock(s.config.LockFile)
	if err != nil {
		return nil, err
	}
	var texts []string
	for c := range lock.pins {
		texts = append(texts, c.String())
	}
	slices.Sort(texts)
	var list []coordinate.Pattern
	for _, text := range texts {
		pattern, err := coordinate.ParsePattern(text)
		if err != nil {
			return nil, err
		}
		list = append(list, pattern)
	}
	return list, nil
}
