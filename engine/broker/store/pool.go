package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

const pooledColumns = `name, service_id, plan_id, pack, pack_digest, ready, owner, created`

const insertPooled = `INSERT INTO broker_pool (` + pooledColumns + `) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`

// One that another transaction is about to take is passed over, not waited for.
const takePooled = `DELETE FROM broker_pool WHERE name = (
		SELECT name FROM broker_pool WHERE service_id = $1 AND plan_id = $2 AND pack_digest = $3 AND ready
		ORDER BY created, name LIMIT 1 SKIP_LOCKED)
	RETURNING ` + pooledColumns

func scanPooled(row scanner) (Pooled, error) {
	var p Pooled
	err := row.Scan((*blob)(&p.Name), (*blob)(&p.ServiceID), (*blob)(&p.PlanID), (*blob)(&p.Pack), (*blob)(&p.PackDigest),
		&p.Ready, (*blob)(&p.Owner), (*moment)(&p.Created))
	return p, err
}

// AddPooled adds an instance to the warm pool, unless limit of the same service,
// plan and digest are in it already, ready or not; it tells whether it did.
func (s *Store) AddPooled(ctx context.Context, pooled Pooled, limit int) (added bool, err error) {
	// The lock keeps two brokers from filling the last place.
	err = s.change(ctx, []lock{lockAlone(lockPool)}, func(tx *sql.Tx, now int64) error {
		var count int
		err := tx.QueryRowContext(ctx,
			`SELECT count(*) FROM broker_pool WHERE service_id = $1 AND plan_id = $2 AND pack_digest = $3`,
			blob(pooled.ServiceID), blob(pooled.PlanID), blob(pooled.PackDigest)).Scan(&count)
		if err != nil || count >= limit {
			return err
		}
		added = true
		_, err = tx.ExecContext(ctx, insertPooled, blob(pooled.Name), blob(pooled.ServiceID), blob(pooled.PlanID),
			blob(pooled.Pack), blob(pooled.PackDigest), pooled.Ready, blob(pooled.Owner), now)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("add %q to the pool: %w", pooled.Name, err)
	}
	return added, nil
}

// ReadyPooled marks an instance of the pool as ready to be handed out. ErrNotOwner
// when it is not in the pool any more, or another broker's: then it must go.
func (s *Store) ReadyPooled(ctx context.Context, name, owner string) error {
	err := s.change(ctx, nil, func(tx *sql.Tx, _ int64) error {
		count, err := affected(ctx, tx, `UPDATE broker_pool SET ready = $1 WHERE name = $2 AND owner = $3`,
			true, blob(name), blob(owner))
		if err == nil && count == 0 {
			return ErrNotOwner
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("mark %q of the pool as ready: %w", name, err)
	}
	return nil
}

// WithdrawPooled keeps a ready instance from being handed out, for owner to remove
// it: until DeletePooled the pool knows of it, as not ready. It tells whether it
// could, which it cannot when somebody was faster.
func (s *Store) WithdrawPooled(ctx context.Context, name, owner string) (withdrawn bool, err error) {
	err = s.change(ctx, nil, func(tx *sql.Tx, _ int64) error {
		count, err := affected(ctx, tx, `UPDATE broker_pool SET ready = $1, owner = $2 WHERE name = $3 AND ready`,
			false, blob(owner), blob(name))
		withdrawn = count == 1
		return err
	})
	if err != nil {
		return false, fmt.Errorf("withdraw %q from the pool: %w", name, err)
	}
	return withdrawn, nil
}

// Pool lists the warm pool, the oldest first.
func (s *Store) Pool(ctx context.Context) (all []Pooled, err error) {
	err = s.look(ctx, func(tx *sql.Tx) error {
		all, err = list(ctx, tx, scanPooled, `SELECT `+pooledColumns+` FROM broker_pool ORDER BY created, name`)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list the pool: %w", err)
	}
	return all, nil
}

// DeletePooled takes an instance out of the pool, and tells whether it was in it:
// of several that try, or that want to hand it out, one gets it.
func (s *Store) DeletePooled(ctx context.Context, name string) (deleted bool, err error) {
	err = s.change(ctx, nil, func(tx *sql.Tx, _ int64) error {
		count, err := affected(ctx, tx, `DELETE FROM broker_pool WHERE name = $1`, blob(name))
		deleted = count == 1
		return err
	})
	if err != nil {
		return false, fmt.Errorf("take %q out of the pool: %w", name, err)
	}
	return deleted, nil
}

// TakePooled takes a ready instance out of the warm pool, the oldest first; nil
// when there is none. No two transactions get the same one.
func (tx *Tx) TakePooled(ctx context.Context, serviceID, planID, packDigest string) (*Pooled, error) {
	pooled, err := scanPooled(tx.sql.QueryRowContext(ctx, tx.store.backend.spell(takePooled),
		blob(serviceID), blob(planID), blob(packDigest)))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil //nolint:nilnil // an empty pool is no error, and no instance
	}
	if err != nil {
		return nil, fmt.Errorf("take an instance out of the pool: %w", err)
	}
	return &pooled, nil
}
