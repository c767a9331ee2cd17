package osb

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"unicode/utf8"
)

// maxDepth is how deep objects and lists may be nested in a body. Parameters of
// real services stay far below; whatever reads them later should not have to
// fear for its stack.
const maxDepth = 100

// object is a JSON object of a request: its fields by their exact names.
// [json.Unmarshal] into a struct would take any letter case.
type object struct {
	prefix string // of the names in messages
	fields map[string]json.RawMessage
}

// parseBody reads a body, which must be one JSON object and nothing else.
func parseBody(body []byte) (object, *Error) {
	if len(bytes.TrimSpace(body)) == 0 {
		return object{}, BadRequest("the body is empty; send a JSON object")
	}
	if !utf8.Valid(body) {
		return object{}, BadRequest("the body is not valid UTF-8")
	}
	if refusal := checkStructure(body); refusal != nil {
		return object{}, refusal
	}
	parsed, ok := parseObject("", body)
	if !ok {
		return object{}, BadRequest("the body must be a JSON object")
	}
	return parsed, nil
}

func parseObject(prefix string, text []byte) (object, bool) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(text, &fields); err != nil || fields == nil {
		return object{}, false
	}
	return object{prefix: prefix, fields: fields}, true
}

// checkStructure refuses what is no JSON, is nested too deeply, or has a field
// twice: of two the one reader takes the first and the other the last, and what
// was checked is then not what is used.
func checkStructure(body []byte) *Error {
	if refusal := checkSyntax(body); refusal != nil {
		return refusal
	}
	type level struct {
		names   map[string]bool // nil in a list
		isValue bool            // in an object: a value comes next
	}
	var levels []level
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return BadRequest("the body is not valid JSON")
		}
		if delim, ok := token.(json.Delim); ok && (delim == '}' || delim == ']') {
			levels = levels[:len(levels)-1]
			continue
		}
		if len(levels) > 0 {
			top := &levels[len(levels)-1]
			if name, ok := token.(string); ok && top.names != nil && !top.isValue {
				if top.names[name] {
					return BadRequest("the body has a field twice: %q", name)
				}
				top.names[name] = true
				top.isValue = true
				continue
			}
			top.isValue = false
		}
		if delim, ok := token.(json.Delim); ok {
			if len(levels) == maxDepth {
				return BadRequest("the body is nested more than %d deep", maxDepth)
			}
			levels = append(levels, level{names: map[json.Delim]map[string]bool{'{': {}}[delim]})
		}
	}
}

// checkSyntax also refuses what the decoder, which reads one value after the
// other, would let pass: more than one value, and commas too many.
func checkSyntax(body []byte) *Error {
	var syntax *json.SyntaxError
	err := json.Unmarshal(body, new(json.RawMessage))
	switch {
	case err == nil:
		return nil
	case errors.As(err, &syntax):
		return BadRequest("the body is not one JSON object: %v (after %d bytes)", syntax, syntax.Offset)
	}
	return BadRequest("the body is not valid JSON")
}

// has tells whether the field is there. Null is as good as absent.
func (o object) has(name string) bool {
	value, ok := o.fields[name]
	return ok && !bytes.Equal(value, []byte("null"))
}

// id is a field that must be a string, not empty, that can be kept as an id.
func (o object) id(name string) (string, *Error) {
	if _, ok := o.fields[name]; !ok {
		return "", BadRequest("%s is missing", o.prefix+name)
	}
	value, refusal := o.text(name)
	if refusal != nil {
		return "", refusal
	}
	return value, checkID(o.prefix+name, value)
}

// optionalID is as id, or empty when the field is not there.
func (o object) optionalID(name string) (string, *Error) {
	if !o.has(name) {
		return "", nil
	}
	return o.id(name)
}

// text is a field that must be a string.
func (o object) text(name string) (string, *Error) {
	var value *string
	if err := json.Unmarshal(o.fields[name], &value); err != nil || value == nil {
		return "", BadRequest("%s must be a string", o.prefix+name)
	}
	return *value, nil
}

// optionalObject is a field that must be an object if it is there: its text, and
// its fields.
func (o object) optionalObject(name string) (json.RawMessage, object, *Error) {
	if !o.has(name) {
		return nil, object{}, nil
	}
	inner, ok := parseObject(o.prefix+name+".", o.fields[name])
	if !ok {
		return nil, object{}, BadRequest("%s must be an object", o.prefix+name)
	}
	return o.fields[name], inner, nil
}
