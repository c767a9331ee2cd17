package pack

import (
	"bytes"
	"fmt"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"
)

// line is one line of an answer.
type line struct {
	number int // from 1, blank lines counted
	text   string
}

// answerError says which line of an answer is wrong; 0 means all of it.
type answerError struct {
	line int
	err  error
}

func (e *answerError) Error() string { return e.err.Error() }

func (e *answerError) Unwrap() error { return e.err }

// splitAnswer returns the lines of an answer that are not blank, without the
// white space at their ends.
func splitAnswer(answer []byte) []line {
	var lines []line
	for i, text := range strings.Split(string(answer), "\n") {
		text = strings.TrimRight(text, " \t\r\v\f")
		if text != "" {
			lines = append(lines, line{number: i + 1, text: text})
		}
	}
	return lines
}

// checkText refuses what nobody can have meant to print: binary data, and
// control characters that would reach a terminal.
func checkText(lines []line) error {
	for _, l := range lines {
		if !utf8.ValidString(l.text) {
			return &answerError{line: l.number, err: fmt.Errorf("binary data, not text in UTF-8")}
		}
		if i := strings.IndexFunc(l.text, unicode.IsControl); i >= 0 {
			r, _ := utf8.DecodeRuneInString(l.text[i:])
			return &answerError{line: l.number, err: fmt.Errorf("binary data: it holds the control character %q", r)}
		}
	}
	return nil
}

// checkNUL refuses what no environment variable can hold. Other bytes are the
// pack's affair, since a secret may hold them.
func checkNUL(answer []byte) error {
	if i := bytes.IndexByte(answer, 0); i >= 0 {
		number := 1 + bytes.Count(answer[:i], []byte("\n"))
		return &answerError{line: number, err: fmt.Errorf("binary data: it holds a NUL byte")}
	}
	return nil
}

// single returns the text of the only line, and "" when there is none.
func single(lines []line) (string, error) {
	switch len(lines) {
	case 0:
		return "", nil
	case 1:
		return lines[0].text, nil
	}
	return "", &answerError{line: lines[1].number, err: fmt.Errorf("one line too many: the answer is a single line")}
}

// list parses each line and refuses an answer that says the same twice.
func list[T comparable](lines []line, parse func(string) (T, error)) ([]T, error) {
	var values []T
	first := make(map[T]int, len(lines))
	for _, l := range lines {
		value, err := parse(l.text)
		if err != nil {
			return nil, &answerError{line: l.number, err: err}
		}
		if earlier, ok := first[value]; ok {
			return nil, &answerError{line: l.number, err: fmt.Errorf("%s is on line %d already", quote(fmt.Sprint(value)), earlier)}
		}
		first[value] = l.number
		values = append(values, value)
	}
	return values, nil
}

// parseContract reads the answer to version; nothing means 0.
func parseContract(lines []line) (int, error) {
	text, err := single(lines)
	if err != nil {
		return 0, err
	}
	switch text {
	case "", "0":
		return 0, nil
	case "1":
		return 1, nil
	}
	if strings.Trim(text, "0123456789") != "" || len(text) > maxQuoted {
		text = quote(text)
	}
	return 0, fmt.Errorf("speaks contract version %s, this svp speaks %d and %d", text, MinContract, MaxContract)
}

func parseOSAnswer(lines []line) (OS, error) {
	text, err := single(lines)
	if err != nil {
		return OS{}, err
	}
	if text == "" {
		return OS{}, fmt.Errorf("no answer; it has to print NAME/VERSION, such as debian/12")
	}
	return ParseOS(text)
}

func parseShm(lines []line) (int64, error) {
	text, err := single(lines)
	if err != nil || text == "" {
		return 0, err
	}
	return parseSize(text)
}

func parseVolumes(lines []line) ([]string, error) {
	volumes, err := list(lines, parseVolume)
	if err != nil {
		return nil, err
	}
	named := make(map[string]bool, len(volumes))
	for _, volume := range volumes {
		named[volume] = true
	}
	for i, inner := range volumes {
		for outer := path.Dir(inner); outer != "/"; outer = path.Dir(outer) {
			if named[outer] {
				return nil, &answerError{line: lines[i].number, err: fmt.Errorf("%s lies in the volume %s; name the outer one only", quote(inner), quote(outer))}
			}
		}
	}
	return volumes, nil
}
