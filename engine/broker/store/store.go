package store

import (
	"context"
	"errors"
	"time"
)

// Store is an open store. It is safe for concurrent use.
//
// Calls should have a context with a deadline: a network that swallows packets is
// otherwise noticed late. After an error of the connection the next call connects
// again.
type Store struct{}

var errPending = errors.New("pending")

// Open opens a SQLite file, or PostgreSQL for postgres:// and postgresql:// URLs,
// and brings the schema up to date; several brokers may do so at once. A SQLite
// file can be open once only (ErrLocked), and a store with one key only
// (ErrWrongKey).
func Open(ctx context.Context, location string, key Key) (*Store, error) { return nil, errPending }

// Close ends all use of the store.
func (s *Store) Close() error { return errPending }

// Ping tells whether the store answers.
func (s *Store) Ping(ctx context.Context) error { return errPending }

// Transact gives do access to one instance, which need not exist. Meanwhile no
// other transaction on it runs, in any broker; with exclusive no other one at
// all, which counting needs. All that do wrote is kept when it returns nil, and
// nothing otherwise. do must be short, and use nothing but its Tx of the store.
func (s *Store) Transact(ctx context.Context, instanceID string, exclusive bool, do func(*Tx) error) error {
	return errPending
}

// View gives do a consistent look at one instance, without waiting for anybody.
// It may have changed by the time that View returns, and nothing can be written.
func (s *Store) View(ctx context.Context, instanceID string, do func(*Tx) error) error {
	return errPending
}

// Instances lists all instances, the oldest first, without their parameters.
func (s *Store) Instances(ctx context.Context) ([]Instance, error) { return nil, errPending }

// Operations lists the operations of an instance and its bindings, the latest
// first, without their requests.
func (s *Store) Operations(ctx context.Context, instanceID string, limit int) ([]Operation, error) {
	return nil, errPending
}

// Describe says which step an operation is at. ErrNotOwner when it has ended, or
// is another broker's.
func (s *Store) Describe(ctx context.Context, operationID, owner, description string) error {
	return errPending
}

// Beat tells the other brokers that owner is alive. A broker beats once before it
// begins its first operation, or another may take that over.
func (s *Store) Beat(ctx context.Context, owner string) error { return errPending }

// Retire tells that owner works on nothing any more.
func (s *Store) Retire(ctx context.Context, owner string) error { return errPending }

// Owners lists the brokers that have beaten within patience.
func (s *Store) Owners(ctx context.Context, patience time.Duration) ([]string, error) {
	return nil, errPending
}

// Abandoned lists the operations in progress, without their requests, whose
// owners have not beaten within patience, or have retired. Of a SQLite store
// these are at once all those that an earlier process began.
func (s *Store) Abandoned(ctx context.Context, patience time.Duration) ([]Operation, error) {
	return nil, errPending
}

// TakeOver gives an operation in progress a new owner, if it still has the old
// one: of several brokers that try, one is told true.
func (s *Store) TakeOver(ctx context.Context, operationID, from, to string) (bool, error) {
	return false, errPending
}

// AddPooled adds an instance to the warm pool, unless limit of the same service,
// plan and digest are in it already, ready or not; it tells whether it did.
func (s *Store) AddPooled(ctx context.Context, pooled Pooled, limit int) (bool, error) {
	return false, errPending
}

// ReadyPooled marks an instance of the pool as ready to be handed out. ErrNotOwner
// when it is not in the pool any more, or another broker's: then it must go.
func (s *Store) ReadyPooled(ctx context.Context, name, owner string) error { return errPending }

// Pool lists the warm pool, the oldest first.
func (s *Store) Pool(ctx context.Context) ([]Pooled, error) { return nil, errPending }

// DeletePooled takes an instance out of the pool, and tells whether it was in it:
// of several that try, or that want to hand it out, one gets it.
func (s *Store) DeletePooled(ctx context.Context, name string) (bool, error) {
	return false, errPending
}

// Prune forgets operations that ended longer than keep ago, except the last one
// of each instance and each binding that exists, and brokers that are long gone.
func (s *Store) Prune(ctx context.Context, keep time.Duration) error { return errPending }
