package cli

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// What may be read of a file that svp makes: a backup by its owner alone, a
// package by whom the user's umask allows.
const (
	private fs.FileMode = 0o600
	shared  fs.FileMode = 0o666
)

// writeFile lets write fill the file of that name, which only its owner can read.
func writeFile(name string, write func(*os.File) error) error {
	return writeFileAs(name, private, write)
}

// writeSharedFile is writeFile for what is no secret.
func writeSharedFile(name string, write func(*os.File) error) error {
	return writeFileAs(name, shared, write)
}

// writeFileAs lets a file appear whole or not at all; a device, a pipe or a socket
// gets what is written as it comes.
func writeFileAs(name string, mode fs.FileMode, write func(*os.File) error) error {
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return writeNew(name, mode, write)
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
	return writeWhole(target, mode, write)
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

func writeNew(name string, mode fs.FileMode, write func(*os.File) error) error {
	if link, err := os.Readlink(name); err == nil {
		return newWriteError(name, fmt.Errorf("it is a link to %s, which does not exist", link))
	}
	return writeWhole(name, mode, write)
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

// wholeFile is a file, or a folder, that appears under its name when it is complete.
type wholeFile struct {
	*os.File
	target string
}

// writeWhole lets write fill a file. Unless write succeeds, nothing is left of it,
// and a file that was there stays.
func writeWhole(target string, mode fs.FileMode, write func(*os.File) error) error {
	file, err := createWhole(target, func(name string) (*os.File, error) {
		return os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, mode)
	})
	if err != nil {
		return newWriteError(target, err)
	}
	if err := write(file.File); err != nil {
		file.discard()
		return err
	}
	return file.keep()
}

// createWhole lets create make the file beside its target, so that the rename at
// the end cannot fail halfway. It is locked, so that another svp can tell it from
// what a killed one left, which is removed.
func createWhole(target string, create func(name string) (*os.File, error)) (*wholeFile, error) {
	folder, prefix := filepath.Dir(target), "."+filepath.Base(target)+".svp-"
	removeUnlocked(folder, prefix)
	for {
		file, err := create(filepath.Join(folder, prefix+randomNumber()))
		switch {
		case errors.Is(err, fs.ErrExist):
			continue
		case err != nil:
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

func randomNumber() string {
	var number [8]byte
	_, _ = rand.Read(number[:]) // never fails
	return strconv.FormatUint(binary.BigEndian.Uint64(number[:]), 10)
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
	_ = os.RemoveAll(f.Name())
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
