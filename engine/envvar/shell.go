package envvar

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/servicepack/svp/engine/secrets"
)

// escapedQuote is a single quote in a single-quoted word of a POSIX shell:
// the word is left, the quote escaped, the word entered again.
const escapedQuote = `'\''`

func shellLines(s Set) []byte {
	var b bytes.Buffer
	for _, v := range s {
		fmt.Fprintf(&b, "%s=%s\n", v.Name, shellQuote(v.Value.Reveal()))
	}
	return b.Bytes()
}

// shellQuote returns s as one word of a POSIX shell.
func shellQuote(s string) string {
	return "'" + strings.ReplaceAll(s, "'", escapedQuote) + "'"
}

// ErrNotShell means that a line is not one that the format Shell writes.
var ErrNotShell = errors.New("not a line that svp wrote")

// ParseShell reads back what Write wrote in the format Shell, and nothing
// else; any other line gives a *[LineError]. No variable of the result is
// marked as a Secret; see [Set.MarkSecret].
func ParseShell(r io.Reader) (Set, error) {
	content, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("read variables: %w", err)
	}
	var set Set
	number := 0
	for line := range strings.Lines(string(content)) {
		number++
		name, word, err := cut(strings.TrimSuffix(line, "\n"))
		if err != nil {
			return nil, lineError(number, name, err)
		}
		value, err := shellUnquote(word)
		if err != nil {
			return nil, lineError(number, name, err)
		}
		if set.index(name) >= 0 {
			return nil, lineError(number, name, ErrDuplicate)
		}
		set = append(set, Var{Name: name, Value: secrets.New(value)})
	}
	return set, nil
}

// shellUnquote is the inverse of shellQuote.
func shellUnquote(word string) (string, error) {
	if len(word) < 2 || word[0] != '\'' || word[len(word)-1] != '\'' {
		return "", ErrNotShell
	}
	parts := strings.Split(word[1:len(word)-1], escapedQuote)
	for _, part := range parts {
		if strings.Contains(part, "'") {
			return "", ErrNotShell
		}
	}
	value := strings.Join(parts, "'")
	return value, secrets.Validate(value)
}
