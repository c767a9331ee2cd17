package servicearchive

import (
	"errors"
	"fmt"
)

// Error tells what is wrong with a Service Archive, or why a pack cannot become
// one.
type Error struct {
	Path   string // in the archive or in the pack; may be empty
	Line   int    // in the profile; 0 when it is about no line
	Reason string
	Err    error // cause; may be nil
}

// Error gives one line.
func (e *Error) Error() string {
	switch {
	case e.Path == "":
		return e.Reason
	case e.Line == 0:
		return fmt.Sprintf("%s: %s", plain(e.Path), e.Reason)
	}
	return fmt.Sprintf("%s, line %d: %s", plain(e.Path), e.Line, e.Reason)
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// plain quotes a path only where it could be misread.
func plain(path string) string {
	if quoted := fmt.Sprintf("%q", path); quoted[1:len(quoted)-1] != path {
		return quoted
	}
	return path
}

// maxProblems is how many faults of an archive are told of: nobody reads a
// thousand.
const maxProblems = 10

// problems collects faults, so that whoever mends an archive sees all of them.
type problems struct {
	list []error
	more int
}

func (p *problems) add(path, format string, args ...any) {
	if len(p.list) == maxProblems {
		p.more++
		return
	}
	p.list = append(p.list, &Error{Path: path, Reason: fmt.Sprintf(format, args...)})
}

func (p *problems) err() error {
	if p.more > 0 {
		return errors.Join(append(p.list, &Error{Reason: fmt.Sprintf("and %d more faults", p.more)})...)
	}
	return errors.Join(p.list...)
}
