package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

const (
	// postgresConnections is what a broker takes of the 100 that a server has
	// unless it is told otherwise. Transactions are short.
	postgresConnections = 10
	connectTimeout      = 10 * time.Second
	connectionLife      = 30 * time.Minute
)

type postgres struct{ db *sql.DB }

func openPostgres(ctx context.Context, location string) (*postgres, error) {
	config, err := parsePostgres(location)
	if err != nil {
		return nil, err
	}
	db := stdlib.OpenDB(*config)
	db.SetMaxOpenConns(postgresConnections)
	db.SetMaxIdleConns(postgresConnections)
	db.SetConnMaxLifetime(connectionLife)
	if err := db.PingContext(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &postgres{db: db}, nil
}

// parsePostgres says nothing of the location in its errors, which may hold a
// password.
func parsePostgres(location string) (*pgx.ConnConfig, error) {
	if _, err := url.Parse(location); err != nil {
		return nil, errors.New("the address of PostgreSQL is no URL: percent-encode what is special in its user and password")
	}
	config, err := pgx.ParseConfig(location)
	if refused := (*pgconn.ParseConfigError)(nil); errors.As(err, &refused) {
		return nil, fmt.Errorf("the address of PostgreSQL is refused: %w", refused.Unwrap())
	}
	if err != nil {
		return nil, errors.New("the address of PostgreSQL is refused")
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectTimeout
	}
	return config, nil
}

// begin takes advisory locks, which end with the transaction. The transaction
// must not be a serializable one: its look at the data would be from before the
// locks.
func (p *postgres) begin(ctx context.Context, locks []lock) (*sql.Tx, int64, error) {
	tx, err := p.db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		return nil, 0, err
	}
	// All in one round trip. A broker whose machine is gone must not keep the
	// others waiting.
	query := strings.Builder{}
	query.WriteString(`SELECT set_config('idle_in_transaction_session_timeout', '30000', true)`)
	keys := make([]any, len(locks))
	for i, lock := range locks {
		function := "pg_advisory_xact_lock"
		if lock.shared {
			function = "pg_advisory_xact_lock_shared"
		}
		fmt.Fprintf(&query, `||%s($%d)::text`, function, i+1)
		keys[i] = lock.key
	}
	query.WriteString(`, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint`)
	var unused string
	var now int64
	if err := tx.QueryRowContext(ctx, query.String(), keys...).Scan(&unused, &now); err != nil {
		return nil, 0, errors.Join(err, tx.Rollback())
	}
	return tx, now, nil
}

func (p *postgres) view(ctx context.Context) (*sql.Tx, error) {
	return p.db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
}

func (p *postgres) spell(statement string) string {
	return strings.NewReplacer("BYTES", "BYTEA", "SKIP_LOCKED", "FOR UPDATE SKIP LOCKED").Replace(statement)
}

func (p *postgres) ping(ctx context.Context) error {
	var version int
	return p.db.QueryRowContext(ctx, `SELECT version FROM broker_store`).Scan(&version)
}

func (p *postgres) close() error { return p.db.Close() }
