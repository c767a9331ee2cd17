package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// migrations has one file for each version of the schema, 1.sql and on. One that
// was released never changes. A newer broker may migrate while older ones still
// serve, so a migration only adds.
//
//go:embed migrations
var migrations embed.FS

// checked is sealed into every store, so that a wrong key is noticed when the
// store is opened, and not at the first secret.
const checked = "svp broker store"

// prepare brings the schema up to date and checks the key. One broker at a time
// does so.
func (s *Store) prepare(ctx context.Context) error {
	return s.change(ctx, []lock{lockAlone(lockSchema)}, func(tx *sql.Tx, _ int64) error {
		version, err := s.version(ctx, tx)
		if err != nil {
			return err
		}
		latest, err := fs.Glob(migrations, "migrations/*.sql")
		if err != nil {
			return err
		}
		if version > len(latest) {
			return fmt.Errorf("the schema has version %d, and this svp knows %d: %w", version, len(latest), ErrNewer)
		}
		for next := version + 1; next <= len(latest); next++ {
			if err := s.migrate(ctx, tx, next); err != nil {
				return fmt.Errorf("migrate to version %d: %w", next, err)
			}
		}
		return nil
	})
}

// version makes the table that the rest is found by, if it is new, and checks the
// key before anything else is touched.
func (s *Store) version(ctx context.Context, tx *sql.Tx) (version int, err error) {
	if _, err := tx.ExecContext(ctx, s.backend.spell(
		`CREATE TABLE IF NOT EXISTS broker_store (version BIGINT NOT NULL, key_check BYTES NOT NULL)`)); err != nil {
		return 0, fmt.Errorf("make the first table: %w", err)
	}
	var check []byte
	err = tx.QueryRowContext(ctx, `SELECT version, key_check FROM broker_store`).Scan(&version, &check)
	if errors.Is(err, sql.ErrNoRows) {
		_, err := tx.ExecContext(ctx, `INSERT INTO broker_store (version, key_check) VALUES (0, $1)`,
			s.sealer.seal([]byte(checked), "store"))
		return 0, err
	}
	if err != nil {
		return 0, fmt.Errorf("read the version: %w", err)
	}
	if _, err := s.sealer.open(check, "store"); err != nil {
		return 0, fmt.Errorf("check the key: %w", err)
	}
	return version, nil
}

func (s *Store) migrate(ctx context.Context, tx *sql.Tx, version int) error {
	text, err := migrations.ReadFile(fmt.Sprintf("migrations/%d.sql", version))
	if err != nil {
		return err
	}
	// A prepared statement is one statement alone.
	for statement := range strings.SplitSeq(s.backend.spell(string(text)), ";\n") {
		if strings.TrimSpace(statement) == "" {
			continue
		}
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	_, err = tx.ExecContext(ctx, `UPDATE broker_store SET version = $1`, version)
	return err
}
