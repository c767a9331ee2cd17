package repository

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Limits of the HTTP server. How long an answer may take is the handler's affair.
const (
	headerTimeout  = 10 * time.Second
	requestTimeout = 30 * time.Second
	idleTimeout    = 2 * time.Minute
	maxRequest     = 16 << 10 // its header; nobody sends a body
)

// Serve answers requests on the listener until the context ends, and then those
// that it has begun to answer, for at most grace.
func (h *Handler) Serve(ctx context.Context, listener net.Listener, grace time.Duration) error {
	server := &http.Server{
		Handler: h, ReadHeaderTimeout: headerTimeout, ReadTimeout: requestTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: maxRequest, ErrorLog: slog.NewLogLogger(h.options.Log.Handler(), slog.LevelWarn),
		DisableGeneralOptionsHandler: true, ConnContext: withConnection,
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(connections{listener}) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if err := server.Shutdown(closing); err != nil {
		return errors.Join(fmt.Errorf("let the requests in progress end: %w", err), server.Close())
	}
	return nil
}
