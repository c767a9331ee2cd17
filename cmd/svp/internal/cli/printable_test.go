package cli

import (
	"strings"
	"testing"
	"unicode"
)

func TestPrintable(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"plain":                             "plain",
		"line\r\n":                          "line",
		" 10%\r 99%":                        " 99%",
		"\x1b[1;31mred\x1b[0m":              "red",
		"\x1b]0;a title\x07text":            "text",
		"\x1b]8;;http://x\x1b\\link\x1b]8;": "link",
		"\x1b(Bcharset":                     "charset",
		"a\tb":                              "a    b",
		"bell\a and \x00 and \x7f":          "bell and  and ",
		"grüße ✓":                           "grüße ✓",
		"\xff broken":                       "� broken",
		"\u202eturned":                      "turned",
		"\x1b":                              "",
		"\x1b[31":                           "",
	} {
		if got := printable(line); got != want {
			t.Errorf("%q shows %q, want %q", line, got, want)
		}
	}
}

func FuzzPrintable(f *testing.F) {
	f.Add("\x1b[31mx\x1b]0;y\x07\r\n")
	f.Add("\x1b\x1b[\xc2\x9b31m")
	f.Fuzz(func(t *testing.T, line string) {
		got := printable(line)
		if i := strings.IndexFunc(got, func(r rune) bool { return !unicode.IsPrint(r) && r != unicode.ReplacementChar }); i >= 0 {
			t.Errorf("%q shows %q", line, got)
		}
		if printable(got) != got {
			t.Errorf("%q shows %q, then %q", line, got, printable(got))
		}
	})
}

func TestNearest(t *testing.T) {
	t.Parallel()
	commands := newRoot(&wiring{}).childNames()
	for word, want := range map[string]string{
		"lits": "list", "detsroy": "destroy", "re": "restore", "bakcup": "backup", "": "", "xyzzy": "", "é": "",
	} {
		if got := nearest(word, commands); got != want {
			t.Errorf("%q: %q, want %q", word, got, want)
		}
	}
}
