package cli

import (
	"context"
	"io"
	"sync"

	"github.com/servicepack/svp/engine"
	"github.com/servicepack/svp/engine/driver"
)

// scriptStreams connects a script with the user: with the terminal where there
// is one, else with the plain streams. The caller must call restore.
func scriptStreams(ctx context.Context, s *Streams) (streams engine.Streams, restore func()) {
	streams = engine.Streams{In: s.In, Out: s.output(), Err: s.Err}
	if !s.interactive() {
		return streams, func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	raw := &rawTerminal{terminal: s.terminal}
	streams.In = rawReader{raw, s.In}
	streams.Out = rawWriter{raw, s.Out}
	streams.Terminal = newTerminal(ctx, s.terminal)
	return streams, func() {
		cancel()
		raw.leave()
	}
}

// rawTerminal makes the terminal raw when the script begins to use it, so that
// what svp has to say before is shown as usual and Ctrl-C ends svp until then.
type rawTerminal struct {
	terminal terminal

	mu      sync.Mutex
	left    bool
	entered bool
	restore func() error
}

func (r *rawTerminal) enter() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.entered || r.left {
		return
	}
	r.entered = true
	// A terminal that cannot be made raw still carries lines.
	if restore, err := r.terminal.Raw(); err == nil {
		r.restore = restore
	}
}

func (r *rawTerminal) leave() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.left = true
	if r.restore != nil {
		_ = r.restore() // nothing is left to be done where it fails
		r.restore = nil
	}
}

type rawReader struct {
	raw *rawTerminal
	io.Reader
}

func (r rawReader) Read(p []byte) (int, error) {
	r.raw.enter()
	return r.Reader.Read(p)
}

type rawWriter struct {
	raw *rawTerminal
	io.Writer
}

func (w rawWriter) Write(p []byte) (int, error) {
	w.raw.enter()
	return w.Writer.Write(p)
}

// newTerminal describes the terminal to the driver.
func newTerminal(ctx context.Context, t terminal) *driver.Terminal {
	return &driver.Terminal{Size: t.Size(), Resizes: t.Resizes(ctx)}
}
