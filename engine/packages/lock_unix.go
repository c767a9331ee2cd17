//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package packages

import (
	"errors"
	"os"
	"syscall"
)

// tryLock holds a file or a folder until it is closed, which the end of the process
// does too; false when somebody else holds it. A file system without locks is
// written to all the same: nothing appears there by halves either.
func tryLock(file *os.File) (bool, error) {
	err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	switch {
	case err == nil, errors.Is(err, errors.ErrUnsupported), errors.Is(err, syscall.ENOLCK):
		return true, nil
	case errors.Is(err, syscall.EWOULDBLOCK), errors.Is(err, syscall.EINTR):
		return false, nil
	}
	return false, err
}

// isLeftover tells that nobody holds what its maker held. Where there are no locks
// nobody can tell.
func isLeftover(file *os.File) bool {
	return syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil
}
