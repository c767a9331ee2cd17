package pack

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/servicepack/svp/engine/envvar"
)

// maxParameter is how long a parameter's value may be: it travels in labels and
// in the environment of a process.
const maxParameter = 8 << 10

// CheckParameter tells what keeps a plan's parameter from reaching scripts as
// PLAN_<NAME>; nil means nothing.
func CheckParameter(name, value string) error {
	illegal := func(r rune) bool { return unicode.IsControl(r) && r != '\t' }
	switch {
	case !envvar.ValidName(name):
		return fmt.Errorf(`%s is not a parameter's name; it is letters, digits and "_", and begins with no digit`, quote(name))
	case strings.Contains(value, "\n"):
		return errors.New("the value has more than one line")
	case len(value) > maxParameter:
		return fmt.Errorf("the value is longer than %d bytes", maxParameter)
	case !utf8.ValidString(value) || strings.ContainsFunc(value, illegal):
		return errors.New("the value is binary data, not text in UTF-8")
	}
	return nil
}
