package pack

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/docker/go-units"
)

// Querier runs a pack's bin/query.
//
// Query asks for key with env (KEY=VALUE) added to a clean environment and
// returns the answer as printed. A script that ran and failed is reported as
// an *ExitError, one that took too long as a *TimeoutError, one that printed
// too much as a *LimitError; cancellation as the error of ctx. Nothing that
// Query started is left running. Implementations are safe for concurrent use.
type Querier interface {
	Query(ctx context.Context, key string, env []string) ([]byte, error)
}

// ExitError is a query that ended with a status other than zero.
type ExitError struct {
	Status int // 128+n when signal n ended it
	// Stderr is the end of what the script wrote there, in whole lines: a
	// secret that is cut in two could not be recognised.
	Stderr string
}

// Error gives the status and the script's messages, in one line.
func (e *ExitError) Error() string {
	text := fmt.Sprintf("exit status %d", e.Status)
	if messages := strings.TrimSpace(e.Stderr); messages != "" {
		text += ": " + visible(messages)
	}
	return text
}

// TimeoutError is a query that was killed because it took too long.
type TimeoutError struct{ After time.Duration }

// Error names the limit.
func (e *TimeoutError) Error() string {
	return fmt.Sprintf("no answer within %v; it was killed", e.After)
}

// LimitError is a query that was killed because it printed too much.
type LimitError struct{ Bytes int64 }

// Error names the limit.
func (e *LimitError) Error() string {
	return fmt.Sprintf("the answer is longer than %s; it was killed", units.BytesSize(float64(e.Bytes)))
}
