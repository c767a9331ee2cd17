package integration

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"github.com/servicepack/svp/engine/broker/store"
	"github.com/servicepack/svp/engine/broker/store/storetest"
)

// The store of several brokers, on a PostgreSQL that svp itself brings up.
func TestBrokerStore(t *testing.T) {
	t.Parallel()
	name := newName(t)
	env := up(t, "postgresql", name).Env(t)
	svp(t, "extra", name, "admin", "-c", "ALTER ROLE app CREATEDB").Require(t, 0)
	databases := &databases{url: env["DATABASE_URL"]}
	fixture := storetest.Fixture{Location: databases.location, Shared: true, Raw: databases.open}

	t.Run("contract", func(t *testing.T) { storetest.Run(t, fixture) })
	t.Run("lost connections", func(t *testing.T) { testLostConnections(t, fixture) })
	t.Run("a broker dies while another waits", func(t *testing.T) { testHolderDies(t, fixture) })
}

// databases makes a database for each test, which is gone with the instance.
type databases struct {
	url   string
	count atomic.Int32
}

func (d *databases) location(t testing.TB) string {
	t.Helper()
	name := fmt.Sprint("store_", d.count.Add(1))
	if _, err := d.open(t, d.url).ExecContext(t.Context(), `CREATE DATABASE `+name); err != nil {
		t.Fatal(err)
	}
	location, err := url.Parse(d.url)
	if err != nil {
		t.Fatal(err)
	}
	location.Path = "/" + name
	return location.String()
}

func (d *databases) open(t testing.TB, location string) *sql.DB {
	t.Helper()
	raw, err := sql.Open("pgx", location)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = raw.Close() })
	return raw
}

// others are the connections to a database besides the one that asks.
const others = ` FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`

func testLostConnections(t *testing.T, f storetest.Fixture) {
	location := f.Location(t)
	raw, s := f.Raw(t, location), storetest.Open(t, location, storetest.NewKey(t))
	cut := func() {
		t.Helper()
		if _, err := raw.ExecContext(t.Context(), `SELECT pg_terminate_backend(pid)`+others); err != nil {
			t.Fatal(err)
		}
	}
	put := func(meanwhile func()) error {
		return s.Transact(t.Context(), "i", false, func(tx *store.Tx) error {
			if err := tx.PutInstance(t.Context(), &store.Instance{ID: "i"}); err != nil {
				return err
			}
			meanwhile()
			return tx.PutOperation(t.Context(), &store.Operation{ID: "o", InstanceID: "i", State: store.InProgress})
		})
	}
	if err := put(cut); err == nil {
		t.Error("a transaction whose connection was lost succeeded")
	}
	if all, err := s.Instances(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("kept of it: %+v, %v", all, err)
	}
	cut()
	eventually(t, 20*time.Second, "the store answers again", func() bool { return s.Ping(t.Context()) == nil })
	if err := put(func() {}); err != nil {
		t.Error(err)
	}
}

// testHolderDies: what a dead broker had locked and not finished is free, as it
// was before.
func testHolderDies(t *testing.T, f storetest.Fixture) {
	location, key := f.Location(t), storetest.NewKey(t)
	raw, dying, heir := f.Raw(t, location), storetest.Open(t, location, key), storetest.Open(t, location, key)
	inside, dead := make(chan struct{}), make(chan struct{})
	ended := make(chan error, 1)
	go func() {
		ended <- dying.Transact(t.Context(), "i", false, func(tx *store.Tx) error {
			err := tx.PutInstance(t.Context(), &store.Instance{ID: "i"})
			close(inside)
			<-dead
			return err
		})
	}()
	<-inside
	waited := make(chan error, 1)
	go func() {
		waited <- heir.Transact(t.Context(), "i", false, func(tx *store.Tx) error {
			found, err := tx.Instance(t.Context())
			if found != nil {
				err = errors.Join(err, fmt.Errorf("half a transaction is there: %+v", found))
			}
			return err
		})
	}()
	eventually(t, 20*time.Second, "the heir waits for the lock", func() bool { return count(t, raw, `SELECT count(*)`+others+` AND wait_event = 'advisory'`) == 1 })
	select {
	case err := <-waited:
		t.Fatalf("the heir did not wait: %v", err)
	default:
	}
	count(t, raw, `SELECT count(pg_terminate_backend(pid))`+others+` AND state = 'idle in transaction'`)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	select {
	case err := <-waited:
		if err != nil {
			t.Error(err)
		}
	case <-ctx.Done():
		t.Error("the heir still waits for the dead broker")
	}
	close(dead)
	if err := <-ended; err == nil {
		t.Error("the dead broker's transaction succeeded")
	}
}

func count(t *testing.T, raw *sql.DB, query string) (n int) {
	t.Helper()
	if err := raw.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}
