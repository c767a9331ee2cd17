package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// writeFile lets write fill the file of that name. A file appears whole or not
// at all; a device, a pipe or a socket gets what is written as it comes.
func writeFile(name string, write func(*os.File) error) error {
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return writeNew(name, write)
	case err != nil:
		return newWriteError(name, err)
	case info.IsDir():
		return folderError(name)
	case !info.Mode().IsRegular() || isDescriptor(name):
		return writeStream(name, write)
	}
	target, err := filepath.EvalSymlinks(name)
	if err != nil {
		return newWriteError(name, err)
	}
	return writeWhole(target, write)
}

// folderError tells that a folder was named where a file is wanted.
func folderError(name string) error {
	return &usageError{text: name + " is a folder; name a file"}
}

// refuseFolder finds a folder early that writeFile would refuse late.
func refuseFolder(name string) error {
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		return folderError(name)
	}
	return nil
}

// isStdout tells that a name stands for standard output, which is written to
// as it is: opened by its name it would begin at its start, and a socket
// cannot be opened at all.
func isStdout(name string) bool {
	switch name {
	case "-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1":
		return true
	}
	return false
}

// isDescriptor tells that a name stands for a file that is open already, which
// somebody holds: another file in its place would reach nobody.
func isDescriptor(name string) bool {
	return name == "/dev/stderr" || strings.HasPrefix(name, "/dev/fd/") || strings.HasPrefix(name, "/proc/self/fd/")
}

func writeNew(name string, write func(*os.File) error) error {
	if link, err := os.Readlink(name); err == nil {
		return newWriteError(name, fmt.Errorf("it is a link to %s, which does not exist", link))
	}
	return writeWhole(name, write)
}

func writeStream(name string, write func(*os.File) error) error {
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return newWriteError(name, err)
	}
	err = write(file)
	if closeErr := file.Close(); err == nil && closeErr != nil {
		err = newWriteError(name, closeErr)
	}
	return err
}

// wholeFile is a file that appears under its name when it is complete.
type wholeFile struct {
	*os.File
	target string
}

// writeWhole lets write fill a file that only its owner can read. Unless write
// succeeds, nothing is left of it, and a file that was there stays.
func writeWhole(target string, write func(*os.File) error) error {
	file, err := createWhole(target)
	if err != nil {
		return newWriteError(target, err)
	}
	if err := write(file.File); err != nil {
		file.discard()
		return err
	}
	return file.keep()
}

// createWhole makes the file in the folder of its target, so that the rename
// at the end cannot fail halfway, and with mode 0600. It is locked, so that
// another svp can tell it from what a killed one left, which is removed.
func createWhole(target string) (*wholeFile, error) {
	folder, prefix := filepath.Dir(target), "."+filepath.Base(target)+".svp-"
	removeUnlocked(folder, prefix)
	for {
		file, err := os.CreateTemp(folder, prefix+"*")
		if err != nil {
			return nil, err
		}
		whole := &wholeFile{File: file, target: target}
		if err := lockFile(file); err != nil {
			whole.discard()
			return nil, err
		}
		if whole.inPlace() {
			return whole, nil
		}
		_ = file.Close() // another svp removed it before it was locked
	}
}

func (f *wholeFile) inPlace() bool {
	own, err := f.Stat()
	if err != nil {
		return false
	}
	named, err := os.Lstat(f.Name())
	return err == nil && os.SameFile(own, named)
}

func (f *wholeFile) discard() {
	// The failure that led here is the one to tell about.
	_ = f.Close()
	_ = os.Remove(f.Name())
}

func (f *wholeFile) keep() error {
	err := f.Sync()
	if err == nil {
		// While it is locked, so that nobody takes it for a leftover.
		err = replaceFile(f.File, f.target)
	}
	if err != nil {
		f.discard()
		return newWriteError(f.target, err)
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

// refuseInside finds a file that would become part of the folder that it is made of.
func refuseInside(folder, name string) error {
	parent, err := filepath.Abs(filepath.Dir(name))
	if err == nil {
		parent, err = filepath.EvalSymlinks(parent)
	}
	if err != nil {
		return newWriteError(name, err)
	}
	folder, err = filepath.EvalSymlinks(folder)
	if err != nil {
		return newWriteError(name, err)
	}
	if inside, err := filepath.Rel(folder, parent); err == nil && filepath.IsLocal(inside) {
		return &usageError{text: name + " would be inside of the pack's folder; write it elsewhere"}
	}
	return nil
}
