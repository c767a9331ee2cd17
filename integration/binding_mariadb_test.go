package integration

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
)

func TestMariaDBBindings(t *testing.T) {
	testBindings(t, service{
		pack:      "mariadb",
		secret:    "MARIADB_PASSWORD",
		url:       "DATABASE_URL",
		processes: []string{"mariadbd"},
		connect:   connectMariaDB,
		refused:   refusedByMariaDB,
		also: func(t *testing.T, i *serviceInstance) {
			testMariaDBDefiner(t, i)
			testBindAfterAKilledRestore(t, i)
		},
	})
}

// testMariaDBDefiner unbinds a consumer with whose rights views and the like run.
func testMariaDBDefiner(t *testing.T, i *serviceInstance) {
	c := i.bind(t, "definer")[0]
	requireNotPermitted(t, c, "CREATE USER more", "CREATE DATABASE more", "DROP USER bind_"+webID, "SELECT * FROM mysql.user", "SHUTDOWN")
	execMariaDB(t, c.serviceInstance,
		"CREATE TABLE counted (a int)",
		"CREATE VIEW doubled AS SELECT a * 2 AS a FROM counted",
		"CREATE FUNCTION answer() RETURNS int READS SQL DATA RETURN (SELECT max(a) FROM doubled)",
		"CREATE PROCEDURE show_all() SELECT * FROM doubled",
		"CREATE TRIGGER one_more BEFORE INSERT ON counted FOR EACH ROW SET new.a = new.a + (SELECT count(*) FROM notes)",
		"CREATE EVENT later ON SCHEDULE EVERY 1 YEAR DO DELETE FROM counted")
	uses := []string{"INSERT INTO counted VALUES (1)", "SELECT * FROM doubled", "SELECT answer()", "CALL show_all()"}
	execMariaDB(t, c.serviceInstance, uses...)

	backup := svp(t, "backup", i.name).Require(t, 0).Stdout
	svp(t, "unbind", i.name, c.id).Require(t, 0)
	execMariaDB(t, i, uses...)
	i.requireRefused(t, c.env, c.withPassword(t, ""), c.withPassword(t, "invalid"))

	tidyUp := []string{"DROP EVENT later", "DROP PROCEDURE show_all", "DROP FUNCTION answer", "DROP VIEW doubled", "DROP TABLE counted"}
	execMariaDB(t, i, tidyUp...)
	// Now that its account is needed no more, it is removed.
	svp(t, "shell", i.name, "--", "bin/unbind", c.id).Require(t, 0)
	i.restore(t, backup).Require(t, 0)
	execMariaDB(t, i, uses...)
	i.requireRefused(t, c.env, c.withPassword(t, ""), c.withPassword(t, "invalid"))
	execMariaDB(t, i, tidyUp...)
}

// testBindAfterAKilledRestore binds while everybody is kept out, as by a restore that
// was killed.
func testBindAfterAKilledRestore(t *testing.T, i *serviceInstance) {
	svp(t, "shell", i.name, "--", "mariadb", "-e", "ALTER USER app ACCOUNT LOCK").Require(t, 0)
	bound := svp(t, "bind", i.name, "late")
	if bound.Status == 0 || bound.Stdout != "" || !strings.Contains(bound.Stderr, "a restart of the instance lets them in") {
		t.Errorf("bound while nobody gets in: %s", bound)
	}
	svp(t, "restart", i.name).Require(t, 0)
	i.bind(t, "late")[0].requireValue(t, kept, "worth keeping")
}

// requireNotPermitted has a consumer try what is none of its business.
func requireNotPermitted(t *testing.T, c consumer, statements ...string) {
	t.Helper()
	c.use(t, func(ctx context.Context, s session) error {
		for _, statement := range statements {
			_, err := s.(mariadbSession).db.ExecContext(ctx, statement)
			if !oneOf(err, func(e *mysql.MySQLError) bool { return slices.Contains([]uint16{1044, 1142, 1227}, e.Number) }) {
				t.Errorf("%s: %v, want that it is not permitted", statement, err)
			}
		}
		return nil
	})
}

func execMariaDB(t *testing.T, i *serviceInstance, statements ...string) {
	t.Helper()
	i.use(t, func(ctx context.Context, s session) error {
		for _, statement := range statements {
			if _, err := s.(mariadbSession).db.ExecContext(ctx, statement); err != nil {
				t.Errorf("%s: %v", statement, err)
			}
		}
		return nil
	})
}
