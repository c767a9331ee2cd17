package cli

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/servicepack/svp/engine"
)

func someEvents() []engine.Event {
	at := testNow
	return []engine.Event{
		{Time: at, Kind: engine.Note, Text: "pack redis: folder /packs/redis"},
		{Time: at, Kind: engine.PhaseStarted, Phase: "base", Subject: "redis"},
		{Time: at, Kind: engine.PhaseOutput, Phase: "base", Subject: "redis", Text: "Get:1 http://deb \x1b[2Jwiped\x07\r 10%\r 99%\n"},
		{Time: at, Kind: engine.PhaseDone, Phase: "base", Subject: "redis", Elapsed: 12345 * time.Millisecond},
		{Time: at, Kind: engine.Warning, Text: "something\nodd"},
		{Time: at, Kind: engine.PhaseStarted, Phase: "ready", Subject: "shop"},
		{Time: at, Kind: engine.PhaseFailed, Phase: "ready", Subject: "shop", Elapsed: 185 * time.Second},
	}
}

func show(w *world, mode progressMode) string {
	r := w.newRenderer(mode)
	for _, event := range someEvents() {
		r.Event(event)
	}
	r.Close()
	return w.errOut.String()
}

func TestPlainProgress(t *testing.T) {
	t.Parallel()
	const want = "svp: pack redis: folder /packs/redis\n" +
		"svp: base redis started\n" +
		"svp: base:  99%\n" +
		"svp: base redis done (12.3s)\n" +
		"svp: warning: something; odd\n" +
		"svp: ready shop started\n" +
		"svp: ready shop failed (3m05s)\n"
	if got := show(newWorld(t, ""), progressAuto); got != want {
		t.Errorf("without a terminal:\n%s\nwant:\n%s", got, want)
	}
}

func TestQuietProgress(t *testing.T) {
	t.Parallel()
	if got, want := show(newWorld(t, ""), progressQuiet), "svp: warning: something; odd\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestJSONProgressIsAnObjectALine(t *testing.T) {
	t.Parallel()
	lines := strings.Split(strings.TrimSpace(show(newWorld(t, ""), progressJSON)), "\n")
	if len(lines) != len(someEvents()) {
		t.Fatalf("%d lines for %d events", len(lines), len(someEvents()))
	}
	for i, event := range someEvents() {
		var got engine.Event
		if err := json.Unmarshal([]byte(lines[i]), &got); err != nil || got != event {
			t.Errorf("line %d: %s: %v", i, lines[i], err)
		}
	}
}

func TestAutoProgress(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		terminal bool
		term     string
		live     bool
	}{
		{"a terminal", true, "xterm", true},
		{"a dumb terminal", true, "dumb", false},
		{"a pipe", false, "xterm", false},
	} {
		w := newWorld(t, "")
		w.streams.ErrTerminal = c.terminal
		w.set(map[string]string{"TERM": c.term})
		if got := strings.Contains(show(w, progressAuto), "✓"); got != c.live {
			t.Errorf("%s: a live view is %t", c.name, got)
		}
	}
}

func TestColor(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		variables map[string]string
		colored   bool
	}{
		{"a terminal", map[string]string{"TERM": "xterm"}, true},
		{"NO_COLOR", map[string]string{"TERM": "xterm", "NO_COLOR": "1"}, false},
		{"an empty NO_COLOR", map[string]string{"TERM": "xterm", "NO_COLOR": ""}, true},
	} {
		w := newWorld(t, "")
		w.streams.ErrTerminal = true
		w.set(c.variables)
		if got := strings.Contains(show(w, progressTTY), "\x1b[32m✓"); got != c.colored {
			t.Errorf("%s: colour is %t", c.name, got)
		}
	}
}

// screen is what a terminal shows after the text: it knows what the live view
// uses, cursor up and erase to the end.
func screen(t *testing.T, text string) []string {
	t.Helper()
	var lines []string
	row := 0
	for text != "" {
		if rest, found := strings.CutPrefix(text, "\x1b["); found {
			up := 0
			for rest != "" && rest[0] >= '0' && rest[0] <= '9' {
				up, rest = up*10+int(rest[0]-'0'), rest[1:]
			}
			rest, found = strings.CutPrefix(rest, "A\x1b[J")
			if !found {
				t.Fatalf("unknown control sequence in %q", text)
			}
			row -= up
			lines, text = lines[:row], rest
			continue
		}
		line, rest, found := strings.Cut(text, "\n")
		if !found {
			t.Fatalf("the cursor is left in the line %q", line)
		}
		lines, text = append(lines, line), rest
		row++
	}
	return lines
}

func TestLiveViewLeavesALineAPhase(t *testing.T) {
	t.Parallel()
	want := "pack redis: folder /packs/redis\n✓ base redis (12.3s)\nwarning: something; odd\n✗ ready shop (3m05s)"
	if got := strings.Join(screen(t, show(newWorld(t, ""), progressTTY)), "\n"); got != want {
		t.Errorf("the screen shows:\n%s\nwant:\n%s", got, want)
	}
}

func TestLiveViewShowsTheLastLinesOfAPhase(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	now := testNow
	view := newLiveView(&out, false, func() time.Time { return now })
	defer view.Close()
	event := engine.Event{Phase: "base", Subject: "redis"}
	emit := func(kind engine.EventKind, text string) {
		event.Kind, event.Text = kind, text
		view.Event(event)
	}
	emit(engine.PhaseStarted, "")
	for _, text := range []string{"one", "two", "", "three", "four", "five", strings.Repeat("wide ", 40)} {
		emit(engine.PhaseOutput, text)
	}
	now = now.Add(2500 * time.Millisecond)
	emit(engine.Note, "a note")
	view.mu.Lock()
	shown := screen(t, out.String())
	view.mu.Unlock()
	if len(shown) != 2+tailLines || shown[0] != "a note" || !strings.HasSuffix(shown[1], " base redis 2.5s") ||
		shown[2] != "  two" || !strings.HasSuffix(shown[6], "…") || len([]rune(shown[6])) >= 80 {
		t.Errorf("the screen shows:\n%s", strings.Join(shown, "\n"))
	}
	view.Close()
	if shown := screen(t, out.String()+"\n"); shown[0] != "a note" || len(shown) != 2 {
		t.Errorf("closed, the screen shows:\n%s", strings.Join(shown, "\n"))
	}
}
