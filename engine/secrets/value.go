// Package secrets makes secret values and carries them in a type that cannot
// print itself: whatever a Value is handed to (fmt, a logger, a JSON or text
// encoder, an error), only "[redacted]" comes out. [Value.Reveal] is the one
// way to the text, so that every place that lets a secret go can be searched
// for.
package secrets

import (
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

// redacted stands for every value, the empty one included: even whether a
// secret is set is nobody's business.
const redacted = "[redacted]"

// Value is a secret text. The zero Value is the empty text. A Value is
// immutable and safe for concurrent use; compare with [Value.Equal], since ==
// compares identities.
type Value struct {
	// ptr keeps the text out of reach of what prints a struct through
	// reflection without calling its methods, as fmt does with unexported
	// fields: it shows an address.
	ptr *string
}

// New returns the Value that carries s.
func New(s string) Value {
	if s == "" {
		return Value{}
	}
	return Value{ptr: &s}
}

// Reveal returns the text. Call it only where the secret has to leave.
func (v Value) Reveal() string {
	if v.ptr == nil {
		return ""
	}
	return *v.ptr
}

// IsZero reports whether the text is empty.
func (v Value) IsZero() bool { return v.ptr == nil }

// Equal reports whether both texts are the same, in a time that depends on
// their lengths only.
func (v Value) Equal(o Value) bool {
	return subtle.ConstantTimeCompare([]byte(v.Reveal()), []byte(o.Reveal())) == 1
}

// String returns "[redacted]".
func (v Value) String() string { return redacted }

// GoString returns "[redacted]", for %#v.
func (v Value) GoString() string { return redacted }

// Format writes "[redacted]" for every verb and flag.
func (v Value) Format(f fmt.State, _ rune) {
	// A fmt.State has no way to report a failed write other than its own.
	_, _ = io.WriteString(f, redacted)
}

// MarshalJSON returns "[redacted]" as a JSON string.
func (v Value) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// MarshalText returns "[redacted]"; encoders of XML, YAML and map keys use it.
func (v Value) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue returns "[redacted]", for log/slog.
func (v Value) LogValue() slog.Value { return slog.StringValue(redacted) }
