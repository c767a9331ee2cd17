package archive

import (
	"compress/flate"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strconv"

	"archive/tar"
	"archive/zip"
)

// The kinds of faults of an archive, to be matched with errors.Is.
var (
	// ErrUnsafe tells that an entry would reach outside its folder, is of a kind
	// that does not belong into an archive, or is there twice.
	ErrUnsafe = errors.New("unsafe entry")
	// ErrTooLarge tells that a file, or an archive, is larger than its reader allows.
	ErrTooLarge = errors.New("too large")
	// ErrDamaged tells that an archive is cut off, changed, or no archive at all.
	ErrDamaged = errors.New("damaged archive")
)

// Error says what is wrong with an archive, on one line.
type Error struct {
	Name   string // the entry at fault; empty when it is the whole archive
	Reason string
	Err    error // ErrUnsafe, ErrTooLarge or ErrDamaged
}

// Error names the entry, in quotes since its name is anybody's.
func (e *Error) Error() string {
	if e.Name == "" {
		return e.Reason
	}
	return strconv.Quote(shorten(e.Name)) + ": " + e.Reason
}

// Unwrap gives the kind of the fault.
func (e *Error) Unwrap() error { return e.Err }

// shorten keeps an error readable whose name is as long as an archive likes.
func shorten(name string) string {
	const most = 200
	if len(name) <= most {
		return name
	}
	return name[:most] + "…"
}

func unsafef(name, format string, args ...any) error {
	return &Error{Name: name, Reason: fmt.Sprintf(format, args...), Err: ErrUnsafe}
}

func tooLargef(name, format string, args ...any) error {
	return &Error{Name: name, Reason: fmt.Sprintf(format, args...), Err: ErrTooLarge}
}

func damagedf(name, format string, args ...any) error {
	return &Error{Name: name, Reason: fmt.Sprintf(format, args...), Err: ErrDamaged}
}

// readError turns an error of the libraries into one of the archive. What comes
// from the file or the connection below it stays what it is.
func readError(name string, err error) error {
	var corrupt flate.CorruptInputError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return damagedf(name, "the archive is cut off")
	case errors.Is(err, zip.ErrChecksum), errors.Is(err, gzip.ErrChecksum):
		return damagedf(name, "its checksum is wrong")
	case errors.Is(err, zip.ErrFormat) && name != "":
		return damagedf(name, "it is not what the archive says")
	case errors.As(err, &corrupt), errors.Is(err, tar.ErrHeader), errors.Is(err, zip.ErrFormat), errors.Is(err, gzip.ErrHeader):
		return damagedf(name, "the archive is damaged: %v", err)
	}
	if name == "" {
		return fmt.Errorf("read archive: %w", err)
	}
	return fmt.Errorf("read %s from archive: %w", strconv.Quote(shorten(name)), err)
}
