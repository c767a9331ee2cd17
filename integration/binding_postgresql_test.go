package integration

import "testing"

func TestPostgreSQLBindings(t *testing.T) {
	testBindings(t, service{
		pack:      "postgresql",
		secret:    "POSTGRESQL_PASSWORD",
		url:       "DATABASE_URL",
		processes: []string{"postgres"},
		connect:   connectPostgreSQL("DATABASE_URL"),
		refused:   refusedByPostgreSQL,
	})
}
