package pack

import (
	"context"
	"time"
)

// Limits of one query, and of a pack, unless an Option says otherwise.
const (
	DefaultQueryTimeout = 10 * time.Second
	DefaultQueryLimit   = 64 << 10
	DefaultSizeLimit    = 512 << 20
	DefaultEntryLimit   = 20000
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
