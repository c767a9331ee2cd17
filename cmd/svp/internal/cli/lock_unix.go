//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package cli

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// lockFile holds a file for as long as it is open. A file system without locks
// is written to all the same.
func lockFile(file *os.File) error {
	for {
		err := syscall.Flock(descriptor(file), syscall.LOCK_EX)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, errors.ErrUnsupported), errors.Is(err, syscall.ENOLCK):
			return nil
		}
		return err
	}
}

// replaceFile gives an open file another name, and closes it.
func replaceFile(file *os.File, name string) error {
	return errors.Join(os.Rename(file.Name(), name), file.Close())
}

// removeUnlocked removes the files and folders with that prefix and a number that
// nobody has locked: whoever made them was killed. That some stay hurts nobody.
func removeUnlocked(folder, prefix string) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return
	}
	for _, entry := range entries {
		number, found := strings.CutPrefix(entry.Name(), prefix)
		if found && number != "" && strings.Trim(number, "0123456789") == "" && (entry.Type().IsRegular() || entry.IsDir()) {
			removeIfUnlocked(filepath.Join(folder, entry.Name()))
		}
	}
}

func removeIfUnlocked(name string) {
	// It may have become a link or a pipe meanwhile.
	file, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, fs.FileMode(0))
	if err != nil {
		return
	}
	defer file.Close()
	if syscall.Flock(descriptor(file), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
		_ = os.RemoveAll(name) // as explained above
	}
}
