package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
)

// Store is an open store. It is safe for concurrent use.
//
// Calls should have a context with a deadline: a network that swallows packets is
// otherwise noticed late. After an error of the connection the next call connects
// again.
type Store struct {
	backend backend
	sealer  *sealer
}

// Open opens a SQLite file, or PostgreSQL for postgres:// and postgresql:// URLs,
// and brings the schema up to date; several brokers may do so at once. A SQLite
// file can be open once only (ErrLocked), and a store with one key only
// (ErrWrongKey).
func Open(ctx context.Context, location string, key Key) (*Store, error) {
	sealer, err := newSealer(key)
	if err != nil {
		return nil, fmt.Errorf("open the store: %w", err)
	}
	opened := &Store{sealer: sealer}
	alone := false
	if strings.HasPrefix(location, "postgres://") || strings.HasPrefix(location, "postgresql://") {
		opened.backend, err = openBackend(openPostgres(ctx, location))
		location = "in PostgreSQL"
	} else {
		opened.backend, err = openBackend(openSQLite(ctx, location))
		alone = true
	}
	if err != nil {
		return nil, fmt.Errorf("open the store %s: %w", location, err)
	}
	err = opened.prepare(ctx)
	if err == nil && alone {
		err = opened.retireAll(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the store %s: %w", location, err), opened.Close())
	}
	return opened, nil
}

// openBackend keeps a nil pointer from becoming an interface that is not nil.
func openBackend[B backend](opened B, err error) (backend, error) {
	if err != nil {
		return nil, err
	}
	return opened, nil
}

// Close ends all use of the store.
func (s *Store) Close() error {
	if err := s.backend.close(); err != nil {
		return fmt.Errorf("close the store: %w", err)
	}
	return nil
}

// Ping tells whether the store answers.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.backend.ping(ctx); err != nil {
		return fmt.Errorf("ask the store: %w", err)
	}
	return nil
}

// Transact gives do access to one instance, which need not exist. Meanwhile no
// other transaction on it runs, in any broker; with exclusive no other one at
// all, which counting needs. All that do wrote is kept when it returns nil, and
// nothing otherwise. do must be short, and use nothing but its Tx of the store.
func (s *Store) Transact(ctx context.Context, instanceID string, exclusive bool, do func(*Tx) error) error {
	// In this order always, so that no two wait for each other.
	locks := []lock{lockShared(lockInstances), lockAlone(lockInstances, instanceID)}
	if exclusive {
		locks = []lock{lockAlone(lockInstances)}
	}
	return s.change(ctx, locks, func(tx *sql.Tx, now int64) error {
		return do(&Tx{store: s, sql: tx, instanceID: instanceID, exclusive: exclusive, now: now})
	})
}

// View gives do a consistent look at one instance, without waiting for anybody.
// It may have changed by the time that View returns, and nothing can be written.
func (s *Store) View(ctx context.Context, instanceID string, do func(*Tx) error) error {
	return s.look(ctx, func(tx *sql.Tx) error {
		return do(&Tx{store: s, sql: tx, instanceID: instanceID})
	})
}

// change runs do in a transaction with the locks. What do returns is returned as
// it is.
func (s *Store) change(ctx context.Context, locks []lock, do func(tx *sql.Tx, now int64) error) error {
	tx, now, err := s.backend.begin(ctx, locks)
	if err != nil {
		return fmt.Errorf("begin to change the store: %w", err)
	}
	// Also when do panics. After a commit it does nothing.
	defer func() { _ = tx.Rollback() }()
	if err := do(tx, now); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("keep what was changed in the store: %w", err)
	}
	return nil
}

// look runs do in a transaction that only reads.
func (s *Store) look(ctx context.Context, do func(*sql.Tx) error) error {
	tx, err := s.backend.view(ctx)
	if err != nil {
		return fmt.Errorf("begin to read the store: %w", err)
	}
	defer func() { _ = tx.Rollback() }()
	return do(tx)
}
