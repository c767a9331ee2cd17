package pack

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/docker/go-units"

	"github.com/servicepack/svp/engine/envvar"
)

// Querier runs a pack's bin/query.
//
// Query asks the questions, all at the same time where it can, and returns a
// reply for each, in their order. Nothing that Query started is left running.
// Implementations are safe for concurrent use.
type Querier interface {
	Query(ctx context.Context, questions []Question) []Reply
}

// Question is a key to ask for.
type Question struct {
	Key string
	// Secrets are added to the clean environment of the query.
	Secrets envvar.Set
}

// Reply is what a question came to: an answer as it was printed, or an error. A
// script that ran and failed is reported as an *ExitError, one that took too
// long as a *TimeoutError, one that printed too much as a *LimitError, one that
// left a process behind as ErrLeftRunning; cancellation as the error of the
// context. An *UnaskedError is no fault of the pack.
type Reply struct {
	Answer []byte
	Err    error
}

// UnaskedError tells that a pack could not be asked at all.
type UnaskedError struct{ Err error }

// Error says why.
func (e *UnaskedError) Error() string { return "it could not be asked: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *UnaskedError) Unwrap() error { return e.Err }

// ErrLeftRunning is a query that ended while a process of its own, which was
// killed, kept the output open.
var ErrLeftRunning = errors.New("it ended but left a process running that keeps its output open; that was killed")

// QueryGrace is how long a query that has ended may keep its output open through
// a process that it left behind. On a busy machine the end of an output takes its
// time to be seen, too.
const QueryGrace = 2 * time.Second

// QueryMessages is how much of the end of a query's messages is kept, in bytes.
const QueryMessages = 2 << 10

// NewExitError returns the error of a query that ended with the status and wrote
// the messages, whose end is enough.
func NewExitError(status int, messages []byte) *ExitError {
	kept := &tailBuffer{limit: QueryMessages}
	_, _ = kept.Write(messages) // never fails
	return &ExitError{Status: status, Stderr: kept.lines()}
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
