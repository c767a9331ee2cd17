package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Beat tells the other brokers that owner is alive. A broker beats once before it
// begins its first operation, or another may take that over.
func (s *Store) Beat(ctx context.Context, owner string) error {
	err := s.change(ctx, nil, func(tx *sql.Tx, now int64) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO broker_owners (owner, beat) VALUES ($1, $2)
			ON CONFLICT (owner) DO UPDATE SET beat = excluded.beat`, blob(owner), now)
		return err
	})
	if err != nil {
		return fmt.Errorf("tell that broker %q is alive: %w", owner, err)
	}
	return nil
}

// Retire tells that owner works on nothing any more.
func (s *Store) Retire(ctx context.Context, owner string) error {
	err := s.change(ctx, nil, func(tx *sql.Tx, _ int64) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM broker_owners WHERE owner = $1`, blob(owner))
		return err
	})
	if err != nil {
		return fmt.Errorf("tell that broker %q has retired: %w", owner, err)
	}
	return nil
}

// retireAll is for a store that nobody else can have open.
func (s *Store) retireAll(ctx context.Context) error {
	return s.change(ctx, nil, func(tx *sql.Tx, _ int64) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM broker_owners`)
		return err
	})
}

// Owners lists the brokers that have beaten within patience.
func (s *Store) Owners(ctx context.Context, patience time.Duration) (all []string, err error) {
	err = s.change(ctx, nil, func(tx *sql.Tx, now int64) error {
		all, err = list(ctx, tx, func(row scanner) (owner string, err error) {
			err = row.Scan((*blob)(&owner))
			return owner, err
		}, `SELECT owner FROM broker_owners WHERE beat > $1 ORDER BY owner`, now-patience.Microseconds())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list the brokers: %w", err)
	}
	return all, nil
}
