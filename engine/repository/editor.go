package repository

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Files of svp's own in a repository begin with a dot, so that no web server
// takes them for packages.
const (
	lockFile = ".svp-lock"
	// staleFile is there while the index may lack a package: from before a
	// package appears until the index has it. Whoever finds it makes the index
	// anew, since its maker was killed.
	staleFile = ".svp-index-stale"
	// temporaryPrefix begins what is not complete yet.
	temporaryPrefix = ".svp-new-"
)

// editor changes the repository in a folder. There is one at a time.
type editor struct {
	root *os.Root
	lock *os.File
}

// edit waits until nobody else changes the repository. The folder is made where
// it is absent, and the one above it is there.
func edit(ctx context.Context, folder string) (*editor, error) {
	if err := os.Mkdir(folder, 0o755); err != nil && !errors.Is(err, fs.ErrExist) { //nolint:gosec // a web server reads it
		return nil, err
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, err
	}
	// To be read only: another user may have made it.
	held, err := root.OpenFile(lockFile, os.O_RDONLY|os.O_CREATE, 0o644)
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	e := &editor{root: root, lock: held}
	if err := lock(ctx, held); err != nil {
		return nil, errors.Join(fmt.Errorf("wait for another publisher: %w", err), e.close())
	}
	if err := e.sweep(); err != nil {
		return nil, errors.Join(err, e.close())
	}
	return e, nil
}

func (e *editor) close() error { return errors.Join(e.lock.Close(), e.root.Close()) }

// sweep removes what publishers left that were killed; whoever holds the lock is
// the only one.
func (e *editor) sweep() error {
	entries, err := fs.ReadDir(e.root.FS(), ".")
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), temporaryPrefix) {
			if err := e.root.RemoveAll(entry.Name()); err != nil {
				return fmt.Errorf("remove what an interrupted svp left: %w", err)
			}
		}
	}
	return nil
}

// temporary is a name for what is not complete yet.
func (e *editor) temporary() string { return temporaryPrefix + rand.Text() }

// create makes a file that everybody may read, and that is safe on the disk.
func (e *editor) create(name string, write func(*os.File) error) error {
	file, err := e.root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	err = write(file)
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

// replace puts a whole file in place of what is there.
func (e *editor) replace(name string, text []byte) error {
	temporary := e.temporary()
	err := e.create(temporary, writing(text))
	if err == nil {
		err = e.root.Rename(temporary, name)
	}
	if err != nil {
		return errors.Join(err, ignoreNotExist(e.root.Remove(temporary)))
	}
	e.sync(filepath.Dir(name))
	return nil
}

// sync makes new names survive a crash of the machine. Some file systems cannot;
// the contents are safe all the same.
func (e *editor) sync(folder string) {
	opened, err := e.root.Open(folder)
	if err != nil {
		return
	}
	defer opened.Close()
	_ = opened.Sync() // as explained above
}

func (e *editor) markStale() error {
	file, err := e.root.OpenFile(staleFile, os.O_RDONLY|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	e.sync(".")
	return file.Close()
}

func (e *editor) isStale() bool {
	_, err := e.root.Lstat(staleFile)
	return err == nil
}
