package engine

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/servicepack/svp/engine/envvar"
	"github.com/servicepack/svp/engine/secrets"
)

// recorded is an engine without a host that remembers its events.
func recorded(dir string) (*Engine, *[]Event) {
	var events []Event
	clock := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return &Engine{config: Config{
		LogDir: dir, Now: func() time.Time { return clock }, Events: func(event Event) { events = append(events, event) },
	}}, &events
}

func variables(secret bool, values ...string) envvar.Set {
	var set envvar.Set
	for i, value := range values {
		set = append(set, envvar.Var{Name: fmt.Sprintf("V%d", i), Value: secrets.New(value), Secret: secret})
	}
	return set
}

func TestAFailedStepTellsItsLastLinesAndKeepsALog(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state", "logs")
	e, events := recorded(dir)
	step := e.beginPhase("setup", "shop/db:2", nil)
	for i := range lastLinesKept + 2 {
		fmt.Fprintf(step, "line %d \r\n", i)
	}
	fmt.Fprint(step, "without end")
	cause := errors.New("cause")
	err := step.end(cause)
	var output *outputError
	if !errors.As(err, &output) || !errors.Is(err, cause) {
		t.Fatalf("end = %v", err)
	}
	if n := len(output.lines); n != lastLinesKept || output.lines[0] != "line 3" || output.lines[n-1] != "without end" {
		t.Errorf("last lines: %q", output.lines)
	}
	content, err := os.ReadFile(output.logFile)
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Split(string(content), "\n"); lines[0] != "line 0" || len(lines) != lastLinesKept+4 {
		t.Errorf("log: %q", content)
	}
	if name := filepath.Base(output.logFile); !strings.HasPrefix(name, "20260102T030405-setup-shop-db-2-") {
		t.Errorf("the log is called %s", name)
	}
	for path, want := range map[string]os.FileMode{output.logFile: 0o600, dir: 0o700} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v; want %v", path, info.Mode(), err, want)
		}
	}
	kinds := []EventKind{(*events)[0].Kind, (*events)[1].Kind, (*events)[len(*events)-1].Kind}
	if !slices.Equal(kinds, []EventKind{PhaseStarted, PhaseOutput, PhaseFailed}) || (*events)[len(*events)-1].LogFile == "" {
		t.Errorf("events: %+v", *events)
	}
}

func TestALogThatCannotBeWrittenIsAWarning(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	e, events := recorded(filepath.Join(file, "logs"))
	step := e.beginPhase("base", "redis", nil)
	fmt.Fprintln(step, "works")
	if err := step.end(nil); err != nil {
		t.Fatal(err)
	}
	var kinds []EventKind
	for _, event := range *events {
		kinds = append(kinds, event.Kind)
	}
	if !slices.Equal(kinds, []EventKind{Warning, PhaseStarted, PhaseOutput, PhaseDone}) {
		t.Errorf("events: %+v", *events)
	}
}

func TestSecretsDoNotAppearInOutput(t *testing.T) {
	e, events := recorded(t.TempDir())
	hidden := append(variables(true, "abcd", "abcdefgh", "p&ss/w rd", "xyz"), variables(false, "database", "redis://:abcdefgh@%IP")...)
	step := e.beginPhase("setup", "shop", hidden)
	fmt.Fprintln(step, "1 abcdefgh 2 abcd 3 p&ss/w rd 4 redis://:p%26ss%2Fw+rd@ 5 p&ss%2Fw%20rd 6 xyz 7 database 8 redis://:abcdefgh@10.0.0.7")
	const x = "[redacted]"
	want := fmt.Sprintf("1 %s 2 %s 3 %s 4 redis://:%s@ 5 %s 6 xyz 7 database 8 redis://:%s@10.0.0.7", x, x, x, x, x, x)
	var output *outputError
	if !errors.As(step.end(errors.New("cause")), &output) || !slices.Equal(output.lines, []string{want}) {
		t.Errorf("last lines %q, want %q", output.lines, want)
	}
	content, err := os.ReadFile(output.logFile)
	if err != nil || string(content) != want+"\n" {
		t.Errorf("log %q, %v", content, err)
	}
	if text := (*events)[1].Text; text != want {
		t.Errorf("event %q", text)
	}
}

