package integration

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

func TestPostgreSQL(t *testing.T) {
	testService(t, service{
		pack:          "postgresql",
		secret:        "POSTGRESQL_PASSWORD",
		url:           "DATABASE_URL",
		uninvited:     []string{"postgresql://app@%s:5432/app", "postgresql://postgres@%s:5432/postgres"},
		textPasswords: true,
		processes:     []string{"postgres"},
		client:        psql,
		extra:         postgresqlCommands,
		connect:       connectPostgreSQL("DATABASE_URL"),
		refused:       refusedByPostgreSQL,
	})
}

var psql = clientUse{
	program: "psql",
	args:    []string{"-tAc", "select 6 * 7"}, wantArgs: "42\n",
	stdin: "select 'from ' || 'a pipe';\n", wantStdin: "from a pipe",
	failing: []string{"-c", "select nonsense"}, wantStatus: 1,
}

var postgresqlCommands = map[string]extraUse{
	"stats":      {want: "size"},
	"tables":     {want: "notes"},
	"activity":   {want: "pid"},
	"locks":      {want: "waits_for_pids"},
	"cancel":     {test: testCancel},
	"sample":     {},
	"vacuum":     {},
	"schema":     {want: "CREATE TABLE public.notes"},
	"extensions": {want: "hstore"},
	"extension":  {args: []string{"pg_stat_statements"}},
	"admin":      {args: []string{"-tAc", "select usesuper from pg_user where usename = current_user"}, want: "t\n"},
}

// postgresqlSession keeps the values in a table.
type postgresqlSession struct{ conn *pgx.Conn }

func connectPostgreSQL(variable string) func(context.Context, map[string]string) (session, error) {
	return func(ctx context.Context, env map[string]string) (session, error) {
		config, err := pgx.ParseConfig(env[variable])
		if err != nil {
			return nil, err
		}
		// What a pool of transactions can do, too.
		config.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
		conn, err := pgx.ConnectConfig(ctx, config)
		if err != nil {
			return nil, err
		}
		return postgresqlSession{conn}, nil
	}
}

// refusedByPostgreSQL knows the states of SQL for a failed authentication, and
// for PgBouncer's, which it calls a violation of the protocol.
func refusedByPostgreSQL(err error) bool {
	return oneOf(err, func(e *pgconn.PgError) bool {
		return slices.Contains([]string{"28P01", "28000", "08P01"}, e.Code)
	})
}

func (s postgresqlSession) write(ctx context.Context, key, value string) error {
	if _, err := s.conn.Exec(ctx, "CREATE TABLE IF NOT EXISTS notes (name text PRIMARY KEY, value text NOT NULL)"); err != nil {
		return err
	}
	_, err := s.conn.Exec(ctx,
		"INSERT INTO notes VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value", key, value)
	return err
}

func (s postgresqlSession) read(ctx context.Context, key string) (value string, found bool, err error) {
	err = s.conn.QueryRow(ctx, "SELECT value FROM notes WHERE name = $1", key).Scan(&value)
	noTable := oneOf(err, func(e *pgconn.PgError) bool { return e.Code == "42P01" })
	if noTable || errors.Is(err, pgx.ErrNoRows) {
		return "", false, nil
	}
	return value, err == nil, err
}

func (s postgresqlSession) wipe(ctx context.Context, _ ...string) error {
	_, err := s.conn.Exec(ctx, "DROP TABLE notes")
	return err
}

func (s postgresqlSession) close() {
	_ = s.conn.Close(context.Background()) // what was to be done is done
}

// testCancel cancels a query that would take an hour.
func testCancel(t *testing.T, i *serviceInstance) {
	conn, err := pgx.Connect(t.Context(), i.env["DATABASE_URL"])
	if err != nil {
		t.Fatal(err)
	}
	defer postgresqlSession{conn}.close()
	var pid string
	if err := conn.QueryRow(t.Context(), "SELECT pg_backend_pid()::text").Scan(&pid); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := conn.Exec(t.Context(), "SELECT pg_sleep(3600)")
		ended <- err
	}()
	eventually(t, startDeadline, "the end of the query", func() bool {
		svp(t, "extra", i.name, "cancel", pid).Require(t, 0)
		select {
		case err := <-ended:
			if !oneOf(err, func(e *pgconn.PgError) bool { return e.Code == "57014" }) {
				t.Errorf("the query ended with %v", err)
			}
			return true
		default:
			return false
		}
	})
}
