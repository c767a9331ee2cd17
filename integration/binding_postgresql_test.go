package integration

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

func TestPostgreSQLBindings(t *testing.T) {
	testBindings(t, service{
		pack:      "postgresql",
		secret:    "POSTGRESQL_PASSWORD",
		url:       "DATABASE_URL",
		processes: []string{"postgres"},
		connect:   connectPostgreSQL("DATABASE_URL"),
		refused:   refusedByPostgreSQL,
		also:      testPostgreSQLConsumer,
	})
}

// testPostgreSQLConsumer has a consumer that tries what is none of its business,
// sets off the role that it acts as, and prepares a way back in.
func testPostgreSQLConsumer(t *testing.T, i *serviceInstance) {
	const chosen = "chosen by a consumer"
	c := i.bind(t, "odd")[0]
	intruder := &serviceInstance{service: i.service, name: i.name, env: i.withPassword(t, chosen)}

	for _, statement := range []string{
		"CREATE ROLE more", "CREATE DATABASE more", "ALTER ROLE bind_" + webID + " NOLOGIN", "ALTER SYSTEM SET port TO 1",
	} {
		if err := c.query(t, statement); !oneOf(err, func(e *pgconn.PgError) bool { return e.Code == "42501" }) {
			t.Errorf("%s: %v, want that it is not permitted", statement, err)
		}
	}
	c.mustQuery(t, "CREATE TABLE by_app (a int); ALTER ROLE app PASSWORD '"+chosen+"'")
	intruder.mustQuery(t, "SELECT")
	c.mustQuery(t, `SET ROLE NONE; CREATE SCHEMA mine; CREATE TABLE mine.own (a int);
		CREATE FUNCTION mine.answer() RETURNS int LANGUAGE sql AS 'SELECT 42'; GRANT ALL ON by_app TO bind_odd`)

	svp(t, "unbind", i.name, c.id).Require(t, 0)
	i.requireRefused(t, intruder.env, c.env)
	i.mustQuery(t, "DROP TABLE by_app; DROP TABLE mine.own; DROP FUNCTION mine.answer(); DROP SCHEMA mine")
}

// query executes the statements in a session of PostgreSQL.
func (i *serviceInstance) query(t *testing.T, statements string) error {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), i.env["DATABASE_URL"])
	if err != nil {
		t.Fatal(err)
	}
	defer postgresqlSession{conn}.close()
	_, err = conn.PgConn().Exec(t.Context(), statements).ReadAll()
	return err
}

func (i *serviceInstance) mustQuery(t *testing.T, statements string) {
	t.Helper()
	if err := i.query(t, statements); err != nil {
		t.Errorf("%s: %v", statements, err)
	}
}
