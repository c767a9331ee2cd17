package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

const operationColumns = `id, instance_id, binding_id, kind, state, description, owner,
	request_id, requested_by, started, updated`

const (
	selectOperations = `SELECT ` + operationColumns + ` FROM broker_operations`
	openOperations   = `SELECT ` + operationColumns + `, request FROM broker_operations WHERE instance_id = $1`
)

// inProgress is the condition of the partial index, in its words.
const inProgress = ` state = 'in progress'`

// The lock on the instance keeps two from getting one number of the sequence.
const insertOperation = `INSERT INTO broker_operations (` + operationColumns + `, request, sequence)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12,
		(SELECT coalesce(max(sequence), 0) + 1 FROM broker_operations WHERE instance_id = $2))
	ON CONFLICT (instance_id, binding_id) WHERE` + inProgress + ` DO NOTHING`

const updateOperation = `UPDATE broker_operations
	SET state = $1, description = $2, updated = $3, request = coalesce($4, request)
	WHERE id = $5 AND instance_id = $6 AND owner = $7 AND` + inProgress

// An operation is abandoned when nobody who is alive owns it.
const selectAbandoned = selectOperations + ` WHERE` + inProgress + ` AND NOT EXISTS (
		SELECT 1 FROM broker_owners
		WHERE broker_owners.owner = broker_operations.owner AND broker_owners.beat > $1)
	ORDER BY started, id`

// What exists keeps its last operation, which the platform may ask for any time.
const pruneOperations = `DELETE FROM broker_operations
	WHERE state <> 'in progress' AND updated < $1 AND NOT (
		sequence = (SELECT max(other.sequence) FROM broker_operations AS other
			WHERE other.instance_id = broker_operations.instance_id AND other.binding_id = broker_operations.binding_id)
		AND EXISTS (SELECT 1 FROM broker_instances WHERE broker_instances.id = broker_operations.instance_id)
		AND (length(binding_id) = 0 OR EXISTS (SELECT 1 FROM broker_bindings
			WHERE broker_bindings.instance_id = broker_operations.instance_id
				AND broker_bindings.id = broker_operations.binding_id)))`

// scanOperation reads the columns, and into more what follows them.
func scanOperation(row scanner, more ...any) (Operation, error) {
	var o Operation
	err := row.Scan(append([]any{
		(*blob)(&o.ID), (*blob)(&o.InstanceID), (*blob)(&o.BindingID), &o.Kind, &o.State, (*blob)(&o.Description),
		(*blob)(&o.Owner), (*blob)(&o.RequestID), (*blob)(&o.User), (*moment)(&o.Started), (*moment)(&o.Updated),
	}, more...)...)
	return o, err
}

// scanClosed leaves the request out.
func scanClosed(row scanner) (Operation, error) { return scanOperation(row) }

func (tx *Tx) scanOpen(row scanner) (Operation, error) {
	var sealed []byte
	operation, err := scanOperation(row, &sealed)
	if err != nil {
		return Operation{}, err
	}
	operation.Request, err = tx.store.sealer.open(sealed, "operation", "request", operation.ID, operation.InstanceID)
	return operation, err
}

// Operation returns an operation on the instance or a binding of it, or nil.
func (tx *Tx) Operation(ctx context.Context, id string) (*Operation, error) {
	return tx.operation(ctx, openOperations+` AND id = $2`, id)
}

// LastOperation returns the latest operation on the binding, or on the instance
// itself when bindingID is empty; nil when there was none.
func (tx *Tx) LastOperation(ctx context.Context, bindingID string) (*Operation, error) {
	return tx.operation(ctx, openOperations+` AND binding_id = $2 ORDER BY sequence DESC LIMIT 1`, bindingID)
}

func (tx *Tx) operation(ctx context.Context, query, id string) (*Operation, error) {
	operation, err := tx.scanOpen(tx.sql.QueryRowContext(ctx, query, blob(tx.instanceID), blob(id)))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil //nolint:nilnil // absence is no error, and no operation
	}
	if err != nil {
		return nil, fmt.Errorf("read an operation on instance %q: %w", tx.instanceID, err)
	}
	return &operation, nil
}

// Running lists the operations in progress on the instance and its bindings, the
// oldest first.
func (tx *Tx) Running(ctx context.Context) ([]Operation, error) {
	all, err := list(ctx, tx.sql, tx.scanOpen, openOperations+` AND`+inProgress+` ORDER BY sequence`, blob(tx.instanceID))
	if err != nil {
		return nil, fmt.Errorf("list the operations in progress on instance %q: %w", tx.instanceID, err)
	}
	return all, nil
}

