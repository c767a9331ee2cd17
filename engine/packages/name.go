package packages

import "github.com/servicepack/svp/engine/coordinate"

// ParsePattern reads what names a package. Its error matches ErrName.
func ParsePattern(text string) (coordinate.Pattern, error) {
	pattern, err := coordinate.ParsePattern(text)
	if err != nil {
		return pattern, &nameError{err}
	}
	return pattern, nil
}

// ParseCoordinate reads what names one version of a package. Its error matches
// ErrName.
func ParseCoordinate(text string) (coordinate.Coordinate, error) {
	c, err := coordinate.Parse(text)
	if err != nil {
		return c, &nameError{err}
	}
	return c, nil
}

// nameError says what is wrong with a name.
type nameError struct{ err error }

func (e *nameError) Error() string { return e.err.Error() }

func (e *nameError) Unwrap() []error { return []error{ErrName, e.err} }
