package packtest

import (
	"bytes"
	"encoding/base64"
	"net/url"
	"strings"

	"github.com/servicepack/svp/engine/envvar"
)

// search looks for secrets in the shapes that they take in files and arguments.
type search struct {
	shapes  [][]byte
	longest int
}

// searchFor looks for the secret variables of the sets.
func searchFor(sets ...envvar.Set) *search {
	s := &search{}
	for _, set := range sets {
		for _, variable := range set {
			if text := variable.Value.Reveal(); variable.Secret && text != "" {
				s.add(text)
			}
		}
	}
	return s
}

func (s *search) add(secret string) {
	shapes := []string{secret, url.QueryEscape(secret), url.PathEscape(secret)}
	// In base64 a text looks in three ways, by where in the whole it begins. Its
	// ends depend on what is around it, and are left out.
	for offset := range 3 {
		encoded := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("-", offset) + secret))
		if len(encoded) > 12 {
			shapes = append(shapes, encoded[4:len(encoded)-4])
		}
	}
	for _, shape := range shapes {
		s.shapes = append(s.shapes, []byte(shape))
		s.longest = max(s.longest, len(shape))
	}
}

// in tells whether a secret is in the text.
func (s *search) in(text []byte) bool {
	for _, shape := range s.shapes {
		if bytes.Contains(text, shape) {
			return true
		}
	}
	return false
}

// stream is a writer that looks for secrets in all that is written to it.
type stream struct {
	search *search
	tail   []byte // the end of what was written, in which a secret may have begun
	found  bool
}

func (w *stream) Write(p []byte) (int, error) {
	if !w.found && len(w.search.shapes) > 0 {
		w.tail = append(w.tail, p...)
		w.found = w.search.in(w.tail)
		w.tail = w.tail[max(0, len(w.tail)-w.search.longest+1):]
	}
	return len(p), nil
}
