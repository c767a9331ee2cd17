package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"time"
)

// blob is a text that is kept as bytes.
type blob string

// Value makes blob a driver.Valuer.
func (b blob) Value() (driver.Value, error) { return []byte(b), nil }

// Scan makes blob an sql.Scanner. SQLite has no bytes for an empty text.
func (b *blob) Scan(value any) error {
	switch value := value.(type) {
	case nil:
		*b = ""
	case []byte:
		*b = blob(value)
	case string:
		*b = blob(value)
	default:
		return fmt.Errorf("a column has a %T where bytes belong", value)
	}
	return nil
}

// nullable is bytes that may be missing.
func nullable(content []byte) any {
	if len(content) == 0 {
		return nil
	}
	return content
}

// moment reads a time in microseconds.
type moment time.Time

// Scan makes moment an sql.Scanner.
func (m *moment) Scan(value any) error {
	microseconds, ok := value.(int64)
	if !ok {
		return fmt.Errorf("a column has a %T where a time belongs", value)
	}
	*m = moment(timeOf(microseconds))
	return nil
}

func timeOf(microseconds int64) time.Time { return time.UnixMicro(microseconds).UTC() }

// scanner is a row that is being read: *sql.Row or *sql.Rows.
type scanner interface{ Scan(into ...any) error }

// list reads all rows of a query.
func list[T any](ctx context.Context, tx *sql.Tx, scan func(scanner) (T, error), query string, args ...any) ([]T, error) {
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}

// affected runs a statement and tells how many rows it changed.
func affected(ctx context.Context, tx *sql.Tx, statement string, args ...any) (int64, error) {
	result, err := tx.ExecContext(ctx, statement, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}