// PutOperation inserts an operation, and sets its times; ErrBusy when another is
// in progress on the same instance or the same binding. Put again, it changes
// what happened to it: the state, the description, and the request unless that
// is nil. Then it is ErrNotOwner when the operation has ended, or has another
// owner than the one given: only Store.TakeOver changes that.
func (tx *Tx) PutOperation(ctx context.Context, operation *Operation) error {
	if err := tx.mine(operation.InstanceID); err != nil {
		return fmt.Errorf("keep operation %q: %w", operation.ID, err)
	}
	var started int64
	err := tx.sql.QueryRowContext(ctx, `SELECT started FROM broker_operations WHERE id = $1`, blob(operation.ID)).Scan(&started)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		started, err = tx.now, tx.insertOperation(ctx, operation)
	case err == nil:
		err = tx.updateOperation(ctx, operation)
	}
	if err != nil {
		return fmt.Errorf("keep operation %q: %w", operation.ID, err)
	}
	operation.Started, operation.Updated = timeOf(started), timeOf(tx.now)
	return nil
}

func (tx *Tx) insertOperation(ctx context.Context, o *Operation) error {
	count, err := affected(ctx, tx.sql, insertOperation,
		blob(o.ID), blob(o.InstanceID), blob(o.BindingID), string(o.Kind), string(o.State), blob(o.Description),
		blob(o.Owner), blob(o.RequestID), blob(o.User), tx.now, tx.now, nullable(tx.sealRequest(o)))
	if err == nil && count == 0 {
		return ErrBusy
	}
	return err
}

func (tx *Tx) updateOperation(ctx context.Context, o *Operation) error {
	count, err := affected(ctx, tx.sql, updateOperation,
		string(o.State), blob(o.Description), tx.now, nullable(tx.sealRequest(o)),
		blob(o.ID), blob(o.InstanceID), blob(o.Owner))
	if err == nil && count == 0 {
		return ErrNotOwner
	}
	return err
}

func (tx *Tx) sealRequest(o *Operation) []byte {
	return tx.store.sealer.seal(o.Request, "operation", "request", o.ID, o.InstanceID)
}

// Operations lists the operations of an instance and its bindings, the latest
// first, without their requests.
func (s *Store) Operations(ctx context.Context, instanceID string, limit int) (all []Operation, err error) {
	err = s.look(ctx, func(tx *sql.Tx) error {
		all, err = list(ctx, tx, scanClosed, selectOperations+` WHERE instance_id = $1 ORDER BY sequence DESC LIMIT $2`,
			blob(instanceID), limit)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list the operations of instance %q: %w", instanceID, err)
	}
	return all, nil
}

// Describe says which step an operation is at. ErrNotOwner when it has ended, or
// is another broker's.
func (s *Store) Describe(ctx context.Context, operationID, owner, description string) error {
	err := s.change(ctx, nil, func(tx *sql.Tx, now int64) error {
		count, err := affected(ctx, tx,
			`UPDATE broker_operations SET description = $1, updated = $2 WHERE id = $3 AND owner = $4 AND`+inProgress,
			blob(description), now, blob(operationID), blob(owner))
		if err == nil && count == 0 {
			return ErrNotOwner
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("describe operation %q: %w", operationID, err)
	}
	return nil
}

// Owned lists the operations in progress of an owner, without their requests.
func (s *Store) Owned(ctx context.Context, owner string) (all []Operation, err error) {
	err = s.look(ctx, func(tx *sql.Tx) error {
		all, err = list(ctx, tx, scanClosed, selectOperations+` WHERE`+inProgress+` AND owner = $1 ORDER BY started, id`, blob(owner))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list the operations of broker %q: %w", owner, err)
	}
	return all, nil
}

// Abandoned lists the operations in progress, without their requests, whose
// owners have not beaten within patience, or have retired. Of a SQLite store
// these are at once all those that an earlier process began.
func (s *Store) Abandoned(ctx context.Context, patience time.Duration) (all []Operation, err error) {
	err = s.change(ctx, nil, func(tx *sql.Tx, now int64) error {
		all, err = list(ctx, tx, scanClosed, selectAbandoned, now-patience.Microseconds())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list the abandoned operations: %w", err)
	}
	return all, nil
}

// TakeOver gives an operation in progress a new owner, if it still has the old
// one: of several brokers that try, one is told true.
func (s *Store) TakeOver(ctx context.Context, operationID, from, to string) (taken bool, err error) {
	err = s.change(ctx, nil, func(tx *sql.Tx, now int64) error {
		count, err := affected(ctx, tx,
			`UPDATE broker_operations SET owner = $1, updated = $2 WHERE id = $3 AND owner = $4 AND`+inProgress,
			blob(to), now, blob(operationID), blob(from))
		taken = count == 1
		return err
	})
	if err != nil {
		return false, fmt.Errorf("take over operation %q: %w", operationID, err)
	}
	return taken, nil
}

// Prune forgets operations that ended longer than keep ago, except the last one
// of each instance and each binding that exists, and brokers that are long gone.
func (s *Store) Prune(ctx context.Context, keep time.Duration) error {
	err := s.change(ctx, nil, func(tx *sql.Tx, now int64) error {
		before := now - keep.Microseconds()
		if _, err := tx.ExecContext(ctx, pruneOperations, before); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM broker_owners WHERE beat < $1`, before)
		return err
	})
	if err != nil {
		return fmt.Errorf("forget what is long over: %w", err)
	}
	return nil
}
