// Webapp is a guestbook: what visitors write is kept in PostgreSQL, how often the page was seen is counted in
// Redis. It knows both by the variables DATABASE_URL and REDIS_URL alone, as svp prints them.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// shutdownGrace is how long requests that are in progress may take when the app is told to stop.
const shutdownGrace = 5 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Getenv, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "webapp:", err)
		os.Exit(1)
	}
}

// run serves the guestbook until the context ends.
func run(ctx context.Context, getenv func(string) string, messages io.Writer) error {
	book, err := openGuestbook(ctx, getenv("DATABASE_URL"), getenv("REDIS_URL"))
	if err != nil {
		return err
	}
	defer book.close()
	address := cmp.Or(getenv("LISTEN"), "127.0.0.1:8080")
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("%w; choose another address with LISTEN=127.0.0.1:PORT", err)
	}
	log := slog.New(slog.NewTextHandler(messages, nil))
	server := &http.Server{Handler: newHandler(book, log), ReadHeaderTimeout: 10 * time.Second}
	fmt.Fprintf(messages, "The guestbook is open at http://%s/\n", listener.Addr())
	return serve(ctx, server, listener)
}

// serve serves until the context ends, and then finishes what it has begun.
func serve(ctx context.Context, server *http.Server, listener net.Listener) error {
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
	defer cancel()
	if err := server.Shutdown(grace); err != nil {
		return fmt.Errorf("stop: %w", err)
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
