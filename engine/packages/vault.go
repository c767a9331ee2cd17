package packages

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// vault is a folder of folders that are written once. A folder counts as there
// when its record is. Names below it are relative, with slashes.
type vault struct {
	dir string
	// sealed lets nobody write into the folders. A cache is not: people remove
	// caches by hand.
	sealed bool
}

// What is being written or removed begins so, directly in the vault. A vault can be
// anybody's folder, where nothing of other programs has such a name.
const (
	newPrefix = ".svp-unpack-"
	oldPrefix = ".svp-remove-"
)

func (v vault) path(name string) string { return filepath.Join(v.dir, filepath.FromSlash(name)) }

// find reads the record of what is there. The error matches ErrNotInstalled when
// nothing is.
func (v vault) find(name string) (Record, error) {
	record, err := readRecord(v.path(name))
	if err == nil {
		_, err = os.Stat(v.path(name))
	}
	if errors.Is(err, fs.ErrNotExist) {
		return Record{}, ErrNotInstalled
	}
	return record, err
}

// lockInterval is how often a command looks whether another one has ended.
const lockInterval = 20 * time.Millisecond

// hold waits until nobody else changes the vault, and makes it where it is absent.
// That is for moments only: nothing is downloaded meanwhile.
func (v vault) hold(ctx context.Context) (release func(), err error) {
	if err := os.MkdirAll(v.dir, 0o755); err != nil { //nolint:gosec // packages are no secret
		return nil, err
	}
	return holdFolder(ctx, v.dir)
}

// holdFolder waits until nobody else holds the folder.
func holdFolder(ctx context.Context, name string) (release func(), err error) {
	folder, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	release = func() { _ = folder.Close() } // it was only read from
	again := time.NewTicker(lockInterval)
	defer again.Stop()
	for {
		held, err := tryLock(folder)
		if err != nil {
			release()
			return nil, fmt.Errorf("lock %s: %w", name, err)
		}
		if held {
			return release, nil
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			release()
			return nil, context.Cause(ctx)
		}
	}
}

// stage is a folder in the vault in which something is made ready.
type stage struct {
	vault vault
	path  string
	held  *os.File // while it is open, nobody takes the stage for a leftover
}

// stage makes a stage, and removes what killed commands left.
func (v vault) stage(ctx context.Context) (*stage, error) {
	release, err := v.hold(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	if err := v.sweep(); err != nil {
		return nil, err
	}
	made, err := os.MkdirTemp(v.dir, newPrefix+"*")
	if err != nil {
		return nil, err
	}
	s := &stage{vault: v, path: made}
	if s.held, err = os.Open(made); err == nil {
		_, err = tryLock(s.held)
	}
	if err != nil {
		s.discard()
		return nil, err
	}
	return s, nil
}

// sweep removes what killed commands left. The vault is held.
func (v vault) sweep() error {
	entries, err := os.ReadDir(v.dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		name := entry.Name()
		if !strings.HasPrefix(name, newPrefix) && !strings.HasPrefix(name, oldPrefix) {
			continue
		}
		if err := removeUnheld(v.path(name)); err != nil {
			return fmt.Errorf("remove what an interrupted svp left: %w", err)
		}
	}
	return nil
}

func removeUnheld(name string) error {
	folder, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // its owner has removed it
	}
	if err != nil {
		return err
	}
	defer folder.Close()
	if !isLeftover(folder) {
		return nil
	}
	return removeTree(name)
}

// discard removes the stage and what is in it.
func (s *stage) discard() {
	// The next command removes what cannot be removed now.
	_ = removeTree(s.path)
	if s.held != nil {
		_ = s.held.Close()
	}
}

// root makes a folder in the stage for an archive to be extracted into.
func (s *stage) root(name string) (*os.Root, error) {
	folder := filepath.Join(s.path, name)
	if err := os.Mkdir(folder, 0o755); err != nil { //nolint:gosec // it becomes the package's, which is no secret
		return nil, err
	}
	return os.OpenRoot(folder)
}

// keep gives a folder of the stage its name in the vault, with a record and
// read-only. When another command was quicker, its record comes back, and existed
// is true.
//
// The contents are not forced to the disk, which would take longer than all the
// rest: what a crash of the machine may spoil is found by the digest of the pack in
// the record, and by those of the dependencies in it.
func (s *stage) keep(ctx context.Context, folder, name string, record Record) (kept Record, existed bool, err error) {
	content, err := encode(record)
	if err != nil {
		return Record{}, false, err
	}
	ready := filepath.Join(s.path, ".record.json")
	if err := errors.Join(writeWhole(ready, content), makeReadOnly(folder, s.vault.sealed)); err != nil {
		return Record{}, false, err
	}
	release, err := s.vault.hold(ctx)
	if err != nil {
		return Record{}, false, err
	}
	defer release()
	if there, err := s.vault.find(name); !errors.Is(err, ErrNotInstalled) {
		return there, err == nil, err
	}
	if err := s.vault.checkFree(name); err != nil {
		return Record{}, false, err
	}
	if err := s.vault.put(folder, name, ready); err != nil {
		return Record{}, false, errors.Join(err, s.vault.prune(path.Dir(name)))
	}
	return record, false, nil
}

