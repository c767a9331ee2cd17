package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// wholeFile is a file that appears under its name when it is complete.
type wholeFile struct {
	*os.File
	target string
}

// writeWhole lets write fill a file that only its owner can read. Unless write
// succeeds, nothing is left of it, and a file that was there stays.
func writeWhole(name string, write func(*wholeFile) error) error {
	file, err := createWhole(name)
	if err != nil {
		return err
	}
	if err := write(file); err != nil {
		file.discard()
		return err
	}
	return file.keep()
}

func createWhole(name string) (*wholeFile, error) {
	target, err := wholeTarget(name)
	if err != nil {
		return nil, err
	}
	// The same folder, so that the rename at the end cannot fail halfway; made
	// with mode 0600.
	file, err := os.CreateTemp(filepath.Dir(target), "."+filepath.Base(target)+".*")
	if err != nil {
		return nil, writeError(name, err)
	}
	return &wholeFile{File: file, target: target}, nil
}

// writeError names the file that the user named, and not a temporary one.
func writeError(name string, err error) error {
	var failed *fs.PathError
	if errors.As(err, &failed) {
		err = failed.Err
	}
	return fmt.Errorf("write %s: %w", name, err)
}

// wholeTarget follows symbolic links and refuses what a file cannot replace.
func wholeTarget(name string) (string, error) {
	target, err := filepath.EvalSymlinks(name)
	if errors.Is(err, fs.ErrNotExist) {
		return name, nil
	}
	if err != nil {
		return "", writeError(name, err)
	}
	info, err := os.Stat(target)
	if err != nil {
		return "", writeError(name, err)
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("write %s: it exists and is no regular file", name)
	}
	return target, nil
}

func (f *wholeFile) discard() {
	// The failure that led here is the one to tell about.
	_ = f.Close()
	_ = os.Remove(f.Name())
}

func (f *wholeFile) keep() error {
	err := f.Sync()
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(f.Name(), f.target)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // as in discard
		return writeError(f.target, err)
	}
	syncFolder(filepath.Dir(f.target))
	return nil
}

// syncFolder makes the new name survive a crash of the machine. Some systems
// and file systems cannot; the contents are safe all the same.
func syncFolder(name string) {
	folder, err := os.Open(name)
	if err != nil {
		return
	}
	defer folder.Close()
	_ = folder.Sync() // as explained above
}
