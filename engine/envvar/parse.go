package envvar

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/servicepack/svp/engine/secrets"
)

// Reasons why a line or an argument is no variable; errors.Is finds them in
// [LineError] and [ArgError].
var (
	// ErrNoEquals means that there is no "=".
	ErrNoEquals = errors.New(`no "=" in it; write NAME=VALUE`)
	// ErrEmptyName means that nothing stands before the "=".
	ErrEmptyName = errors.New(`no name before the "="`)
	// ErrInvalidName means that what stands before the "=" is no name.
	ErrInvalidName = errors.New(`what stands before the "=" is not a name; a name is letters, digits and "_", and begins with no digit`)
	// ErrDuplicate means that an earlier variable has the name.
	ErrDuplicate = errors.New("the name is used twice")
)

// LineError says which line of an answer or a file is no variable, and why.
// It never holds a value. Nor does it hold a text that is no name: a line that
// went wrong may well be the rest of a secret.
type LineError struct {
	Line   int    // counted from 1
	Key    string // the name, where it is a valid one
	Reason string
	Err    error // what errors.Is finds; its text is Reason
}

func (e *LineError) Error() string {
	if e.Key == "" {
		return fmt.Sprintf("line %d: %s", e.Line, e.Reason)
	}
	return fmt.Sprintf("line %d: %s: %s", e.Line, e.Key, e.Reason)
}

// Unwrap returns the reason.
func (e *LineError) Unwrap() error { return e.Err }

func lineError(line int, key string, err error) *LineError {
	return &LineError{Line: line, Key: key, Reason: err.Error(), Err: err}
}

// ParseLines reads a pack's `env` answer: KEY=VALUE a line. What stands after
// the first "=" is the value, byte for byte, except that one pair of enclosing
// double or single quotes is dropped. Blank lines are skipped. Any other line
// gives a *[LineError].
func ParseLines(lines []string) (Set, error) {
	var set Set
	for i, line := range lines {
		if strings.TrimSpace(line) == "" {
			continue
		}
		name, value, err := cut(line)
		if err != nil {
			return nil, lineError(i+1, name, err)
		}
		value = unquote(value)
		if err := secrets.Validate(value); err != nil {
			return nil, lineError(i+1, name, err)
		}
		if set.index(name) >= 0 {
			return nil, lineError(i+1, name, ErrDuplicate)
		}
		set = append(set, Var{Name: name, Value: secrets.New(value)})
	}
	return set, nil
}

// cut splits NAME=VALUE. The name that it returns is a valid one or empty.
func cut(s string) (name, value string, err error) {
	name, value, found := strings.Cut(s, "=")
	switch {
	case !found:
		return "", "", ErrNoEquals
	case name == "":
		return "", "", ErrEmptyName
	case !ValidName(name):
		return "", "", ErrInvalidName
	}
	return name, value, nil
}

// unquote drops one pair of quotes that encloses s.
func unquote(s string) string {
	if len(s) < 2 {
		return s
	}
	first, last := s[0], s[len(s)-1]
	if first == last && (first == '"' || first == '\'') {
		return s[1 : len(s)-1]
	}
	return s
}

// ArgError says why a NAME=VALUE or NAME=@FILE argument is no secret. It holds
// neither the value nor the name of the file: a secret may begin with "@".
type ArgError struct {
	Name   string // the name, where it is a valid one
	Reason string
	Err    error // what errors.Is finds
}

func (e *ArgError) Error() string {
	if e.Name == "" {
		return e.Reason
	}
	return e.Name + ": " + e.Reason
}

// Unwrap returns the cause.
func (e *ArgError) Unwrap() error { return e.Err }

// ParseNamed reads the argument of --secret, NAME=VALUE or NAME=@FILE, into a
// Var that is a Secret. readFile gives the content of FILE, as os.ReadFile
// does; one newline at its end is dropped. A wrong argument gives an
// *[ArgError].
func ParseNamed(arg string, readFile func(name string) ([]byte, error)) (Var, error) {
	name, value, err := cut(arg)
	if err != nil {
		return Var{}, &ArgError{Reason: err.Error(), Err: err}
	}
	if file, ok := strings.CutPrefix(value, "@"); ok {
		content, err := readFile(file)
		if err != nil {
			return Var{}, fileError(name, err)
		}
		value = strings.TrimSuffix(string(content), "\n")
	}
	if err := secrets.Validate(value); err != nil {
		return Var{}, &ArgError{Name: name, Reason: err.Error(), Err: err}
	}
	return Var{Name: name, Value: secrets.New(value), Secret: true}, nil
}

// fileError drops the path from err, which may be a secret.
func fileError(name string, err error) *ArgError {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		err = pathError.Err
	}
	return &ArgError{
		Name:   name,
		Reason: fmt.Sprintf(`read the file named after the "@": %v (put a value that begins with "@" into a file)`, err),
		Err:    err,
	}
}
