package dashboard

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/servicepack/svp/engine/lazyregexp"
)

const (
	maxLineBytes = 16 << 10
	maxPageLines = 500
)

// lineWriter cuts what is written into lines that can be shown. What is longer
// than a line may be is left out.
type lineWriter struct {
	emit    func(line string) error
	partial []byte
}

func newLineWriter(emit func(line string) error) *lineWriter { return &lineWriter{emit: emit} }

// Write fails when a line could not be handed on, so that who writes stops.
func (l *lineWriter) Write(p []byte) (int, error) {
	rest := p
	for {
		line, after, complete := bytes.Cut(rest, []byte("\n"))
		l.partial = append(l.partial, line[:min(len(line), maxLineBytes-len(l.partial))]...)
		if !complete {
			return len(p), nil
		}
		if err := l.emitLine(); err != nil {
			return 0, err
		}
		rest = after
	}
}

// end hands on a last line that has no end. Whoever would have shown it may have
// gone, which is no failure.
func (l *lineWriter) end() {
	if len(l.partial) > 0 {
		_ = l.emitLine()
	}
}

func (l *lineWriter) emitLine() error {
	line := readable(l.partial)
	l.partial = l.partial[:0]
	return l.emit(line)
}

// terminalCodes are the colours and movements that programs send to terminals.
var terminalCodes = lazyregexp.New(`\x1b\[[0-9;?]*[A-Za-z]`)

// readable drops what a browser cannot show.
func readable(line []byte) string {
	text := terminalCodes().ReplaceAllString(strings.ToValidUTF8(string(line), string(utf8.RuneError)), "")
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\t' {
			return -1
		}
		return r
	}, text)
}

// lineTail keeps the last lines.
type lineTail struct{ lines []string }

func (t *lineTail) add(line string) error {
	if len(t.lines) == maxPageLines {
		t.lines = append(t.lines[:0], t.lines[1:]...)
	}
	t.lines = append(t.lines, line)
	return nil
}
