package integration

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"testing"
)

func TestPgBouncer(t *testing.T) {
	commands := maps.Clone(postgresqlCommands)
	commands["pools"] = extraUse{want: "app_transaction"}
	commands["clients"] = extraUse{want: "app"}
	testService(t, service{
		pack:          "pgbouncer",
		secret:        "POSTGRESQL_PASSWORD",
		url:           "DATABASE_URL",
		uninvited:     []string{"postgresql://app@%s:6432/app", "postgresql://postgres@%s:6432/postgres", "postgresql://app@%s:6432/pgbouncer"},
		textPasswords: true,
		processes:     []string{"postgres", "pgbouncer"},
		client:        psql,
		extra:         commands,
		connect:       connectPostgreSQL("DATABASE_URL"),
		refused:       refusedByPostgreSQL,
		also:          testTransactionPool,
	})
}

// testTransactionPool has more clients at once than PostgreSQL takes.
func testTransactionPool(t *testing.T, i *serviceInstance) {
	const clients = 200
	i.write(t, kept, "in both pools")
	connect := connectPostgreSQL("DATABASE_TRANSACTION_URL")
	ctx, cancel := context.WithTimeout(t.Context(), useDeadline)
	defer cancel()
	var connected, finished sync.WaitGroup
	connected.Add(clients)
	for range clients {
		finished.Go(func() {
			s, err := connect(ctx, i.env)
			connected.Done()
			if err != nil {
				t.Error(err)
				return
			}
			defer s.close()
			connected.Wait()
			value, _, err := s.read(ctx, kept)
			if err == nil && value != "in both pools" {
				err = fmt.Errorf("the transaction pool has %q", value)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	finished.Wait()
}