func TestALineWithoutEndIsCut(t *testing.T) {
	e, events := recorded("")
	step := e.beginPhase("base", "redis", nil)
	chunk := bytes.Repeat([]byte("x"), 1000)
	for range 20 {
		if _, err := step.Write(chunk); err != nil {
			t.Fatal(err)
		}
	}
	_ = step.end(nil)
	total := 0
	for _, event := range *events {
		total += len(event.Text)
		if len(event.Text) > longestLine+len(chunk) {
			t.Errorf("a line of %d bytes", len(event.Text))
		}
	}
	if total != 20*len(chunk) {
		t.Errorf("%d bytes came out, want %d", total, 20*len(chunk))
	}
}

func TestOldLogsMakeRoom(t *testing.T) {
	dir := t.TempDir()
	for i := range logsKept + 5 {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("20250101T0000%02d-base-x-1.log", i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	other := filepath.Join(dir, "0-notes.txt")
	if err := os.WriteFile(other, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	e, _ := recorded(dir)
	_ = e.beginPhase("base", "redis", nil).end(nil)
	logs, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil || len(logs) != logsKept {
		t.Fatalf("%d logs, %v; want %d", len(logs), err, logsKept)
	}
	if first := filepath.Base(logs[0]); first != "20250101T000006-base-x-1.log" {
		t.Errorf("the oldest log is %s", first)
	}
	if _, err := os.Stat(other); err != nil {
		t.Error(err)
	}
}

// inChunks writes the text in pieces whose lengths the bytes of cuts say.
func inChunks(t *testing.T, w io.Writer, text string, cuts []byte) {
	t.Helper()
	for rest := text; rest != ""; {
		n := len(rest)
		if len(cuts) > 0 {
			n = min(n, int(cuts[0]%7)+1)
			cuts = cuts[1:]
		}
		if written, err := io.WriteString(w, rest[:n]); err != nil || written != n {
			t.Fatalf("Write = %d, %v; want %d", written, err, n)
		}
		rest = rest[n:]
	}
}

func FuzzTheTokenIsFoundHoweverTheOutputIsCut(f *testing.F) {
	f.Add("making\ntoken\nready", []byte{1, 2, 3})
	f.Add("token\r\ntoken\n", []byte{0, 0, 6})
	f.Add("no token\n", []byte{})
	f.Fuzz(func(t *testing.T, text string, cuts []byte) {
		var want strings.Builder
		found := false
		for line := range strings.Lines(text) {
			if !found && strings.HasSuffix(line, "\n") && strings.TrimRight(line, "\r\n") == "token" {
				found = true
				continue
			}
			want.WriteString(line)
		}
		var got bytes.Buffer
		w := newLineWriter(&got, "token")
		inChunks(t, w, text, cuts)
		w.flush()
		if got.String() != want.String() {
			t.Errorf("%q came out as %q, want %q", text, got.String(), want.String())
		}
		select {
		case <-w.seen:
			if !found {
				t.Errorf("a token was seen in %q", text)
			}
		default:
			if found {
				t.Errorf("no token was seen in %q", text)
			}
		}
	})
}

func FuzzLinesOfComponentsStayWhole(f *testing.F) {
	f.Add("one\ntwo", []byte{1, 2, 3})
	f.Add("\n\n", []byte{})
	f.Fuzz(func(t *testing.T, text string, cuts []byte) {
		var want strings.Builder
		for line := range strings.Lines(text) {
			want.WriteString("web | " + strings.TrimSuffix(line, "\n") + "\n")
		}
		var got bytes.Buffer
		w := &prefixWriter{out: &got, prefix: "web", mu: &sync.Mutex{}}
		inChunks(t, w, text, cuts)
		if err := w.flush(); err != nil {
			t.Fatal(err)
		}
		if got.String() != want.String() {
			t.Errorf("%q came out as %q, want %q", text, got.String(), want.String())
		}
	})
}
