package cli

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/servicepack/svp/engine"
	"github.com/servicepack/svp/engine/driver"
)

// fakeTerminal counts how often it was made raw and restored.
type fakeTerminal struct {
	raw, restored int
	sizes         chan driver.WindowSize
	watched       context.Context //nolint:containedctx // what is tested is when it ends
}

func (f *fakeTerminal) Raw() (restore func() error, err error) {
	f.raw++
	return func() error {
		f.restored++
		return nil
	}, nil
}

func (f *fakeTerminal) Size() driver.WindowSize { return driver.WindowSize{Rows: 50, Columns: 132} }

func (f *fakeTerminal) Resizes(ctx context.Context) <-chan driver.WindowSize {
	f.watched = ctx
	return f.sizes
}

func withTerminal(w *world) *fakeTerminal {
	terminal := &fakeTerminal{sizes: make(chan driver.WindowSize)}
	w.streams.InTerminal, w.streams.OutTerminal, w.streams.ErrTerminal = true, true, true
	w.streams.terminal = terminal
	return terminal
}

func TestClientOnATerminal(t *testing.T) {
	t.Parallel()
	for _, fails := range []error{nil, errors.New("connection lost")} {
		w := newWorld(t, "select 1\r")
		terminal := withTerminal(w)
		w.fake.during = func(_ context.Context, streams engine.Streams) error {
			if streams.Terminal == nil || streams.Terminal.Size.Columns != 132 || streams.Terminal.Resizes == nil {
				t.Errorf("terminal: %+v", streams.Terminal)
			}
			if terminal.raw != 0 {
				t.Error("the terminal is raw before the client uses it")
			}
			if _, err := io.ReadAll(streams.In); err != nil {
				t.Error(err)
			}
			if _, err := io.WriteString(streams.Out, "1\r\n"); err != nil {
				t.Error(err)
			}
			if terminal.raw != 1 || terminal.restored != 0 {
				t.Errorf("while the client runs, the terminal was made raw %d times, and restored %d", terminal.raw, terminal.restored)
			}
			return fails
		}
		status := w.svp(t, "client", "shop")
		if (status != 0) != (fails != nil) {
			t.Errorf("status %d", status)
		}
		if terminal.restored != 1 || terminal.watched.Err() == nil {
			t.Errorf("the terminal was restored %d times; its size is watched for: %v", terminal.restored, terminal.watched.Err())
		}
	}
}

func TestTerminalStaysAsItIsWhenNothingRuns(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "")
	terminal := withTerminal(w)
	w.fake.err = &engine.Error{Op: "client", Subject: "shop", Kind: engine.NotFound, Err: engine.ErrNoInstance}
	w.require(t, 125, "client", "shop")
	if terminal.raw != 0 {
		t.Error("the terminal was made raw")
	}
}

func TestClientInAPipe(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "select 1")
	terminal := withTerminal(w)
	w.streams.OutTerminal = false
	w.fake.during = func(_ context.Context, streams engine.Streams) error {
		if streams.Terminal != nil {
			t.Error("a pipe was taken for a terminal")
		}
		_, err := io.Copy(streams.Out, streams.In)
		return err
	}
	w.require(t, 0, "client", "shop")
	if w.out.String() != "select 1" || terminal.raw != 0 {
		t.Errorf("stdout %q, made raw %d times", w.out, terminal.raw)
	}
}

func TestDestroyAsks(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, typed string
		terminal    bool
		status      int
		want        string
	}{
		{"the name", "shop\n", true, 0, "Type its name to go on: svp: shop is destroyed\n"},
		{"the name without an end of line", "shop", true, 0, "svp: shop is destroyed\n"},
		{"another name", "yes\n", true, 5, "svp: destroy shop: the name was not typed; nothing was removed\n"},
		{"nothing", "", true, 5, "nothing was removed\n"},
		{"nobody there", "shop\n", false, 5, "hint: say that you mean it: svp destroy shop --yes\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, c.typed)
			w.set(map[string]string{"TERM": "dumb"})
			w.fake.instances = goldenInstances()
			w.streams.InTerminal, w.streams.ErrTerminal = c.terminal, c.terminal
			w.require(t, c.status, "destroy", "shop")
			if !strings.HasSuffix(w.errOut.String(), c.want) {
				t.Errorf("stderr %q, want %q", w.errOut, c.want)
			}
			if destroyed := len(w.fake.calls) > 0; destroyed != (c.status == 0) {
				t.Errorf("status %d, calls %q", c.status, w.fake.calls)
			}
		})
	}
}

func TestDestroyOfWhatIsNotThereAsksNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "")
	withTerminal(w)
	w.require(t, 4, "destroy", "nosuch")
	if got := w.errOut.String(); !strings.HasPrefix(got, "svp: destroy nosuch: no such instance\n") {
		t.Errorf("stderr %q", got)
	}
}

// blocked is a terminal on which nobody types.
type blocked struct{ ended <-chan struct{} }

func (b blocked) Read([]byte) (int, error) {
	<-b.ended
	return 0, io.EOF
}

func TestQuestionCanBeInterrupted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "")
	withTerminal(w)
	w.fake.instances = goldenInstances()
	ended := make(chan struct{})
	defer close(ended)
	w.streams.In = blocked{ended}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if status := w.run(ctx, []string{"destroy", "shop"}); status != 130 || len(w.fake.calls) > 0 {
		t.Errorf("status %d, calls %q", status, w.fake.calls)
	}
}
