package integration

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/servicepack/svp/integration/svptest"
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

// testBindBesideARestart binds while PgBouncer is started again, which both write the
// list of users: the bind first, and PgBouncer listens after it.
func testBindBesideARestart(t *testing.T, i *serviceInstance) {
	untilReleased, release := io.Pipe()
	holder := suite.Start(t, svptest.Call{
		Args:  []string{"shell", i.name, "--", "bash", "-c", "exec 8> /var/lib/postgresql/bindings/.lock; flock 8; echo held; read -r"},
		Stdin: untilReleased,
	})
	eventually(t, startDeadline, "the list is kept from them", func() bool { return holder.Stdout() != "" })
	bind := suite.Start(t, svptest.Call{Args: []string{"bind", i.name, "restarted"}})
	eventually(t, startDeadline, "the bind waits for the list", func() bool {
		processes := svp(t, "shell", i.name, "--", "sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '").Stdout
		return strings.Contains(processes, "flock 8 ")
	})
	i.kill(t, "pgbouncer", func() {})
	if err := release.Close(); err != nil {
		t.Fatal(err)
	}
	holder.Wait()
	s, err := connectPostgreSQL("DATABASE_URL")(t.Context(), bind.Wait().Env(t))
	if err != nil {
		t.Fatalf("bound while PgBouncer was started again: %v", err)
	}
	s.close()
}
