package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
)

// backend is what SQLite and PostgreSQL do differently.
type backend interface {
	// begin starts a transaction that can write, takes the locks, in the order
	// given, until it ends, and tells the time after that, in microseconds.
	begin(ctx context.Context, locks []lock) (*sql.Tx, int64, error)
	// view starts a transaction that reads one state of everything.
	view(ctx context.Context) (*sql.Tx, error)
	// spell replaces the words in a statement that the dialects differ in: BYTES,
	// and SKIP_LOCKED after a SELECT whose rows are to be deleted.
	spell(statement string) string
	ping(ctx context.Context) error
	close() error
}

// lock is held by one transaction of all brokers at a time, or shared by several.
type lock struct {
	key    int64
	shared bool
}

// What locks are on, besides instances.
const (
	lockSchema    = "schema"
	lockInstances = "instances"
	lockPool      = "pool"
)

func lockAlone(parts ...string) lock { return lock{key: lockKey(parts)} }

func lockShared(parts ...string) lock { return lock{key: lockKey(parts), shared: true} }

// lockKey spreads the names over the numbers that PostgreSQL locks by. Two that
// meet by chance wait for each other, and that is all.
func lockKey(parts []string) int64 {
	hash := sha256.New()
	hash.Write([]byte("svp broker"))
	for _, part := range parts {
		hash.Write([]byte{0})
		hash.Write([]byte(part))
	}
	return int64(binary.BigEndian.Uint64(hash.Sum(nil))) //nolint:gosec // any 64 bits will do
}
