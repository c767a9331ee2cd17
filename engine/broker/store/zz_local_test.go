//go:build dlocal

package store_test

import (
	"database/sql"
	"fmt"
	"os"
	"sync/atomic"
	"testing"

	"github.com/servicepack/svp/engine/broker/store"
	"github.com/servicepack/svp/engine/broker/store/storetest"
)

var number atomic.Int32

func localPostgres(t testing.TB) storetest.Fixture {
	return storetest.Fixture{
		Shared: true,
		Location: func(t testing.TB) string {
			name := fmt.Sprintf("t%d_%d", os.Getpid(), number.Add(1))
			admin, _ := sql.Open("pgx", "postgres://svp@127.0.0.1:54329/postgres")
			if _, err := admin.Exec("create database " + name); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { admin.Exec("drop database " + name + " with (force)"); admin.Close() })
			return "postgres://svp@127.0.0.1:54329/" + name
		},
		Raw: func(t testing.TB, location string) *sql.DB {
			raw, err := sql.Open("pgx", location)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { raw.Close() })
			return raw
		},
	}
}
func TestPG(t *testing.T) { storetest.Run(t, localPostgres(t)) }

func BenchmarkPG(b *testing.B) {
	f := localPostgres(b)
	s := storetest.Open(b, f.Location(b), storetest.NewKey(b))
	n := 0
	for b.Loop() {
		id := fmt.Sprint(n)
		n++
		err := s.Transact(b.Context(), id, false, func(tx *store.Tx) error {
			if err := tx.PutInstance(b.Context(), &store.Instance{ID: id, Parameters: []byte(`{"a":1}`)}); err != nil {
				return err
			}
			return tx.PutOperation(b.Context(), &store.Operation{ID: id, InstanceID: id, Request: []byte(`{"a":1}`), State: store.InProgress})
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

func TestLost(t *testing.T) {
	f := localPostgres(t)
	location := f.Location(t)
	s := storetest.Open(t, location, storetest.NewKey(t))
	raw := f.Raw(t, location)
	kill := func() {
		raw.Exec("select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = current_database()")
	}
	for i := range 5 {
		kill()
		t.Log(i, s.Ping(t.Context()))
		kill()
		t.Log(i, s.Transact(t.Context(), "i", false, func(tx *store.Tx) error { return nil }))
		t.Log(i, s.Transact(t.Context(), "i", false, func(tx *store.Tx) error {
			err := tx.PutInstance(t.Context(), &store.Instance{ID: "i"})
			kill()
			return err
		}))
		all, err := s.Instances(t.Context())
		t.Log(all, err)
	}
}
