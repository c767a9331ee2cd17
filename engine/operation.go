package engine

import (
	"encoding/hex"
	"fmt"
	"io"
	"time"

	"github.com/servicepack/svp/engine/plan"
)

// operationMargin is how long after its time limit an operation may still be
// cleaning up, or taking back what it did.
const operationMargin = revertTimeout + 2*cleanupTimeout

// newOperation identifies the running command.
func (e *Engine) newOperation(limit time.Duration) (plan.Operation, error) {
	id, err := e.randomID()
	if err != nil {
		return plan.Operation{}, err
	}
	if limit <= 0 {
		limit = DefaultTimeout
	}
	return plan.Operation{
		ID: id, Owner: thisProcess().String(), Deadline: e.now().Add(limit + operationMargin),
	}, nil
}

// randomID is 12 hexadecimal digits.
func (e *Engine) randomID() (string, error) {
	var id [6]byte
	if _, err := io.ReadFull(e.config.Random, id[:]); err != nil {
		return "", fmt.Errorf("make a random id: %w", err)
	}
	return hex.EncodeToString(id[:]), nil
}

// ended tells that nobody works on the operation any more: its time is up, which
// is all that can be seen of another machine's and matters for a broker, which
// lives for long; or its process is gone.
func (e *Engine) ended(operation plan.Operation) bool {
	if e.now().After(operation.Deadline) {
		return true
	}
	owner, err := parseProcess(operation.Owner)
	if err != nil {
		return false
	}
	if owner.machine == machine() {
		return !owner.runs()
	}
	return startedAnew(machine(), owner.machine)
}
