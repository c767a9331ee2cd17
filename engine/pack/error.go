package pack

import (
	"strconv"
	"strings"
)

// Error says what makes a pack invalid, and where. Its text is one line,
// safe to print on a terminal, and never holds the value of a secret.
type Error struct {
	Pack   string // the folder, as it was given to Open
	File   string // the file at fault, relative to the folder; may be empty
	Key    string // the query key, or the field of servicepack.yaml
	Line   int    // line of the answer or of the file, from 1; 0 if unknown
	Reason string // what is wrong
	Hint   string // what the author can do about it; may be empty
	Err    error  // the cause; never matches fs.ErrNotExist
}

// Error describes the fault in one line. The hint is not part of it.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("pack " + visible(e.Pack) + ": ")
	if e.File != "" {
		b.WriteString(visible(e.File))
		if e.Key != "" {
			b.WriteString(" " + e.Key)
		}
		if e.Line > 0 {
			b.WriteString(", line " + strconv.Itoa(e.Line))
		}
		b.WriteString(": ")
	}
	b.WriteString(e.Reason)
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// visible makes text of a pack safe to print on one line of a terminal:
// control characters and invalid UTF-8 appear as Go escapes.
func visible(s string) string {
	clean := strings.IndexFunc(s, func(r rune) bool { return !strconv.IsPrint(r) || r == '\uFFFD' }) < 0
	if clean {
		return s
	}
	quoted := strconv.Quote(s)
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}
