package packtest

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"sync"
	"time"

	"github.com/servicepack/svp/engine"
)

// watchLoop prints the arguments of all processes of a container again and again,
// until its input ends: those of a script are only there for some milliseconds.
// With several files, head puts a line with its name before each.
const watchLoop = `while :; do
	head -c 65536 /proc/[0-9]*/cmdline
	sleep 0.005
done 2>/dev/null &
watcher=$!
read -r end
kill "$watcher"`

// watch holds the argument lists that were seen. The zero value has seen none.
type watch struct {
	mu   sync.Mutex
	seen map[string]bool // arguments, each ended by a zero byte
}

func (w *watch) add(arguments []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.seen == nil {
		w.seen = map[string]bool{}
	}
	w.seen[string(arguments)] = true
}

// read takes what watchLoop prints, to its end.
func (w *watch) read(from io.Reader) {
	sections := bufio.NewScanner(from)
	sections.Buffer(nil, largestOutput)
	sections.Split(splitSections)
	for sections.Scan() {
		if _, arguments, ok := bytes.Cut(sections.Bytes(), []byte(" <==\n")); ok {
			w.add(bytes.TrimSuffix(arguments, []byte("\n")))
		}
	}
	_, _ = io.Copy(io.Discard, from) // of a scan that gave up, so that nobody waits for it
}

// splitSections is a bufio.SplitFunc that cuts before head's lines with names.
func splitSections(data []byte, atEOF bool) (advance int, token []byte, err error) {
	const mark = "==> /proc/"
	if i := bytes.Index(data[min(1, len(data)):], []byte(mark)); i >= 0 {
		return i + 1, data[:i+1], nil
	}
	if atEOF && len(data) > 0 {
		return len(data), data, nil
	}
	return 0, nil, nil
}

// leak names a program that has a secret among its arguments, or nothing.
func (w *watch) leak(s *search) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	for arguments := range w.seen {
		if s.in([]byte(arguments)) {
			program, _, _ := bytes.Cut([]byte(arguments), []byte{0})
			return string(program)
		}
	}
	return ""
}

// watcher looks at the arguments in one container.
type watcher struct {
	engine  Engine
	target  engine.Target
	seen    *watch
	started chan struct{} // closed when it looks
	once    sync.Once
	end     func() // ends it, and waits until it has ended
}

// watchInterval is how soon a container is looked for again that is not there yet.
const watchInterval = 10 * time.Millisecond

// begin watches a container, as soon and as often as it runs, until it is to end.
func (w *watch) begin(ctx context.Context, e Engine, target engine.Target) *watcher {
	watching, cancel := context.WithCancel(ctx)
	begun := &watcher{engine: e, target: target, seen: w, started: make(chan struct{})}
	var group sync.WaitGroup
	group.Go(func() {
		ticker := time.NewTicker(watchInterval)
		defer ticker.Stop()
		for watching.Err() == nil {
			begun.run(ctx, watching)
			select {
			case <-watching.Done():
			case <-ticker.C:
			}
		}
	})
	begun.end = func() {
		cancel()
		group.Wait()
	}
	return begun
}

// run watches the container until the context watching ends, or the container.
func (w *watcher) run(ctx, watching context.Context) {
	input, stop := io.Pipe()
	defer input.Close()
	release := context.AfterFunc(watching, func() { _ = stop.Close() }) // never fails
	defer release()
	lines, out := io.Pipe()
	var reading sync.WaitGroup
	reading.Go(func() {
		printed := bufio.NewReader(lines)
		// From the first output of the loop on, nothing is missed.
		if _, err := printed.Peek(1); err == nil {
			w.once.Do(func() { close(w.started) })
		}
		w.seen.read(printed)
	})
	// What cannot be watched has ended, or has not begun.
	_, _ = w.engine.Shell(ctx, w.target, []string{"/bin/sh", "-c", watchLoop}, engine.Streams{In: input, Out: out, Err: io.Discard})
	_ = out.Close() // never fails
	reading.Wait()
}

// watchPatience is how long containers are waited for in which nothing can be seen.
const watchPatience = 5 * time.Second

// awaitStart waits until all of them look: what ends before would not be seen.
func awaitStart(ctx context.Context, watchers []*watcher) {
	ctx, cancel := context.WithTimeout(ctx, watchPatience)
	defer cancel()
	for _, w := range watchers {
		select {
		case <-w.started:
		case <-ctx.Done():
		}
	}
}
