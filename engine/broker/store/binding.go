package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

const bindingColumns = `instance_id, id, service_id, plan_id, app_guid, bind_resource, context,
	predecessor_id, consumer, state, created, parameters, answer`

const selectBindings = `SELECT ` + bindingColumns + ` FROM broker_bindings WHERE instance_id = $1`

const upsertBinding = `INSERT INTO broker_bindings (` + bindingColumns + `)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
	ON CONFLICT (instance_id, id) DO UPDATE SET service_id = excluded.service_id, plan_id = excluded.plan_id,
		app_guid = excluded.app_guid, bind_resource = excluded.bind_resource, context = excluded.context,
		predecessor_id = excluded.predecessor_id, consumer = excluded.consumer, state = excluded.state,
		parameters = excluded.parameters, answer = excluded.answer
	RETURNING created`

func (tx *Tx) scanBinding(row scanner) (Binding, error) {
	var b Binding
	var parameters, answer []byte
	err := row.Scan(
		(*blob)(&b.InstanceID), (*blob)(&b.ID), (*blob)(&b.ServiceID), (*blob)(&b.PlanID), (*blob)(&b.AppGUID),
		(*[]byte)(&b.BindResource), (*[]byte)(&b.Context), (*blob)(&b.PredecessorID), (*blob)(&b.Consumer),
		&b.State, (*moment)(&b.Created), &parameters, &answer)
	if err != nil {
		return Binding{}, err
	}
	b.Parameters, err = tx.store.sealer.open(parameters, "binding", "parameters", b.InstanceID, b.ID)
	if err != nil {
		return Binding{}, err
	}
	b.Answer, err = tx.store.sealer.open(answer, "binding", "answer", b.InstanceID, b.ID)
	return b, err
}

// Binding returns a binding of the instance, or nil.
func (tx *Tx) Binding(ctx context.Context, id string) (*Binding, error) {
	binding, err := tx.scanBinding(tx.sql.QueryRowContext(ctx, selectBindings+` AND id = $2`, blob(tx.instanceID), blob(id)))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil //nolint:nilnil // absence is no error, and no binding
	}
	if err != nil {
		return nil, fmt.Errorf("read binding %q: %w", id, err)
	}
	return &binding, nil
}

// Bindings lists the bindings of the instance, the oldest first.
func (tx *Tx) Bindings(ctx context.Context) ([]Binding, error) {
	all, err := list(ctx, tx.sql, tx.scanBinding, selectBindings+` ORDER BY created, id`, blob(tx.instanceID))
	if err != nil {
		return nil, fmt.Errorf("list the bindings of instance %q: %w", tx.instanceID, err)
	}
	return all, nil
}

// PutBinding inserts or replaces a binding of the instance, which must exist, and
// sets its time.
func (tx *Tx) PutBinding(ctx context.Context, binding *Binding) error {
	if err := tx.mine(binding.InstanceID); err != nil {
		return fmt.Errorf("keep binding %q: %w", binding.ID, err)
	}
	sealer := tx.store.sealer
	var created int64
	err := tx.sql.QueryRowContext(ctx, upsertBinding,
		blob(binding.InstanceID), blob(binding.ID), blob(binding.ServiceID), blob(binding.PlanID), blob(binding.AppGUID),
		nullable(binding.BindResource), nullable(binding.Context), blob(binding.PredecessorID), blob(binding.Consumer),
		string(binding.State), tx.now,
		nullable(sealer.seal(binding.Parameters, "binding", "parameters", binding.InstanceID, binding.ID)),
		nullable(sealer.seal(binding.Answer, "binding", "answer", binding.InstanceID, binding.ID)),
	).Scan(&created)
	if err != nil {
		return fmt.Errorf("keep binding %q: %w", binding.ID, err)
	}
	binding.Created = timeOf(created)
	return nil
}

// DeleteBinding deletes a binding of the instance, if it is there.
func (tx *Tx) DeleteBinding(ctx context.Context, id string) error {
	_, err := tx.sql.ExecContext(ctx, `DELETE FROM broker_bindings WHERE instance_id = $1 AND id = $2`,
		blob(tx.instanceID), blob(id))
	if err != nil {
		return fmt.Errorf("delete binding %q: %w", id, err)
	}
	return nil
}
