package docker

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// networkLockPatience bounds how long one svp waits while others make networks;
// after it, it goes on as if there were no lock.
const networkLockPatience = 10 * time.Second

// lockNetworks lets one svp of this machine make networks at a time: Docker makes
// two of one name when it is asked twice at the same moment, and one of them can
// no longer be removed when it is in use. Users who cannot share the lock, and
// other machines, are left with looking for duplicates afterwards.
func lockNetworks(ctx context.Context) (unlock func()) {
	file, err := os.OpenFile(filepath.Join(os.TempDir(), "svp-networks.lock"),
		os.O_CREATE|os.O_RDWR|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return func() {}
	}
	unlock = func() { _ = file.Close() } // which gives up the lock
	patience := time.After(networkLockPatience)
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		select {
		case <-again.C:
		case <-patience:
			return unlock
		case <-ctx.Done():
			return unlock
		}
	}
	return unlock
}
