package storetest

import (
	"bytes"
	"database/sql"
	"strings"
	"testing"

	"github.com/servicepack/svp/engine/broker/store"
)

// sealedColumns has every table, and the columns in it that are sealed.
var sealedColumns = map[string][]string{
	"broker_instances":  {"parameters"},
	"broker_bindings":   {"parameters", "answer"},
	"broker_operations": {"request"},
	"broker_pool":       nil,
	"broker_owners":     nil,
	"broker_store":      {"key_check"},
}

func fill(t *testing.T, s *store.Store, ids ...string) {
	t.Helper()
	for _, id := range ids {
		putInstance(t, s, fullInstance(id))
		putBinding(t, s, fullBinding(id, "b"))
		mustPutOperation(t, s, fullOperation(id, "", "o-"+id))
	}
}

func secretsAreSealed(t *testing.T, f Fixture) {
	location := f.Location(t)
	fill(t, Open(t, location, NewKey(t)), "i")
	var everything []byte
	for table := range sealedColumns {
		everything = append(everything, dump(t, f.Raw(t, location), table)...)
	}
	for _, secret := range []string{"parameter-secret", "credential-secret", "request-secret", "password"} {
		if bytes.Contains(everything, []byte(secret)) {
			t.Errorf("%s is there in clear text", secret)
		}
	}
	if !bytes.Contains(everything, []byte("Organization")) {
		t.Error("and so is nothing else: the test looks at the wrong place")
	}
}

// dump returns all that a table has.
func dump(t *testing.T, raw *sql.DB, table string) (all []byte) {
	t.Helper()
	rows, err := raw.QueryContext(t.Context(), `SELECT * FROM `+table) //nolint:gosec // one of those above
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		values, contents := make([]any, len(columns)), make([]sql.RawBytes, len(columns))
		for i := range values {
			values[i] = &contents[i]
		}
		if err := rows.Scan(values...); err != nil {
			t.Fatal(err)
		}
		for _, content := range contents {
			all = append(all, content...)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

func tamperingIsNoticed(t *testing.T, f Fixture) {
	readers := map[string]func(t *testing.T, s *store.Store) error{
		"broker_instances": func(t *testing.T, s *store.Store) error {
			return s.View(t.Context(), "i", func(tx *store.Tx) error { _, err := tx.Instance(t.Context()); return err })
		},
		"broker_bindings": func(t *testing.T, s *store.Store) error {
			return s.View(t.Context(), "i", func(tx *store.Tx) error { _, err := tx.Bindings(t.Context()); return err })
		},
		"broker_operations": func(t *testing.T, s *store.Store) error {
			return s.View(t.Context(), "i", func(tx *store.Tx) error { _, err := tx.LastOperation(t.Context(), ""); return err })
		},
	}
	for table, read := range readers {
		for _, column := range sealedColumns[table] {
			t.Run(table+"."+column, func(t *testing.T) {
				location := f.Location(t)
				s := Open(t, location, NewKey(t))
				fill(t, s, "i", "j")
				if err := read(t, s); err != nil {
					t.Fatal(err)
				}
				raw, key := f.Raw(t, location), "instance_id"
				if table == "broker_instances" {
					key = "id"
				}
				own := sealed(t, raw, table, column, key, "i")
				for what, changed := range map[string][]byte{
					"a changed byte":      append(bytes.Clone(own[:len(own)-1]), own[len(own)-1]^1),
					"a lost end":          own[:len(own)-1],
					"another version":     append([]byte{own[0] + 1}, own[1:]...),
					"almost nothing":      own[:1],
					"that of another one": sealed(t, raw, table, column, key, "j"),
				} {
					replaceSealed(t, raw, table, column, key, changed)
					wantError(t, what, read(t, s), store.ErrDamaged)
				}
				foreign := bytes.Clone(own)
				foreign[1] ^= 1 // the id of the key
				replaceSealed(t, raw, table, column, key, foreign)
				wantError(t, "another key", read(t, s), store.ErrWrongKey)
				replaceSealed(t, raw, table, column, key, own)
				if err := read(t, s); err != nil {
					t.Errorf("put back: %v", err)
				}
			})
		}
	}
}

func sealed(t *testing.T, raw *sql.DB, table, column, key, id string) (content []byte) {
	t.Helper()
	err := raw.QueryRowContext(t.Context(), `SELECT `+column+` FROM `+table+` WHERE `+key+` = $1`, []byte(id)).Scan(&content)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func replaceSealed(t *testing.T, raw *sql.DB, table, column, key string, content []byte) {
	t.Helper()
	statement := `UPDATE ` + table + ` SET ` + column + ` = $1 WHERE ` + key + ` = $2` //nolint:gosec // some of those above
	if _, err := raw.ExecContext(t.Context(), statement, content, []byte("i")); err != nil {
		t.Fatal(err)
	}
}

func anotherKey(t *testing.T, f Fixture) {
	location, key := f.Location(t), NewKey(t)
	first, err := store.Open(t.Context(), location, key)
	if err != nil {
		t.Fatal(err)
	}
	fill(t, first, "i")
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = store.Open(t.Context(), location, NewKey(t))
	wantError(t, "open with another key", err, store.ErrWrongKey)
	if err != nil && !strings.Contains(err.Error(), "key file") {
		t.Errorf("%v does not say what to do", err)
	}
	if _, err := store.Open(t.Context(), location, store.Key{}); err == nil {
		t.Error("opened without a key")
	}
	if readInstance(t, Open(t, location, key), "i") == nil {
		t.Error("the instance is gone")
	}
}

func newerSchema(t *testing.T, f Fixture) {
	location, key := f.Location(t), NewKey(t)
	first, err := store.Open(t.Context(), location, key)
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Raw(t, location).ExecContext(t.Context(), `UPDATE broker_store SET version = 1000`); err != nil {
		t.Fatal(err)
	}
	_, err = store.Open(t.Context(), location, key)
	wantError(t, "open a newer store", err, store.ErrNewer)
}

// manyOpenAtOnce: either all can, or one.
func manyOpenAtOnce(t *testing.T, f Fixture) {
	const many = 8
	location, key := f.Location(t), NewKey(t)
	opened := make([]*store.Store, many)
	inParallel(many, func(n int) {
		var err error
		opened[n], err = store.Open(t.Context(), location, key)
		if f.Shared && err != nil {
			t.Error(err)
		}
		if !f.Shared && err != nil {
			wantError(t, "open what another has open", err, store.ErrLocked)
		}
	})
	count := 0
	for n, s := range opened {
		if s == nil {
			continue
		}
		count++
		putInstance(t, s, fullInstance(string(rune('a'+n))))
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if f.Shared && count != many || !f.Shared && count == 0 {
		t.Errorf("%d of %d could open it", count, many)
	}
	if all, err := Open(t, location, key).Instances(t.Context()); err != nil || len(all) != count {
		t.Errorf("%d instances, %v; want %d", len(all), err, count)
	}
}
