//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package dependency

import (
	"errors"
	"os"
	"syscall"
)

// lock locks an open file until it is closed, which the end of the process does
// too; false when somebody else has it. A file system without locks is written
// to all the same: what is in the cache is looked at before it is used.
func lock(file *os.File) (bool, error) {
	err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	switch {
	case err == nil, errors.Is(err, errors.ErrUnsupported), errors.Is(err, syscall.ENOLCK):
		return true, nil
	case errors.Is(err, syscall.EWOULDBLOCK), errors.Is(err, syscall.EINTR):
		return false, nil
	}
	return false, err
}
