package broker

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/servicepack/svp/engine"
	"github.com/servicepack/svp/engine/broker/osb"
	"github.com/servicepack/svp/engine/broker/store"
)

// answer is what a request comes to.
type answer struct {
	status int
	body   any
	// operation, when not nil, is in progress and what the answer depends on: a
	// client that can poll is told of it with 202 and pending, another waits.
	operation *store.Operation
	pending   any
	// fetch makes the answer when the operation has succeeded; nil: status and
	// body are the answer.
	fetch func(ctx context.Context) (answer, error)
	// prompt is how long a client that polls is kept waiting nevertheless, when
	// the operation is expected to end within that time.
	prompt time.Duration
	// polls tells that the client is to poll, and retryAfter how long it should
	// wait before it does.
	polls      bool
	retryAfter time.Duration
}

// errBusy refuses a request because another one is carried out.
func errBusy() *osb.Error {
	return osb.Coded(osb.ConcurrencyError, "another operation on this instance is in progress; try again when it has ended")
}

// settle turns an operation in progress into an answer: for a client that polls
// at once, for another when it has ended.
func (b *Broker) settle(ctx context.Context, a answer, async bool) (answer, error) {
	if a.operation == nil {
		return a, nil
	}
	if async && !b.endsWithin(ctx, *a.operation, a.prompt) {
		return answer{status: http.StatusAccepted, body: a.pending, polls: true, retryAfter: b.retryAfter(*a.operation)}, nil
	}
	ended, err := b.wait(ctx, *a.operation)
	if err != nil {
		return answer{}, err
	}
	if ended == nil || ended.State == store.Failed {
		return answer{}, b.failure(ctx, ended)
	}
	if a.fetch != nil {
		return a.fetch(ctx)
	}
	return answer{status: a.status, body: a.body}, nil
}

// prompt is how long handing over an instance of the pool should take at most.
const prompt = time.Second

// endsWithin waits that long for the operation.
func (b *Broker) endsWithin(ctx context.Context, operation store.Operation, limit time.Duration) bool {
	if limit == 0 {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	_, err := b.wait(ctx, operation)
	return err == nil
}

// failure is what a client that waited is told when the operation failed.
func (b *Broker) failure(ctx context.Context, ended *store.Operation) *osb.Error {
	if ended == nil {
		return osb.Errorf(http.StatusInternalServerError, "the operation failed")
	}
	told := osb.Errorf(http.StatusInternalServerError, "%s", ended.Description)
	told.InstanceUsable, told.UpdateRepeatable = b.usability(ctx, *ended)
	return told
}

// usability is what the specification lets a broker say of a failed update or
// deprovisioning (Service Broker Errors): whether the instance runs, and whether
// there is one to be updated.
func (b *Broker) usability(ctx context.Context, ended store.Operation) (usable, repeatable *bool) {
	if ended.State != store.Failed || ended.Kind != store.Update && ended.Kind != store.Deprovision {
		return nil, nil
	}
	instance, err := b.instance(ctx, ended.InstanceID)
	if err != nil {
		return nil, nil // it cannot be told
	}
	found, err := b.config.Engine.Info(ctx, instance.Name)
	exists := err == nil
	if !exists && !errors.Is(err, engine.ErrNoInstance) {
		return nil, nil
	}
	runs := exists && found.State == engine.StateRunning
	if ended.Kind == store.Deprovision {
		return &runs, nil
	}
	return &runs, &exists
}

// retryAfter is how long a client should wait: a tenth of the time that it has
// waited already, so that it learns of the end soon whether that comes after a
// second or after minutes. One that is told to come back at once is held, as
// heldPoll says.
func (b *Broker) retryAfter(operation store.Operation) time.Duration {
	// The clock of the store may be ahead.
	waited := max(0, b.now().Sub(operation.Started))
	return min(waited/10, 15*time.Second).Truncate(time.Second)
}

// heldPoll is how long a client that polls is kept waiting for the end of a young
// operation: seconds, in which Retry-After counts, are long beside it.
const heldPoll = time.Second

// holds tells whether who polls the operation is held.
func (b *Broker) holds(operation store.Operation) bool {
	return operation.State == store.InProgress && b.retryAfter(operation) == 0
}
