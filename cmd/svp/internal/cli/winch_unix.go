//go:build unix

package cli

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// windowChanges ticks whenever the terminal changed its size, until the
// context ends.
func windowChanges(ctx context.Context) <-chan os.Signal {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGWINCH)
	context.AfterFunc(ctx, func() {
		signal.Stop(signals)
		close(signals)
	})
	return signals
}
