package broker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/servicepack/svp/engine"
	"github.com/servicepack/svp/engine/broker/osb"
	"github.com/servicepack/svp/engine/broker/store"
)

// request is what an operation was asked for, and what another broker needs to
// carry it on.
type request struct {
	// Folder is the pack's, at the time of the request.
	Folder     string            `json:"folder,omitempty"`
	PlanID     string            `json:"plan_id,omitempty"`
	Plan       string            `json:"plan,omitempty"`
	Parameters map[string]string `json:"parameters,omitempty"`
	// Given are all parameters that the instance has after an update, as they were
	// sent.
	Given       json.RawMessage `json:"given,omitempty"`
	SyslogDrain bool            `json:"syslog_drain,omitempty"`
	// Warm tells that the instance is one of the pool, and runs.
	Warm bool `json:"warm,omitempty"`
	// Leftover is the name of an instance that was to be made before, and failed:
	// of which something may be left.
	Leftover string `json:"leftover,omitempty"`
	// Failed tells that the instance that is removed was never there whole.
	Failed bool `json:"failed,omitempty"`
}

func encodeRequest(r request) (json.RawMessage, error) {
	text, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("record the request: %w", err)
	}
	return text, nil
}

// errClosing tells a client to try elsewhere, or later.
var errClosing = &osb.Error{Status: http.StatusServiceUnavailable, Description: "the broker is shutting down; try again"}

// begin runs the operation, which the store knows of already.
func (b *Broker) begin(operation store.Operation) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closing || b.running[operation.ID] != nil {
		return // whoever opens the store next carries it on
	}
	done := make(chan struct{})
	b.running[operation.ID] = done
	b.working.Go(func() {
		defer func() {
			b.mu.Lock()
			defer b.mu.Unlock()
			delete(b.running, operation.ID)
			close(done)
		}()
		b.carryOut(b.work, operation)
	})
}

// carryOut does what the operation is about, and records how it ended.
func (b *Broker) carryOut(work context.Context, operation store.Operation) {
	ctx, cancel := context.WithTimeout(work, b.config.Timeout)
	defer cancel()
	log := b.log.With("operation", operation.ID, "kind", operation.Kind, "instance", operation.InstanceID,
		"binding", operation.BindingID, "request", operation.RequestID)
	instance, recorded, err := b.recorded(ctx, operation)
	if err != nil {
		log.ErrorContext(ctx, "could not read an operation; it is tried again", "error", err)
		return
	}
	if !b.isOurs(recorded) {
		return // it ended, or was taken over, since it was listed
	}
	log.InfoContext(ctx, "operation begins")
	telling, told := context.WithCancel(ctx)
	b.working.Go(func() { b.tell(telling, operation, instance) })
	change, err := b.perform(ctx, recorded, instance)
	told()
	if work.Err() != nil {
		return // interrupted: it stays in progress, and is carried on
	}
	b.metrics.ended(operation, err, b.now())
	if err != nil {
		logFailure(ctx, log, err)
	} else {
		log.InfoContext(ctx, "operation succeeded", "took", b.now().Sub(operation.Started))
	}
	b.finish(work, operation, change, err)
}

// tellInterval is how often the step that an operation is at is recorded.
const tellInterval = time.Second

// tell records the step that an operation is at, for the other brokers of the
// store, which may be asked about it.
func (b *Broker) tell(ctx context.Context, operation store.Operation, instance *store.Instance) {
	if instance == nil {
		return
	}
	described := ""
	b.every(ctx, tellInterval, "record the step of an operation", func(ctx context.Context) error {
		step := b.stepOf(operation.Kind, instance)
		if step == described || step == "" {
			return nil
		}
		err := b.config.Store.Describe(ctx, operation.ID, b.owner, step)
		if err != nil && !errors.Is(err, store.ErrNotOwner) { // else it has just ended
			return err
		}
		described = step
		return nil
	})
}

// change is what an operation's success changes in the store.
type change func(ctx context.Context, tx *store.Tx) error

// hostPatience is how long an operation waits for a container host that does not
// answer, since it is restarted perhaps, and hostPause how long until it is asked
// again.
const (
	hostPatience = 30 * time.Second
	hostPause    = time.Second
)

// perform does what the operation is about. What the host ended is begun again, as
// after a crash.
func (b *Broker) perform(ctx context.Context, operation *store.Operation, instance *store.Instance) (change, error) {
	patience, cancel := context.WithTimeout(ctx, hostPatience)
	defer cancel()
	for {
		change, err := b.attempt(ctx, operation, instance)
		if !isNoHost(err) {
			return change, err
		}
		select {
		case <-patience.Done():
			return nil, err
		case <-time.After(hostPause):
		}
	}
}

func (b *Broker) attempt(ctx context.Context, operation *store.Operation, instance *store.Instance) (change, error) {
	if instance == nil {
		return nil, errors.New("the instance is gone")
	}
	var asked request
	if len(operation.Request) > 0 {
		if err := json.Unmarshal(operation.Request, &asked); err != nil {
			return nil, fmt.Errorf("read what was requested: %w", err)
		}
	}
	switch operation.Kind {
	case store.Provision:
		return b.performProvision(ctx, *operation, *instance, asked)
	case store.Update:
		return b.performUpdate(ctx, *instance, asked)
	case store.Deprovision:
		return b.performDeprovision(ctx, *instance)
	case store.Bind:
		return b.performBind(ctx, *operation, *instance, asked)
	case store.Unbind:
		return b.performUnbind(ctx, *instance, operation.BindingID)
	case restart:
		return b.performRestart(ctx, *instance)
	}
	return nil, fmt.Errorf("unknown operation %q", operation.Kind)
}

