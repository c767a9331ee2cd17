package secrets

import (
	"errors"
	"strings"
)

// What [Validate] refuses. Neither error holds the value.
var (
	// ErrNewline means that the value has more than one line.
	ErrNewline = errors.New("the value contains a newline; a value is a single line")
	// ErrNUL means that the value has a zero byte, which no environment variable can hold.
	ErrNUL = errors.New("the value contains a NUL byte; encode binary data, as with base64")
)

// Validate reports whether s can be a secret. Any bytes are allowed but a
// newline, which ends a line of every answer and environment file, and NUL,
// which ends an environment variable. A carriage return is a byte as any other.
func Validate(s string) error {
	switch {
	case strings.Contains(s, "\n"):
		return ErrNewline
	case strings.Contains(s, "\x00"):
		return ErrNUL
	}
	return nil
}