// put moves a folder to its place. Its record comes first: without the folder it
// counts for nothing.
func (v vault) put(folder, name, record string) error {
	target := v.path(name)
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil { //nolint:gosec // as in hold
		return err
	}
	if err := v.sweepBeside(name); err != nil {
		return err
	}
	if err := os.Rename(record, recordFile(target)); err != nil {
		return err
	}
	if err := os.Rename(folder, target); err != nil {
		return errors.Join(err, os.Remove(recordFile(target)))
	}
	if v.sealed {
		// Only now: a folder that cannot be written to cannot be moved.
		if err := os.Chmod(target, 0o555); err != nil { //nolint:gosec // for everybody to read
			return err
		}
	}
	syncFolder(filepath.Dir(target))
	return nil
}

// sweepBeside removes what the first copkg leaves beside a package that it was
// killed over.
func (v vault) sweepBeside(name string) error {
	for _, suffix := range []string{"---unpack", "---remove"} {
		// A version may be called so, and so may a part of a group.
		if v.holds(name + suffix) {
			continue
		}
		if err := removeTree(v.path(name + suffix)); err != nil {
			return fmt.Errorf("remove what an interrupted installation left: %w", err)
		}
	}
	return nil
}

// holds tells that a package is there, or below it. What cannot be read may be one.
func (v vault) holds(name string) bool {
	if _, err := v.find(name); !errors.Is(err, ErrNotInstalled) {
		return true
	}
	below, damaged, err := vault{dir: v.path(name)}.all()
	return err != nil || len(below) > 0 || len(damaged) > 0
}

// checkFree refuses a place that is taken by something that is no package, or that
// is in one, or that has some in it: the coordinates a.b:c:1 and a:b:c would lie in
// each other.
func (v vault) checkFree(name string) error {
	if _, err := os.Lstat(v.path(name)); err == nil {
		return fmt.Errorf("%w: %s", ErrInTheWay, v.path(name))
	}
	for above := path.Dir(name); above != "."; above = path.Dir(above) {
		if _, err := v.find(above); !errors.Is(err, ErrNotInstalled) {
			return fmt.Errorf("%w: %s is an installed package", ErrInTheWay, v.path(above))
		}
	}
	return nil
}

// drop removes what is there.
func (v vault) drop(ctx context.Context, name string) error {
	release, err := v.hold(ctx)
	if err != nil {
		return err
	}
	moved, err := v.takeOut(name)
	release()
	if err != nil {
		return err
	}
	return removeTree(moved)
}

// takeOut moves what is there out of its place, at once, so that nobody meets half
// of it.
func (v vault) takeOut(name string) (moved string, err error) {
	if err := v.sweep(); err != nil {
		return "", err
	}
	// Who removes a package wants to be rid of a damaged one all the more.
	if _, err = v.find(name); err != nil && !errors.Is(err, ErrChangedSince) {
		return "", err
	}
	target := v.path(name)
	if moved, err = os.MkdirTemp(v.dir, oldPrefix+"*"); err != nil {
		return "", err
	}
	// A folder that cannot be written to cannot be moved.
	if err = os.Chmod(target, 0o755); err == nil { //nolint:gosec // as it was before
		err = os.Rename(target, filepath.Join(moved, filepath.Base(target)))
	}
	if err != nil {
		return "", errors.Join(err, os.Remove(moved))
	}
	return moved, errors.Join(os.Remove(recordFile(target)), v.prune(path.Dir(name)))
}

// prune removes folders that nothing is in.
func (v vault) prune(name string) error {
	for ; name != "."; name = path.Dir(name) {
		entries, err := os.ReadDir(v.path(name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil || len(entries) > 0 {
			return err
		}
		if err := os.Remove(v.path(name)); err != nil {
			return err
		}
	}
	return nil
}

// all finds everything that is there. What has a damaged record is told of in
// damaged, and hides nothing else.
func (v vault) all() (found map[string]Record, damaged []error, err error) {
	found = map[string]Record{}
	err = filepath.WalkDir(v.dir, func(file string, entry fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil // the vault is not there yet, or something was removed meanwhile
		case err != nil:
			return err
		case file == v.dir || !entry.IsDir():
			return nil
		case strings.HasPrefix(entry.Name(), "."):
			return fs.SkipDir
		}
		name, err := filepath.Rel(v.dir, file)
		if err != nil {
			return err
		}
		record, err := v.find(filepath.ToSlash(name))
		switch {
		case errors.Is(err, ErrNotInstalled):
			return nil
		case errors.Is(err, ErrChangedSince):
			damaged = append(damaged, err)
			return fs.SkipDir
		case err != nil:
			return err
		}
		found[filepath.ToSlash(name)] = record
		return fs.SkipDir
	})
	return found, damaged, err
}
