//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package repository

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"
)

// lockInterval is how often a publisher looks whether the one before it has ended.
const lockInterval = 20 * time.Millisecond

// lock holds the file against other processes for as long as it is open; the
// system lets it go when the process ends, however it ends.
func lock(ctx context.Context, file *os.File) error {
	again := time.NewTicker(lockInterval)
	defer again.Stop()
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case errors.Is(err, errors.ErrUnsupported), errors.Is(err, syscall.ENOLCK):
			return nil // a file system without locks is written to all the same
		case !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR):
			return err
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
