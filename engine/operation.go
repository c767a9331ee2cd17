package engine

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"sync"
	"time"

	"github.com/servicepack/svp/engine/plan"
)

// operationMargin is how long after its time limit an operation may still be
// cleaning up, or taking back what it did.
const operationMargin = revertTimeout + 2*cleanupTimeout

// newOperation identifies what is being done. It ends with the context, or with
// its process.
func (e *Engine) newOperation(ctx context.Context, limit time.Duration) (plan.Operation, error) {
	id, err := e.randomID()
	if err != nil {
		return plan.Operation{}, err
	}
	if limit <= 0 {
		limit = DefaultTimeout
	}
	operation := plan.Operation{ID: id, Owner: thisProcess().String(), Deadline: e.now().Add(limit + operationMargin)}
	context.AfterFunc(ctx, func() { e.finished.add(operation, e.now()) })
	return operation, nil
}

// finished are operations that have ended while their process goes on, as that of
// a broker does. The zero value holds none.
type finished struct {
	mu        sync.Mutex
	deadlines map[string]time.Time
}

// maxFinished is how many are kept before those are forgotten that are over in any
// case.
const maxFinished = 1000

func (f *finished) add(operation plan.Operation, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.deadlines == nil {
		f.deadlines = map[string]time.Time{}
	}
	if len(f.deadlines) >= maxFinished {
		maps.DeleteFunc(f.deadlines, func(_ string, deadline time.Time) bool { return now.After(deadline) })
	}
	f.deadlines[operation.ID] = operation.Deadline
}

func (f *finished) has(id string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, ended := f.deadlines[id]
	return ended
}

// randomID is 12 hexadecimal digits.
func (e *Engine) randomID() (string, error) {
	var id [6]byte
	if _, err := io.ReadFull(e.config.Random, id[:]); err != nil {
		return "", fmt.Errorf("make a random id: %w", err)
	}
	return hex.EncodeToString(id[:]), nil
}

// ended tells that nobody works on the operation any more: it has ended in this
// process, or its process is gone, or, where that cannot be seen because it ran on
// another machine, its time is up.
func (e *Engine) ended(operation plan.Operation) bool {
	return e.finished.has(operation.ID) || e.ownerIsGone(operation)
}

func (e *Engine) ownerIsGone(operation plan.Operation) bool {
	owner, err := parseProcess(operation.Owner)
	switch {
	case err == nil && owner.machine == machine():
		return !owner.runs()
	case err == nil && startedAnew(machine(), owner.machine):
		return true
	}
	return e.now().After(operation.Deadline)
}
