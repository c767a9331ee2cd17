package integration

import (
	"testing"

	"github.com/jackc/pgx/v5"
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

// testPostgreSQLConsumer has a consumer that drops the role it acts as, and one
// that tries to keep a way in.
func testPostgreSQLConsumer(t *testing.T, i *serviceInstance) {
	const chosen = "chosen by a consumer"
	c := i.bind(t, "odd")[0]
	intruder := &serviceInstance{service: i.service, name: i.name, env: i.withPassword(t, chosen)}

	queryPostgreSQL(t, c.serviceInstance, "CREATE TABLE by_app (a int); ALTER ROLE app PASSWORD '"+chosen+"'")
	queryPostgreSQL(t, intruder, "SELECT")
	queryPostgreSQL(t, c.serviceInstance, `SET ROLE NONE; CREATE SCHEMA mine; CREATE TABLE mine.own (a int);
		CREATE FUNCTION mine.answer() RETURNS int LANGUAGE sql AS 'SELECT 42'; GRANT ALL ON by_app TO bind_odd`)

	svp(t, "unbind", i.name, c.id).Require(t, 0)
	i.requireRefused(t, intruder.env, c.env)
	queryPostgreSQL(t, i, "DROP TABLE by_app; DROP TABLE mine.own; DROP FUNCTION mine.answer(); DROP SCHEMA mine")
}

func queryPostgreSQL(t *testing.T, i *serviceInstance, statements string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), i.env["DATABASE_URL"])
	if err != nil {
		t.Fatal(err)
	}
	defer postgresqlSession{conn}.close()
	if _, err := conn.PgConn().Exec(t.Context(), statements).ReadAll(); err != nil {
		t.Errorf("%s: %v", statements, err)
	}
}
