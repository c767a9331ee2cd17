package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
)

const (
	queryInterval = 3 * time.Millisecond
	queryPatience = 2 * time.Minute
)

// query asks a service for something, as the application's user, and fails
// unless it answers.
type query func(ctx context.Context) error

// login is how an application reaches its service.
type login struct{ host, port, user, password, database string }

func (l login) address() string { return net.JoinHostPort(l.host, l.port) }

// untilAnswered asks until there is an answer.
func (ask query) untilAnswered(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, queryPatience)
	defer cancel()
	again := time.NewTicker(queryInterval)
	defer again.Stop()
	for {
		err := ask(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("no answer: %w", err)
		case <-again.C:
		}
	}
}

func postgresqlQuery(l login) query {
	url := fmt.Sprintf("postgresql://%s:%s@%s/%s?sslmode=disable", l.user, l.password, l.address(), l.database)
	return func(ctx context.Context) error {
		connection, err := pgx.Connect(ctx, url)
		if err != nil {
			return err
		}
		var one int
		err = connection.QueryRow(ctx, "SELECT 1").Scan(&one)
		return errors.Join(err, connection.Close(ctx))
	}
}

func mariadbQuery(l login) query {
	config := mysql.NewConfig()
	config.User, config.Passwd, config.Net, config.Addr, config.DBName = l.user, l.password, "tcp", l.address(), l.database
	config.Logger = &mysql.NopLogger{} // attempts that fail are expected
	return func(ctx context.Context) error {
		connector, err := mysql.NewConnector(config)
		if err != nil {
			return err
		}
		database := sql.OpenDB(connector)
		defer database.Close()
		var one int
		return database.QueryRowContext(ctx, "SELECT 1").Scan(&one)
	}
}

func redisQuery(l login) query {
	return func(ctx context.Context) error {
		client := redis.NewClient(&redis.Options{
			Addr: l.address(), Username: l.user, Password: l.password, MaxRetries: -1,
		})
		defer client.Close()
		return client.Set(ctx, "bench", "1", 0).Err()
	}
}

// quiet keeps the client of redis from telling of every attempt that fails.
type quiet struct{}

func (quiet) Printf(context.Context, string, ...any) {}
