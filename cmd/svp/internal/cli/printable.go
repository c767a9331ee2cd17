package cli

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// printable gives what a line would show on paper: without escape sequences and
// control characters, and of text that overwrites itself by carriage returns
// the last version. It keeps other people's output from steering the terminal.
func printable(line string) string {
	line = strings.TrimRight(line, "\r\n")
	if i := strings.LastIndexByte(line, '\r'); i >= 0 {
		line = line[i+1:]
	}
	if isPlain(line) {
		return line
	}
	var out strings.Builder
	for len(line) > 0 {
		if line[0] == '\x1b' {
			line = line[escapeLength(line):]
			continue
		}
		r, size := utf8.DecodeRuneInString(line)
		switch {
		case r == '\t':
			out.WriteString("    ")
		case r == utf8.RuneError || unicode.IsPrint(r):
			out.WriteRune(r)
		}
		line = line[size:]
	}
	return out.String()
}

func isPlain(line string) bool {
	for i := range len(line) {
		if line[i] < ' ' || line[i] > '~' {
			return false
		}
	}
	return true
}

// escapeLength measures the escape sequence at the beginning of s.
func escapeLength(s string) int {
	if len(s) < 2 {
		return len(s)
	}
	switch s[1] {
	case '(', ')', '*', '+', '#', ' ', '%': // one more letter chooses, as of a character set
		return min(len(s), 3)
	case '[': // control sequence: ends with a letter or one of @^_`{|}~
		for i := 2; i < len(s); i++ {
			if s[i] >= '@' && s[i] <= '~' {
				return i + 1
			}
		}
		return len(s)
	case ']', 'P', '^', '_', 'X': // strings: end with BEL or ESC \
		for i := 2; i < len(s); i++ {
			if s[i] == '\a' {
				return i + 1
			}
			if s[i] == '\\' && s[i-1] == '\x1b' {
				return i + 1
			}
		}
		return len(s)
	}
	return 2
}
