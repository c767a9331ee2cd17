package cli

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/servicepack/svp/engine"
)

func TestExitStatus(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name         string
		err          error
		plain        int
		passesStatus int
	}{
		{"done", nil, 0, 0},
		{"failed", &engine.Error{Kind: engine.Failed}, 1, 125},
		{"usage", &engine.Error{Kind: engine.Usage}, 2, 2},
		{"invalid pack", &engine.Error{Kind: engine.InvalidPack}, 3, 125},
		{"not found", &engine.Error{Kind: engine.NotFound}, 4, 125},
		{"refused", &engine.Error{Kind: engine.Refused}, 5, 125},
		{"not ready", &engine.Error{Kind: engine.NotReady}, 6, 125},
		{"no host", &engine.Error{Kind: engine.NoHost}, 7, 125},
		{"interrupted", &engine.Error{Kind: engine.Interrupted}, 130, 130},
		{"a wrapped one", fmt.Errorf("while: %w", &engine.Error{Kind: engine.NotFound}), 4, 125},
		{"wrong command line", &usageError{text: "x"}, 2, 2},
		{"cancelled", fmt.Errorf("read: %w", context.Canceled), 130, 130},
		{"anything else", errors.New("x"), 1, 125},
		{"a script's", statusError(42), 42, 42},
	} {
		if got := exitStatus(c.err, false); got != c.plain {
			t.Errorf("%s: status %d, want %d", c.name, got, c.plain)
		}
		if got := exitStatus(c.err, true); got != c.passesStatus {
			t.Errorf("%s, where a script's status is passed on: status %d, want %d", c.name, got, c.passesStatus)
		}
	}
}

func TestEveryKindHasAStatus(t *testing.T) {
	t.Parallel()
	shown := map[int]bool{}
	for _, row := range statusMeanings {
		shown[row.status] = true
	}
	for kind := engine.Failed; kind <= engine.Interrupted; kind++ {
		status, ok := statusOfKind[kind]
		if !ok || !shown[status] {
			t.Errorf("kind %d: status %d is not in the tables", kind, status)
		}
	}
}

func TestScriptsStatusIsPassedOnWithoutWords(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"client", "shop"}, {"shell", "shop"}, {"extra", "shop", "help"}, {"backup", "shop"}, {"restore", "shop"},
	} {
		w := newWorld(t, "")
		w.fake.status = 42
		w.require(t, 42, args...)
		if w.errOut.Len() > 0 {
			t.Errorf("svp %q adds to what the script said: %s", args, w.errOut)
		}
		w.fake.err = &engine.Error{Op: args[0], Subject: "shop", Kind: engine.NotFound, Err: engine.ErrNoInstance}
		w.require(t, 125, args...)
	}
}

func TestErrorIsOneLineAHintAndTheLastOutput(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "")
	w.fake.err = &engine.Error{
		Op: "up", Subject: "demo", Kind: engine.Failed, Err: errors.New("bin/build base ended\nwith status 3"),
		Hint: "mend it", LogFile: "/logs/x.log", LastLines: []string{"first", "\x1b[31mred\x1b[0m\a"},
	}
	w.require(t, 1, "up", "demo")
	const want = "svp: up demo: bin/build base ended; with status 3\n" +
		"  hint: mend it\n" +
		"last lines of the output:\n" +
		"  | first\n" +
		"  | red\n" +
		"whole output: /logs/x.log\n"
	if got := w.errOut.String(); got != want {
		t.Errorf("stderr:\n%s\nwant:\n%s", got, want)
	}
	if w.out.Len() > 0 {
		t.Errorf("a failure printed a result: %s", w.out)
	}
}

func TestErrorAsJSON(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "")
	w.fake.err = &engine.Error{Op: "down", Subject: "demo", Kind: engine.NotFound, Err: engine.ErrNoInstance, Hint: "look"}
	w.require(t, 4, "down", "demo", "--progress", "json")
	const want = `{"kind":"error","text":"down demo: no such instance","status":4,"hint":"look"}` + "\n"
	if got := w.errOut.String(); got != want {
		t.Errorf("stderr: %s, want %s", got, want)
	}
}

func TestInterrupted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w.fake.err = &engine.Error{Op: "up", Subject: "demo", Kind: engine.Interrupted, Err: context.Canceled, LastLines: []string{"x"}}
	if status := w.run(ctx, []string{"up", "demo"}); status != 130 {
		t.Errorf("status %d, want 130", status)
	}
	if got, want := w.errOut.String(), "svp: up demo: interrupted\n"; got != want {
		t.Errorf("stderr %q, want %q", got, want)
	}
}
