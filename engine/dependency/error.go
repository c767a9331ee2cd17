package dependency

import (
	"errors"
	"fmt"
	"strings"
)

// What an Error can match.
var (
	// ErrInvalid: the dependency names no file that could be fetched.
	ErrInvalid = errors.New("the dependency is not well formed")
	// ErrMismatch: the contents are not those that were named.
	ErrMismatch = errors.New("the sha256 is another one")
	// ErrTooLarge: the file is larger than Limits.Size.
	ErrTooLarge = errors.New("the file is too large")
)

// How the parts of this package tell each other what the cache has.
var (
	errNotCached = errors.New("not on this machine")
	errDamaged   = errors.New("damaged in the cache")
)

// Error is a dependency that could not be fetched.
type Error struct {
	URI    string // without credentials
	Reason string
	Err    error // the cause, or one of the errors above; may be nil
}

// Error implements error.
func (e *Error) Error() string { return "dependency " + e.URI + ": " + e.Reason }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// MissingError tells what would have to be downloaded, which was not allowed.
type MissingError struct {
	URIs []string // without credentials
}

// Error implements error.
func (e *MissingError) Error() string {
	return fmt.Sprintf("not on this machine, and not to be downloaded: %s", strings.Join(e.URIs, ", "))
}

// failed reports an error about the dependency, without what its uri hides.
func (s source) failed(err error) error {
	var known *Error
	if errors.As(err, &known) {
		return known
	}
	return &Error{URI: s.shown, Reason: s.hide(err.Error()), Err: err}
}

// mismatch reports contents that are not the ones named.
func (s source) mismatch(sum, contentType string) error {
	reason := fmt.Sprintf("its sha256 is %s, not %s as it should be", sum, s.sha256)
	if strings.HasPrefix(contentType, "text/html") {
		reason += "; the server sent a web page"
	}
	return &Error{URI: s.shown, Reason: reason, Err: ErrMismatch}
}
