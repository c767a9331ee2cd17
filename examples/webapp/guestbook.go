package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"
)

// shownEntries is how many entries the page shows.
const shownEntries = 50

// entry is what one visitor wrote.
type entry struct{ Name, Message string }

// guestbook keeps the entries and counts the views.
type guestbook struct {
	database *pgxpool.Pool
	views    *redis.Client
}

var errNoServices = errors.New("DATABASE_URL or REDIS_URL is not set; ./up sets both")

// openGuestbook connects to both services and makes the table when it is not there yet.
func openGuestbook(ctx context.Context, databaseURL, redisURL string) (*guestbook, error) {
	if databaseURL == "" || redisURL == "" {
		return nil, errNoServices
	}
	options, err := redis.ParseURL(redisURL)
	if err != nil {
		return nil, fmt.Errorf("read REDIS_URL: %w", err)
	}
	database, err := pgxpool.New(ctx, databaseURL)
	if err != nil {
		return nil, fmt.Errorf("read DATABASE_URL: %w", err)
	}
	book := &guestbook{database: database, views: redis.NewClient(options)}
	if err := book.prepare(ctx); err != nil {
		book.close()
		return nil, err
	}
	return book, nil
}

func (g *guestbook) prepare(ctx context.Context) error {
	_, err := g.database.Exec(ctx, `CREATE TABLE IF NOT EXISTS entries (
		id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, message text NOT NULL)`)
	if err != nil {
		return fmt.Errorf("prepare the database: %w", err)
	}
	if err := g.views.Ping(ctx).Err(); err != nil {
		return fmt.Errorf("reach Redis: %w", err)
	}
	return nil
}

// add writes an entry.
func (g *guestbook) add(ctx context.Context, e entry) error {
	_, err := g.database.Exec(ctx, "INSERT INTO entries (name, message) VALUES ($1, $2)", e.Name, e.Message)
	return err
}

// entries returns what was written last, newest first.
func (g *guestbook) entries(ctx context.Context) ([]entry, error) {
	// An error of the query is that of its rows.
	rows, _ := g.database.Query(ctx, "SELECT name, message FROM entries ORDER BY id DESC LIMIT $1", shownEntries)
	return pgx.CollectRows(rows, pgx.RowToStructByPos[entry])
}

// countView counts one more view and returns how many there are.
func (g *guestbook) countView(ctx context.Context) (int64, error) {
	return g.views.Incr(ctx, "views").Result()
}

func (g *guestbook) close() {
	g.database.Close()
	_ = g.views.Close() // each command was answered before
}
