package pack

import (
	"io/fs"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Error says what makes a pack invalid, and where. Its text is one line,
// safe to print on a terminal, and never holds the value of a secret.
type Error struct {
	Pack   string // the folder, as it was given to Open
	File   string // the file at fault, relative to the folder; may be empty
	Key    string // the query key, or the field of servicepack.yaml
	Line   int    // line of the answer or of the file, from 1; 0 if unknown
	Column int    // column in the file, from 1; 0 if unknown
	Reason string // what is wrong
	Hint   string // what the author can do about it; may be empty
	Err    error  // the cause; never matches fs.ErrNotExist
	Sort   Sort
}

// Sort tells faults of scripts apart.
type Sort int

// What can be wrong with a script.
const (
	OtherFault    Sort = iota
	MissingScript      // a required script is not there, or no file
	NotExecutable
	NoProgram      // neither "#!" nor ELF
	WindowsLineEnd // at the end of the first line
)

// Error describes the fault in one line. The hint is not part of it.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("pack " + visible(e.Pack) + ": ")
	if e.File != "" {
		b.WriteString(visible(e.File))
		if e.Key != "" {
			b.WriteString(" " + visible(e.Key))
		}
		if e.Line > 0 {
			b.WriteString(", line " + strconv.Itoa(e.Line))
		}
		b.WriteString(": ")
	}
	b.WriteString(visible(e.Reason))
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// in returns e with the pack that it is about.
func (e *Error) in(pack string) *Error {
	e.Pack = pack
	return e
}

// notFoundError says that there is no folder, which is not a fault of a pack.
type notFoundError struct{ path string }

func (e *notFoundError) Error() string {
	return "pack " + quote(e.path) + ": there is no such folder"
}

func (e *notFoundError) Unwrap() error { return fs.ErrNotExist }

// visible makes text of a pack safe to print on one line of a terminal:
// control characters and invalid UTF-8 appear as Go escapes.
func visible(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		if strconv.IsPrint(r) && (r != utf8.RuneError || size > 1) {
			b.WriteString(s[:size])
		} else {
			escaped := strconv.Quote(s[:size])
			b.WriteString(escaped[1 : len(escaped)-1])
		}
		s = s[size:]
	}
	return b.String()
}

// maxQuoted is how much of a wrong answer an error shows, in bytes.
const maxQuoted = 80

// quote returns the beginning of a wrong answer in quotes.
func quote(s string) string {
	if len(s) <= maxQuoted {
		return strconv.Quote(s)
	}
	return strconv.Quote(head(s, maxQuoted)) + "…"
}

// clip shortens a text that a pack can make as long as it likes.
func clip(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return head(s, limit) + "…"
}

// head returns at most limit bytes of s, and no half characters.
func head(s string, limit int) string {
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}
