package envvar

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// object is a Set that marshals as a JSON object which reveals the values, in
// order. They have to be UTF-8.
type object Set

// MarshalJSON returns the object.
func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, v := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		if err := writeJSON(&b, v.Name); err != nil {
			return nil, err
		}
		b.WriteByte(':')
		if err := writeJSON(&b, v.Value.Reveal()); err != nil {
			return nil, err
		}
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// writeJSON writes s without the escapes for HTML, which nobody needs here and
// which make a password hard to read.
func writeJSON(b *bytes.Buffer, s string) error {
	encoder := json.NewEncoder(b)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(s)
}

func jsonDocument(s Set) ([]byte, error) {
	if err := s.checkUTF8(); err != nil {
		return nil, err
	}
	return indented(object(s))
}

func indented(document any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(document); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// checkUTF8 refuses values that an encoder would alter.
func (s Set) checkUTF8() error {
	for _, v := range s {
		if !utf8.ValidString(v.Value.Reveal()) {
			return &VarError{Name: v.Name, Err: ErrInvalidUTF8}
		}
	}
	return nil
}
