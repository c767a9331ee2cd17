package buildpack

import (
	"errors"
	"io/fs"
	"strconv"
	"strings"
)

// Error says what is wrong with a buildpack, on one line.
type Error struct {
	Buildpack string // its folder
	File      string // relative to it
	Key       string // what in the file is wrong, as dependencies[1].sha256
	Line      int    // 0 where it is no line
	Reason    string
	Hint      string // how to mend it; may be empty
	Err       error  // the cause; may be nil
}

// Error names the place and the reason.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("buildpack " + e.Buildpack + ": " + visible(e.File))
	if e.Key != "" {
		b.WriteString(" " + visible(e.Key))
	}
	if e.Line > 0 {
		b.WriteString(", line " + strconv.Itoa(e.Line))
	}
	b.WriteString(": " + visible(e.Reason))
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// unreadable reports an error of the file system. A missing file must not look
// like a missing buildpack.
func unreadable(name string, err error) error {
	var own *Error
	if errors.As(err, &own) {
		return own
	}
	if errors.Is(err, fs.ErrNotExist) {
		return &Error{File: name, Reason: "there is no such file"}
	}
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		err = pathError.Err
	}
	return &Error{File: name, Reason: "read it: " + err.Error(), Err: err}
}

// maxQuoted is how much of a wrong value an error shows, in bytes.
const maxQuoted = 80

func quote(s string) string {
	if len(s) <= maxQuoted {
		return strconv.Quote(s)
	}
	return strconv.Quote(strings.ToValidUTF8(s[:maxQuoted], "")) + "…"
}

// visible makes text of a buildpack safe to print on one line of a terminal.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return '�'
		}
		return r
	}, s)
}
