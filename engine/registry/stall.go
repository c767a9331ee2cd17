package registry

import (
	"context"
	"fmt"
	"io"
	"time"
)

// watchdog ends a context when nothing moves for too long.
type watchdog struct {
	patience time.Duration
	timer    *time.Timer
	stop     func()
}

func watch(ctx context.Context, patience time.Duration) (context.Context, *watchdog) {
	ctx, cancel := context.WithCancelCause(ctx)
	w := &watchdog{patience: patience}
	w.timer = time.AfterFunc(patience, func() {
		cancel(fmt.Errorf("%w: nothing has moved for %v", ErrTimeout, patience))
	})
	w.stop = func() { w.timer.Stop(); cancel(nil) }
	return ctx, w
}

// reader tells the watchdog of everything that is read.
func (w *watchdog) reader(from io.Reader) io.Reader { return &watchedReader{from: from, watchdog: w} }

// cause gives an error the cause of the context's end, where that is why.
func (w *watchdog) cause(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

type watchedReader struct {
	from     io.Reader
	watchdog *watchdog
}

func (r *watchedReader) Read(p []byte) (int, error) {
	n, err := r.from.Read(p)
	if n > 0 {
		r.watchdog.timer.Reset(r.watchdog.patience)
	}
	return n, err
}
