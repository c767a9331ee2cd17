package envvar

import (
	"bufio"
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

// dockerLines writes for the reader of docker run --env-file, which takes what
// follows the first = literally, but reads lines of UTF-8, of a limited
// length, and drops a carriage return at their ends.
func dockerLines(s Set) ([]byte, error) {
	var b bytes.Buffer
	for _, v := range s {
		value := v.Value.Reveal()
		line := fmt.Sprintf("%s=%s\n", v.Name, value)
		switch {
		case !utf8.ValidString(value):
			return nil, &VarError{Name: v.Name, Err: ErrInvalidUTF8}
		case strings.HasSuffix(value, "\r"):
			return nil, &VarError{Name: v.Name, Err: ErrTrailingCR}
		case len(line) > bufio.MaxScanTokenSize:
			return nil, &VarError{Name: v.Name, Err: ErrTooLong}
		}
		b.WriteString(line)
	}
	return b.Bytes(), nil
}
