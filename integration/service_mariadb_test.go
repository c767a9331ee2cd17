package integration

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
)

func TestMariaDB(t *testing.T) {
	testService(t, service{
		pack:      "mariadb",
		secret:    "MARIADB_PASSWORD",
		url:       "DATABASE_URL",
		uninvited: []string{"mysql://app@%s:3306/app", "mysql://root@%s:3306/mysql", "mysql://mysql@%s:3306/mysql"},
		processes: []string{"mariadbd"},
		client: clientUse{
			program: "mariadb --user",
			args:    []string{"-BNe", "select 6 * 7"}, wantArgs: "42\n",
			stdin: "select concat('from ', 'a pipe');\n", wantStdin: "from a pipe",
			failing: []string{"-e", "select nonsense"}, wantStatus: 1,
		},
		extra: map[string]extraUse{
			"status":    {want: "version"},
			"tables":    {want: "notes"},
			"processes": {want: "SHOW FULL PROCESSLIST"},
			"sample":    {},
			"check":     {want: "OK"},
			"timezones": {want: "time zones"},
			"admin":     {args: []string{"-BNe", "select current_user()"}, want: "root@localhost"},
		},
		connect: connectMariaDB,
		refused: refusedByMariaDB,
	})
}

// mariadbSession keeps the values in a table.
type mariadbSession struct{ db *sql.DB }

func connectMariaDB(ctx context.Context, env map[string]string) (session, error) {
	address, err := url.Parse(env["DATABASE_URL"])
	if err != nil {
		return nil, err
	}
	config := mysql.NewConfig()
	config.Net, config.Addr, config.DBName = "tcp", address.Host, strings.TrimPrefix(address.Path, "/")
	config.User = address.User.Username()
	config.Passwd, _ = address.User.Password()
	config.Logger = &mysql.NopLogger{}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, err
	}
	s := mariadbSession{sql.OpenDB(connector)}
	if err := s.db.PingContext(ctx); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// refusedByMariaDB knows the server's numbers for a login that it does not take.
func refusedByMariaDB(err error) bool {
	return oneOf(err, func(e *mysql.MySQLError) bool { return slices.Contains([]uint16{1044, 1045, 1698}, e.Number) })
}

func (s mariadbSession) write(ctx context.Context, key, value string) error {
	if _, err := s.db.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS notes (name varchar(80) PRIMARY KEY, value text NOT NULL)"); err != nil {
		return err
	}
	_, err := s.db.ExecContext(ctx, "REPLACE INTO notes VALUES (?, ?)", key, value)
	return err
}

func (s mariadbSession) read(ctx context.Context, key string) (value string, found bool, err error) {
	err = s.db.QueryRowContext(ctx, "SELECT value FROM notes WHERE name = ?", key).Scan(&value)
	noTable := oneOf(err, func(e *mysql.MySQLError) bool { return e.Number == 1146 })
	if noTable || errors.Is(err, sql.ErrNoRows) {
		return "", false, nil
	}
	return value, err == nil, err
}

func (s mariadbSession) wipe(ctx context.Context, _ ...string) error {
	_, err := s.db.ExecContext(ctx, "DROP TABLE notes")
	return err
}

func (s mariadbSession) close() {
	_ = s.db.Close() // what was to be done is done
}
