package dependency

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/servicepack/svp/engine/ctxio"
)

// cache keeps downloads by their sha256, so that no name of a uri is in it.
type cache struct{ folder string }

func (c cache) path(sha256 string) string { return filepath.Join(c.folder, sha256) }

// lockInterval is how often a command looks whether another one has finished the
// download that both want.
const lockInterval = 50 * time.Millisecond

// part is a file that is being downloaded. It is locked: who wants the same file
// waits, and takes over when this process dies.
type part struct {
	file *os.File // nil once it is kept or discarded
	path string
	goal string
}

// begin returns an empty part once nobody else downloads the same file.
func (c cache) begin(ctx context.Context, sha256 string) (*part, error) {
	if err := os.MkdirAll(c.folder, 0o700); err != nil {
		return nil, fmt.Errorf("make the cache: %w", err)
	}
	p := &part{path: c.path(sha256) + ".part", goal: c.path(sha256)}
	again := time.NewTicker(lockInterval)
	defer again.Stop()
	for {
		locked, err := p.tryLock()
		if err != nil {
			return nil, fmt.Errorf("write to the cache: %w", err)
		}
		if locked {
			return p, nil
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// tryLock opens the part and locks it. Whoever had the lock before may have given
// the file its final name, or removed it: then the lock is on nothing.
func (p *part) tryLock() (bool, error) {
	file, err := os.OpenFile(p.path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return false, err
	}
	locked, err := lock(file)
	if err == nil && locked {
		locked, err = isStill(file, p.path)
	}
	if err == nil && locked {
		err = file.Truncate(0)
	}
	if err != nil || !locked {
		file.Close() //nolint:errcheck // nothing was written
		return false, err
	}
	p.file = file
	return true, nil
}

// isStill tells whether the open file is the one of that name.
func isStill(file *os.File, path string) (bool, error) {
	opened, err := file.Stat()
	if err != nil {
		return false, err
	}
	named, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && os.SameFile(opened, named), err
}

// restart empties the part for another attempt.
func (p *part) restart() error {
	if err := p.file.Truncate(0); err != nil {
		return err
	}
	_, err := p.file.Seek(0, io.SeekStart)
	return err
}

// keep gives the file the name under which it is found. Until then, nobody takes
// it for a whole one.
func (p *part) keep() error {
	err := os.Rename(p.path, p.goal)
	if err != nil {
		return fmt.Errorf("write to the cache: %w", err)
	}
	err = p.file.Close()
	p.file = nil
	return err
}

// discard removes the file unless it was kept. The lock goes last.
func (p *part) discard() {
	if p.file == nil {
		return
	}
	_ = os.Remove(p.path) // the next download begins with it otherwise
	_ = p.file.Close()
	p.file = nil
}

// digest returns the size and sha256 of a regular file of at most limit bytes.
func digest(ctx context.Context, path string, limit int64) (size int64, sum string, err error) {
	// Not waiting for the other end of a named pipe.
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return 0, "", err
	}
	defer file.Close()
	info, err := file.Stat()
	switch {
	case err != nil:
		return 0, "", err
	case !info.Mode().IsRegular():
		return 0, "", errors.New("it is not a regular file")
	case info.Size() > limit:
		return 0, "", tooLarge(limit)
	}
	hash := sha256.New()
	size, err = io.Copy(hash, ctxio.NewReader(ctx, io.LimitReader(file, limit)))
	return size, hex.EncodeToString(hash.Sum(nil)), err
}

func tooLarge(limit int64) error {
	return fmt.Errorf("%w: more than %d MiB", ErrTooLarge, limit>>20)
}

// isAbsent tells that there is no such file, or no folder for it.
func isAbsent(err error) bool { return errors.Is(err, fs.ErrNotExist) }
