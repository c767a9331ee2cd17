package integration

import (
	"context"
	"testing"
)

func TestPgBouncerBindings(t *testing.T) {
	testBindings(t, service{
		pack:      "pgbouncer",
		secret:    "POSTGRESQL_PASSWORD",
		url:       "DATABASE_URL",
		processes: []string{"postgres", "pgbouncer"},
		connect:   connectPostgreSQL("DATABASE_URL"),
		refused:   refusedByPostgreSQL,
		also: func(t *testing.T, i *serviceInstance) {
			testPooledConsumer(t, i)
			testBindBesideARestart(t, i)
		},
	})
}

// testPooledConsumer unbinds a consumer that is connected to PgBouncer in all ways:
// in both pools, with a connection to PostgreSQL behind it and without.
func testPooledConsumer(t *testing.T, i *serviceInstance) {
	c := i.bind(t, "pooled")[0]
	ctx, cancel := context.WithTimeout(t.Context(), startDeadline)
	defer cancel()
	open := func(env map[string]string, variable string, use bool) session {
		t.Helper()
		s, err := connectPostgreSQL(variable)(ctx, env)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.close)
		if use {
			if _, _, err := s.read(ctx, kept); err != nil {
				t.Fatal(err)
			}
		}
		return s
	}
	var ending, staying []session
	for _, variable := range []string{"DATABASE_URL", "DATABASE_TRANSACTION_URL"} {
		for _, use := range []bool{true, false} {
			ending = append(ending, open(c.env, variable, use))
			staying = append(staying, open(i.env, variable, use))
		}
	}

	svp(t, "unbind", i.name, c.id).Require(t, 0)
	for n, s := range ending {
		// None that waits in vain for PostgreSQL, either.
		soon, cancel := context.WithTimeout(ctx, endDeadline)
		if _, _, err := s.read(soon, kept); err == nil || soon.Err() != nil {
			t.Errorf("connection %d of an unbound consumer goes on: %v", n, err)
		}
		cancel()
	}
	for n, s := range staying {
		if _, _, err := s.read(ctx, kept); err != nil {
			t.Errorf("connection %d of the owner: %v", n, err)
		}
	}
	for _, variable := range []string{"DATABASE_URL", "DATABASE_TRANSACTION_URL"} {
		s, err := connectPostgreSQL(variable)(ctx, c.env)
		if err == nil {
			s.close()
		}
		if !refusedByPostgreSQL(err) {
			t.Errorf("an unbound consumer at %s: %v", variable, err)
		}
	}
}

// testBindBesideARestart binds while PgBouncer is away: whom it reads about before it
// is asked to, and whom after, both can log in.
func testBindBesideARestart(t *testing.T, i *serviceInstance) {
	_, pid := i.process(t, "pgbouncer")
	killOnHost(t, pid)
	c := i.bind(t, "restarted")[0]
	s, err := connectPostgreSQL("DATABASE_URL")(t.Context(), c.env)
	if err != nil {
		t.Fatalf("bound while PgBouncer was started again: %v", err)
	}
	s.close()
}
