package envvar

import (
	"errors"
	"io"
)

var errNotYet = errors.New("not written yet")

// Expand returns s with the placeholders in its values replaced. Secrets come
// back byte for byte.
func (s Set) Expand(p Placeholders) Set { return s }

// Escape returns s with everything doubled that Expand would replace.
func Escape(s string) string { return s }

// EscapeSecrets returns s with the occurrences of secret values escaped in the
// values that are no secrets themselves.
func (s Set) EscapeSecrets(secretValues Set) Set { return s }

// UsesPort reports whether some value holds %PORT_<n>.
func (s Set) UsesPort(n int) bool { return false }

// ParseFormat returns the Format called name.
func ParseFormat(name string) (Format, error) { return "", errNotYet }

// Formats returns the names of all formats.
func Formats() []string { return nil }

// Write writes s in the format f.
func Write(w io.Writer, f Format, s Set, svc Service) error { return errNotYet }

// ParseShell reads back what Write wrote in the format Shell. No variable of
// the result is marked as a Secret; see [Set.MarkSecret].
func ParseShell(r io.Reader) (Set, error) { return nil, errNotYet }

// ServiceBindingFiles returns the entries of a service binding.
func ServiceBindingFiles(s Set, svc Service) (Set, error) { return nil, errNotYet }

// WriteServiceBinding writes the entries as files of dir.
func WriteServiceBinding(dir string, s Set, svc Service) error { return errNotYet }
