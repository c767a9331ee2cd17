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
	go func() { failed <- server.Serve(listener) }()
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

// connection is what a handler may tell the system about its connection.
type connection struct {
	cork     func(on bool)
	extended time.Time
}

type connectionKey struct{}

// withConnection lets handlers find their connection.
func withConnection(ctx context.Context, c net.Conn) context.Context {
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return ctx // TLS has its own idea of pieces
	}
	return context.WithValue(ctx, connectionKey{}, &connection{cork: corkOf(tcp)})
}

// together lets the system send what is written until done is called in as few
// pieces as it can. The library writes an answer in two, each of which would wake
// the client up.
func together(r *http.Request) (done func()) {
	c := connectionOf(r)
	if c == nil {
		return func() {}
	}
	c.cork(true)
	return func() { c.cork(false) }
}

func connectionOf(r *http.Request) *connection {
	c, _ := r.Context().Value(connectionKey{}).(*connection)
	return c
}
