package archive

import (
	"context"
	"errors"
	"io"
)

// Limits bound what an archive may hold. They are counted on what is really
// there, not on what the archive says of itself.
type Limits struct {
	Entries int   // files and folders, those included that are only part of a name
	Total   int64 // the sum of all contents, in bytes
	File    int64 // the contents of one file, in bytes
}

// DefaultLimits are far beyond any pack with its dependencies.
var DefaultLimits = Limits{Entries: 50000, Total: 8 << 30, File: 3 << 30}

// bufferSize makes large files fast to copy.
const bufferSize = 256 << 10

// budget is what is left of the limits while an archive is read.
type budget struct {
	limits Limits
	left   int64
	buffer []byte
}

func newBudget(l Limits) *budget { return &budget{limits: l, left: l.Total} }

// declare refuses a file by the size that the archive says it has.
func (b *budget) declare(name string, size int64) error {
	switch {
	case size < 0:
		return damagedf(name, "its size is negative")
	case size > b.limits.File:
		return tooLargef(name, "larger than %d bytes", b.limits.File)
	case size > b.left:
		return tooLargef(name, "with this file the archive holds more than %d bytes", b.limits.Total)
	}
	return nil
}

// copy copies the contents of a file that has the size that was declared, and
// takes them off the budget.
func (b *budget) copy(ctx context.Context, w io.Writer, r io.Reader, name string, size int64) error {
	if err := b.declare(name, size); err != nil {
		return err
	}
	if b.buffer == nil {
		b.buffer = make([]byte, bufferSize)
	}
	copied, err := copyContent(w, io.LimitReader(r, size), b.buffer, ctx.Err)
	b.left -= copied
	if err != nil {
		return contentError(name, err)
	}
	if copied < size {
		return damagedf(name, "the archive is cut off")
	}
	// Reads the end as well, where the checksum is.
	switch n, err := io.ReadFull(r, b.buffer[:1]); {
	case n > 0:
		return damagedf(name, "it is not what the archive says")
	case !errors.Is(err, io.EOF):
		return readError(name, err)
	}
	return nil
}

// contentError leaves alone what is not about the archive.
func contentError(name string, err error) error {
	var unwritten *writeError
	if errors.As(err, &unwritten) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return readError(name, err)
}

// writeError is an error of the side that is written to.
type writeError struct{ err error }

func (e *writeError) Error() string { return e.err.Error() }

func (e *writeError) Unwrap() error { return e.err }

// copyContent copies until the end of r, or until it is interrupted.
func copyContent(w io.Writer, r io.Reader, buffer []byte, ended interrupted) (int64, error) {
	var copied int64
	for {
		if err := ended(); err != nil {
			return copied, err
		}
		n, err := r.Read(buffer)
		if n > 0 {
			if _, err := w.Write(buffer[:n]); err != nil {
				return copied, &writeError{err: err}
			}
			copied += int64(n)
		}
		switch {
		case errors.Is(err, io.EOF):
			return copied, nil
		case err != nil:
			return copied, err
		}
	}
}
