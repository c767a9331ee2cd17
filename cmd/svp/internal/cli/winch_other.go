//go:build !unix

package cli

import (
	"context"
	"os"
)

// windowChanges never ticks: this system does not tell.
func windowChanges(ctx context.Context) <-chan os.Signal {
	signals := make(chan os.Signal)
	context.AfterFunc(ctx, func() { close(signals) })
	return signals
}
