package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

const instanceColumns = `id, service_id, plan_id, organization_guid, space_guid, context,
	maintenance_version, name, pack, pack_digest, state, created, updated`

const selectInstances = `SELECT ` + instanceColumns + ` FROM broker_instances ORDER BY created, id`

const selectInstance = `SELECT ` + instanceColumns + `, parameters FROM broker_instances WHERE id = $1`

const upsertInstance = `INSERT INTO broker_instances (` + instanceColumns + `, parameters)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
	ON CONFLICT (id) DO UPDATE SET service_id = excluded.service_id, plan_id = excluded.plan_id,
		organization_guid = excluded.organization_guid, space_guid = excluded.space_guid,
		context = excluded.context, maintenance_version = excluded.maintenance_version,
		name = excluded.name, pack = excluded.pack, pack_digest = excluded.pack_digest,
		state = excluded.state, updated = excluded.updated, parameters = excluded.parameters
	RETURNING created`

// scanInstance reads the columns, and into more what follows them.
func scanInstance(row scanner, more ...any) (Instance, error) {
	var i Instance
	err := row.Scan(append([]any{
		(*blob)(&i.ID), (*blob)(&i.ServiceID), (*blob)(&i.PlanID), (*blob)(&i.OrganizationGUID), (*blob)(&i.SpaceGUID),
		(*[]byte)(&i.Context), (*blob)(&i.MaintenanceVersion), (*blob)(&i.Name), (*blob)(&i.Pack), (*blob)(&i.PackDigest),
		&i.State, (*moment)(&i.Created), (*moment)(&i.Updated),
	}, more...)...)
	return i, err
}

// Instances lists all instances, the oldest first, without their parameters.
func (s *Store) Instances(ctx context.Context) (all []Instance, err error) {
	err = s.look(ctx, func(tx *sql.Tx) error {
		all, err = list(ctx, tx, func(row scanner) (Instance, error) { return scanInstance(row) }, selectInstances)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list the instances: %w", err)
	}
	return all, nil
}

// Instance returns the instance, or nil.
func (tx *Tx) Instance(ctx context.Context) (*Instance, error) {
	var sealed []byte
	instance, err := scanInstance(tx.sql.QueryRowContext(ctx, selectInstance, blob(tx.instanceID)), &sealed)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil //nolint:nilnil // absence is no error, and no instance
	}
	if err == nil {
		instance.Parameters, err = tx.store.sealer.open(sealed, "instance", "parameters", tx.instanceID)
	}
	if err != nil {
		return nil, fmt.Errorf("read instance %q: %w", tx.instanceID, err)
	}
	return &instance, nil
}

// PutInstance inserts or replaces the instance, and sets its times.
func (tx *Tx) PutInstance(ctx context.Context, instance *Instance) error {
	if err := tx.mine(instance.ID); err != nil {
		return fmt.Errorf("keep an instance: %w", err)
	}
	var created int64
	err := tx.sql.QueryRowContext(ctx, upsertInstance,
		blob(instance.ID), blob(instance.ServiceID), blob(instance.PlanID), blob(instance.OrganizationGUID),
		blob(instance.SpaceGUID), nullable(instance.Context), blob(instance.MaintenanceVersion), blob(instance.Name),
		blob(instance.Pack), blob(instance.PackDigest), string(instance.State), tx.now, tx.now,
		nullable(tx.store.sealer.seal(instance.Parameters, "instance", "parameters", instance.ID)),
	).Scan(&created)
	if err != nil {
		return fmt.Errorf("keep instance %q: %w", instance.ID, err)
	}
	instance.Created, instance.Updated = timeOf(created), timeOf(tx.now)
	return nil
}

// DeleteInstance deletes the instance and its bindings, if there are any. Its
// operations stay until Prune.
func (tx *Tx) DeleteInstance(ctx context.Context) error {
	if _, err := tx.sql.ExecContext(ctx, `DELETE FROM broker_instances WHERE id = $1`, blob(tx.instanceID)); err != nil {
		return fmt.Errorf("delete instance %q: %w", tx.instanceID, err)
	}
	return nil
}
