//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package cli

import (
	"errors"
	"os"
)

// lockFile does nothing: this system has no locks that end with a process.
func lockFile(*os.File) error { return nil }

// replaceFile closes a file and gives it another name.
func replaceFile(file *os.File, name string) error {
	return errors.Join(file.Close(), os.Rename(file.Name(), name))
}

// removeUnlocked does nothing: without locks nobody can tell a file that a
// killed svp left from one that is being written.
func removeUnlocked(string, string) {}
