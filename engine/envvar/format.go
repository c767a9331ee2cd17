package envvar

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/servicepack/svp/engine/secrets"
)

// Format is a way to write a Set.
type Format string

// The formats.
const (
	// Dotenv is a line KEY=VALUE a variable, which a POSIX shell and a dotenv
	// reader take for the same value.
	Dotenv Format = "dotenv"
	// Shell is a line KEY='VALUE' a variable, for a POSIX shell alone.
	Shell Format = "shell"
	// JSON is one object.
	JSON Format = "json"
	// Docker is a file for docker run --env-file.
	Docker Format = "docker"
	// VCAP is the value of VCAP_SERVICES, as on Cloud Foundry.
	VCAP Format = "vcap"
	// ServiceBinding is a folder with a file a value; see [WriteServiceBinding].
	ServiceBinding Format = "servicebinding"
)

// Formats returns the names of all formats, the usual ones first.
func Formats() []string {
	return []string{
		string(Dotenv), string(Shell), string(JSON), string(Docker), string(VCAP), string(ServiceBinding),
	}
}

// ErrUnknownFormat means that there is no such [Format].
var ErrUnknownFormat = errors.New("unknown format")

// ParseFormat returns the Format called name.
func ParseFormat(name string) (Format, error) {
	if !slices.Contains(Formats(), name) {
		return "", fmt.Errorf("%w %q; choose one of %s", ErrUnknownFormat, name, strings.Join(Formats(), ", "))
	}
	return Format(name), nil
}

// Service describes the service that the variables belong to, for the formats
// that tell.
type Service struct {
	Name     string // of the instance
	Label    string // of the kind of service, the pack's name
	Plan     string
	Tags     []string
	Provider string
}

// ErrDirectory means that a format is a folder, and no stream can hold it.
var ErrDirectory = errors.New("the format is a folder of files; name a folder to write it to")

// Reasons why a format cannot hold a variable; errors.Is finds them, and those
// of [secrets.Validate], in [VarError].
var (
	// ErrInvalidUTF8 means that the value is not UTF-8, which the format demands.
	ErrInvalidUTF8 = errors.New("the value is not valid UTF-8, which this format demands; use the format shell, or encode the value, as with base64")
	// ErrTrailingCR means that the value ends in a carriage return, which readers of the format drop.
	ErrTrailingCR = errors.New("the value ends in a carriage return, which readers of this format drop; use the format shell")
	// ErrTooLong means that the line is longer than readers of the format take.
	ErrTooLong = errors.New("the value is longer than readers of this format take; use the format shell")
	// ErrReserved means that the format gives the name a meaning of its own.
	ErrReserved = errors.New("the format gives this name a meaning of its own; rename the variable")
)

// VarError says which variable a format cannot hold, and why. It does not hold
// the value.
type VarError struct {
	Name string
	Err  error
}

func (e *VarError) Error() string {
	if !ValidName(e.Name) {
		return fmt.Sprintf("variable %q: %v", e.Name, e.Err)
	}
	return fmt.Sprintf("variable %s: %v", e.Name, e.Err)
}

// Unwrap returns the reason.
func (e *VarError) Unwrap() error { return e.Err }

// errName is the VarError of a Set that was put together wrongly.
var errName = errors.New(`not a name; a name is letters, digits and "_", and begins with no digit`)

// Write writes s in the format f. It writes nothing where the format cannot
// hold a variable, and gives a *[VarError] then. ServiceBinding gives
// [ErrDirectory]; see [WriteServiceBinding].
func Write(w io.Writer, f Format, s Set, svc Service) error {
	text, err := render(f, s, svc)
	if err != nil {
		return fmt.Errorf("write variables as %s: %w", f, err)
	}
	if _, err := w.Write(text); err != nil {
		return fmt.Errorf("write variables as %s: %w", f, err)
	}
	return nil
}

func render(f Format, s Set, svc Service) ([]byte, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	switch f {
	case Dotenv:
		return dotenvLines(s), nil
	case Shell:
		return shellLines(s), nil
	case JSON:
		return jsonDocument(s)
	case Docker:
		return dockerLines(s)
	case VCAP:
		return vcapDocument(s, svc)
	case ServiceBinding:
		return nil, ErrDirectory
	}
	return nil, ErrUnknownFormat
}

// check refuses what no format may be given: an invalid name would become code
// in a shell, a newline a further variable.
func (s Set) check() error {
	seen := make(map[string]bool, len(s))
	for _, v := range s {
		if !ValidName(v.Name) {
			return &VarError{Name: v.Name, Err: errName}
		}
		if seen[v.Name] {
			return &VarError{Name: v.Name, Err: ErrDuplicate}
		}
		seen[v.Name] = true
		if err := secrets.Validate(v.Value.Reveal()); err != nil {
			return &VarError{Name: v.Name, Err: err}
		}
	}
	return nil
}
