package envvar

import (
	"bytes"
	"fmt"
	"strings"
)

// dotenvLines writes each value so that two grammars that disagree read the
// same: the one of POSIX shells and the one of dotenv readers, of which
// github.com/joho/godotenv is taken for the reference.
func dotenvLines(s Set) []byte {
	var b bytes.Buffer
	for _, v := range s {
		fmt.Fprintf(&b, "%s\n", dotenvLine(v.Name, v.Value.Reveal()))
	}
	return b.Bytes()
}

// dotenvLine picks the plainest form that both readers agree on:
//
//	KEY=value          safe everywhere
//	KEY='value'        without ' and not ending in \: literal for both
//	KEY="value"        not ending in \ or ": escapes that both undo alike
//	KEY="value"# KEY='value'
//
// The last form is for the rest, values that end in \ and values with a ' that
// end in ". No one word means them in both grammars: a dotenv reader takes a
// closing quote after a backslash for an escaped one. So each reader gets a
// word of its own. To the shell, # within a word is a character as any other,
// and of two assignments the second one stays. To a dotenv reader, # after the
// closing quote begins a comment.
//
// Other dotenv readers agree on the first two forms, except that python-dotenv
// replaces ${NAME} wherever it stands and halves \\; of the escapes of the
// others each knows a different part.
func dotenvLine(name, value string) string {
	switch {
	case isBare(value):
		return name + "=" + value
	case !strings.Contains(value, "'") && !strings.HasSuffix(value, `\`):
		return name + "='" + value + "'"
	case !strings.HasSuffix(value, `"`) && !strings.HasSuffix(value, `\`):
		return name + `="` + doubleQuoteEscaper.Replace(value) + `"`
	}
	return name + "=" + dotenvOnly(value) + "# " + name + "=" + shellQuote(value)
}

// doubleQuoteEscaper escapes what a shell and a dotenv reader would not take
// literally within double quotes.
var doubleQuoteEscaper = strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`, "`", "\\`")

// dotenvOnly returns a word that a dotenv reader takes for value, which ends
// in \ or ". To a shell it is the beginning of a word that it throws away.
func dotenvOnly(value string) string {
	escaped := doubleQuoteEscaper.Replace(value)
	if strings.HasSuffix(value, `\`) {
		// The reader takes the first quote for an escaped one, the second for
		// the closing one, and drops the first as if it were a second closing
		// one. The shell takes the second for an opening one, which a third
		// has to close, behind the # where the reader no longer looks.
		return `"` + escaped + `""#"`
	}
	// The reader would drop an escaped quote together with the closing one. A
	// variable that it cannot know, because no name begins with a digit,
	// becomes nothing and keeps them apart.
	return `"` + escaped + `${0}"`
}

// isBare reports whether s needs no quotes in any shell or dotenv reader. A
// "=" is special to zsh where a path may begin.
func isBare(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case isWord(c), strings.IndexByte("@%+:,./-", c) >= 0:
		case c == '=' && i > 0 && s[i-1] != ':':
		default:
			return false
		}
	}
	return true
}