// recorded reads the operation, with what was requested, and its instance; what is
// not there is nil.
func (b *Broker) recorded(ctx context.Context, operation store.Operation) (instance *store.Instance, recorded *store.Operation, err error) {
	err = b.config.Store.View(ctx, operation.InstanceID, func(tx *store.Tx) error {
		if instance, err = tx.Instance(ctx); err != nil {
			return err
		}
		recorded, err = tx.Operation(ctx, operation.ID)
		return err
	})
	return instance, recorded, err
}

// isOurs tells whether the operation is in progress, and this broker's.
func (b *Broker) isOurs(recorded *store.Operation) bool {
	return recorded != nil && recorded.Owner == b.owner && recorded.State == store.InProgress
}

// recordAttempts bounds how often the end of an operation is recorded, a while
// apart, when the store fails. After that the operation is carried on as if the
// broker had crashed.
const (
	recordAttempts = 30
	recordPause    = time.Second
	recordTimeout  = 30 * time.Second
)

// finish records how an operation ended, unless another broker has taken it over.
func (b *Broker) finish(ctx context.Context, operation store.Operation, change change, failure error) {
	for attempt := range recordAttempts {
		err := b.record(ctx, operation, change, failure)
		if err == nil || errors.Is(err, store.ErrNotOwner) {
			return
		}
		b.log.ErrorContext(ctx, "could not record the end of an operation", "operation", operation.ID, "attempt", attempt, "error", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(recordPause):
		}
	}
}

func (b *Broker) record(ctx context.Context, operation store.Operation, change change, failure error) error {
	ctx, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	return b.config.Store.Transact(ctx, operation.InstanceID, false, func(tx *store.Tx) error {
		current, err := tx.Operation(ctx, operation.ID)
		if err != nil {
			return err
		}
		if !b.isOurs(current) {
			return store.ErrNotOwner
		}
		if failure != nil {
			current.State, current.Description = store.Failed, describeFailure(failure)
			if err := undone(ctx, tx, current); err != nil {
				return err
			}
			return tx.PutOperation(ctx, current)
		}
		current.State, current.Description = store.Succeeded, ""
		if err := change(ctx, tx); err != nil {
			return err
		}
		return tx.PutOperation(ctx, current)
	})
}

// undone records what is left of what a failed operation was to make or remove.
func undone(ctx context.Context, tx *store.Tx, operation *store.Operation) error {
	switch operation.Kind {
	case store.Provision:
		return setState(ctx, tx, store.InstanceFailed)
	case store.Deprovision:
		var asked request
		if err := json.Unmarshal(operation.Request, &asked); err == nil && asked.Failed {
			return setState(ctx, tx, store.InstanceFailed)
		}
		return setState(ctx, tx, store.InstanceReady) // it can be tried again
	case store.Bind:
		return tx.DeleteBinding(ctx, operation.BindingID)
	case store.Unbind:
		binding, err := tx.Binding(ctx, operation.BindingID)
		if err != nil || binding == nil {
			return err
		}
		binding.State = store.BindingReady
		return tx.PutBinding(ctx, binding)
	case store.Update, restart:
	}
	return nil
}

func setState(ctx context.Context, tx *store.Tx, state store.InstanceState) error {
	instance, err := tx.Instance(ctx)
	if err != nil || instance == nil {
		return err
	}
	instance.State = state
	return tx.PutInstance(ctx, instance)
}

// describeFailure tells a user of the platform what went wrong. Only svp's own
// errors are shown: they hold no secrets, and tell nothing of the broker's store.
// Their hints are for whoever has svp, and stand in the log.
func describeFailure(err error) string {
	var failed *engine.Error
	switch {
	case isNoHost(err):
		return "the container host does not answer; try again later"
	case errors.As(err, &failed):
		return failed.Error()
	case errors.Is(err, context.DeadlineExceeded):
		return "the operation took too long"
	}
	return "the broker failed; its log says why"
}

// logFailure logs what went wrong, and what an operator can do about it.
func logFailure(ctx context.Context, log *slog.Logger, err error) {
	var failed *engine.Error
	if errors.As(err, &failed) {
		log = log.With("hint", failed.Hint, "output", failed.LogFile)
	}
	log.ErrorContext(ctx, "operation failed", "error", err)
}

// pollStore is how often an operation of another broker is looked at.
const pollStore = 200 * time.Millisecond

// wait waits until an operation has ended, whoever runs it, and returns it.
func (b *Broker) wait(ctx context.Context, operation store.Operation) (*store.Operation, error) {
	for {
		b.mu.Lock()
		done := b.running[operation.ID]
		b.mu.Unlock()
		var pause <-chan time.Time
		if done == nil {
			var current *store.Operation
			err := b.config.Store.View(ctx, operation.InstanceID, func(tx *store.Tx) (err error) {
				current, err = tx.Operation(ctx, operation.ID)
				return err
			})
			if err != nil {
				return nil, err
			}
			if current == nil || current.State != store.InProgress {
				return current, nil
			}
			if b.isClosing() {
				return nil, errClosing
			}
			pause = time.After(pollStore)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-done:
		case <-pause:
		}
	}
}

func (b *Broker) isClosing() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.closing
}
