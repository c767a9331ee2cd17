package engine

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/servicepack/svp/engine/envvar"
)

const (
	// lastLinesKept is how much of a failed script's output an error carries.
	lastLinesKept = 40
	// logsKept is how many logs of earlier operations stay in the folder.
	logsKept = 50
	// largestLog bounds the log of one step: a script that goes wild must not fill
	// the disk.
	largestLog = 16 << 20
	// longestLine bounds a line that never ends.
	longestLine = 8 << 10
)

// phase reports one step of an operation: it turns the output of a script into
// events, keeps its last lines, and writes all of it to a log file.
type phase struct {
	engine  *Engine
	name    string
	subject string
	started time.Time

	mu      sync.Mutex
	hide    *strings.Replacer // takes secrets out of lines
	partial bytes.Buffer
	last    []string
	log     *os.File
	logged  int // bytes in the log
}

// beginPhase announces the step. Secrets of the set never appear in its output.
// A log that cannot be written is a warning: it must not keep a database down.
func (e *Engine) beginPhase(name, subject string, hidden envvar.Set) *phase {
	p := &phase{engine: e, name: name, subject: subject, started: e.now(), hide: hider(hidden)}
	if e.config.LogDir != "" {
		log, err := createLog(e.config.LogDir, p.started, name, subject)
		if err != nil {
			e.warn(fmt.Sprintf("no log is kept: %v", err))
		}
		p.log = log
	}
	e.emit(Event{Kind: PhaseStarted, Phase: name, Subject: subject, LogFile: p.logFile()})
	return p
}

// shortestHidden keeps a value such as "a" from being taken out of every word.
const shortestHidden = 4

// hider takes the secrets out of a line, also where a URL holds them. The other
// variables are no secrets, and a log without them would say little.
func hider(hidden envvar.Set) *strings.Replacer {
	var values []string
	for _, variable := range hidden {
		value := variable.Value.Reveal()
		if variable.Secret && len(value) >= shortestHidden {
			values = append(values, value, url.QueryEscape(value), url.PathEscape(value))
		}
	}
	// One that begins with another goes first: nothing of it may be left over.
	slices.SortFunc(values, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	pairs := make([]string, 0, 2*len(values))
	for _, value := range values {
		pairs = append(pairs, value, "[redacted]")
	}
	return strings.NewReplacer(pairs...)
}

func createLog(dir string, started time.Time, name, subject string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder for logs: %w", err)
	}
	pruneLogs(dir)
	clean := strings.Map(func(r rune) rune {
		if r == '/' || r == ':' || r < ' ' {
			return '-'
		}
		return r
	}, subject)
	pattern := fmt.Sprintf("%s-%s-%s-*.log", started.UTC().Format("20060102T150405"), name, clean)
	log, err := os.CreateTemp(dir, pattern) // 0600
	if err != nil {
		return nil, fmt.Errorf("make a log: %w", err)
	}
	return log, nil
}

// pruneLogs removes the oldest logs; their names begin with their time.
func pruneLogs(dir string) {
	logs, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil || len(logs) < logsKept {
		return
	}
	slices.Sort(logs)
	for _, old := range logs[:len(logs)-logsKept+1] {
		_ = os.Remove(old) // another svp may have removed it
	}
}

func (p *phase) logFile() string {
	if p.log == nil {
		return ""
	}
	return p.log.Name()
}

// Write takes output of the script.
func (p *phase) Write(output []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	rest := output
	for len(rest) > 0 {
		line, after, ended := bytes.Cut(rest, []byte("\n"))
		p.partial.Write(line)
		if !ended && p.partial.Len() < longestLine {
			break
		}
		p.endLine()
		rest = after
	}
	return len(output), nil
}

func (p *phase) endLine() {
	line := p.hide.Replace(strings.TrimRight(p.partial.String(), "\r \t"))
	p.partial.Reset()
	p.keep(line)
	p.last = append(p.last, line)
	if len(p.last) > lastLinesKept {
		p.last = p.last[len(p.last)-lastLinesKept:]
	}
	p.engine.emit(Event{Kind: PhaseOutput, Phase: p.name, Subject: p.subject, Text: line})
}

// keep writes the line to the log, as far as there is room in it.
func (p *phase) keep(line string) {
	if p.log == nil || p.logged > largestLog {
		return
	}
	p.logged += len(line) + 1
	if p.logged > largestLog {
		line = "[the rest is not kept]"
	}
	// A full disk of the user's must not end the operation.
	_, _ = fmt.Fprintln(p.log, line)
}

// end closes the log and reports how the step ended. It returns the error that
// it is given, with the last lines and the log's name where the step failed.
func (p *phase) end(err error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.partial.Len() > 0 {
		p.endLine()
	}
	event := Event{Kind: PhaseDone, Phase: p.name, Subject: p.subject, Elapsed: p.engine.now().Sub(p.started)}
	if err != nil {
		event.Kind = PhaseFailed
		event.LogFile = p.logFile()
		err = &outputError{err: err, lines: slices.Clone(p.last), logFile: p.logFile()}
	}
	if p.log != nil {
		if closeErr := p.log.Close(); closeErr != nil && err == nil {
			p.engine.warn(fmt.Sprintf("the log is incomplete: %v", closeErr))
		}
	}
	p.engine.emit(event)
	return err
}

// outputError carries what a failed script wrote to where the operation's error
// is made.
type outputError struct {
	err     error
	lines   []string
	logFile string
}

func (e *outputError) Error() string { return e.err.Error() }
func (e *outputError) Unwrap() error { return e.err }

// lineWriter copies to a writer until a line appears that stands alone, and
// tells when it did.
type lineWriter struct {
	out   io.Writer
	line  string
	seen  chan struct{}
	found bool
	held  bytes.Buffer
}

func newLineWriter(out io.Writer, line string) *lineWriter {
	return &lineWriter{out: out, line: line, seen: make(chan struct{})}
}

// Write holds back the line that may turn out to be the awaited one.
func (w *lineWriter) Write(output []byte) (int, error) {
	w.held.Write(output)
	for {
		line, err := w.held.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			w.held.Write(line)
			return len(output), nil
		}
		if !w.found && string(bytes.TrimRight(line, "\r\n")) == w.line {
			w.found = true
			close(w.seen)
			continue
		}
		if _, err := w.out.Write(line); err != nil {
			return 0, err
		}
	}
}

// flush passes on what came after the last line's end.
func (w *lineWriter) flush() {
	if w.held.Len() > 0 {
		_, _ = w.out.Write(w.held.Bytes()) // a phase takes everything
		w.held.Reset()
	}
}
