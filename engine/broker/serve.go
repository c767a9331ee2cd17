package broker

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

// Limits of the HTTP server. Answers have no time limit: a client that cannot poll
// waits for its operation.
const (
	headerTimeout = 10 * time.Second
	bodyTimeout   = 30 * time.Second
	idleTimeout   = 2 * time.Minute
	maxHeader     = 64 << 10
)

// Serve answers requests on the listener until the context ends, and then those
// that it has begun to answer, for at most grace.
func Serve(ctx context.Context, listener net.Listener, handler http.Handler, log *slog.Logger, grace time.Duration) error {
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: headerTimeout, ReadTimeout: bodyTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: maxHeader, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		// The routes are the handler's, "OPTIONS *" included.
		DisableGeneralOptionsHandler: true,
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(jsonListener{listener}) }()
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

// Certificate is a TLS certificate and its key, in files that are read anew when
// they change.
type Certificate struct {
	certificate, key string

	mu      sync.Mutex
	loaded  *tls.Certificate
	changed [2]time.Time
}

// LoadCertificate reads a certificate, with its chain, and its key, both in PEM.
func LoadCertificate(certificate, key string) (*Certificate, error) {
	c := &Certificate{certificate: certificate, key: key}
	return c, c.Reload()
}

// Reload reads the files anew. After an error the old certificate stays.
func (c *Certificate) Reload() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reload()
}

func (c *Certificate) reload() error {
	changed, err := c.lookAtFiles()
	if err != nil {
		return err
	}
	loaded, err := tls.LoadX509KeyPair(c.certificate, c.key)
	if err != nil {
		return fmt.Errorf("read the certificate %s and its key %s: %w", c.certificate, c.key, err)
	}
	c.loaded, c.changed = &loaded, changed
	return nil
}

func (c *Certificate) lookAtFiles() (changed [2]time.Time, err error) {
	for i, file := range []string{c.certificate, c.key} {
		info, err := os.Stat(file)
		if err != nil {
			return changed, fmt.Errorf("read the certificate: %w", err)
		}
		changed[i] = info.ModTime()
	}
	return changed, nil
}

// Config is the TLS configuration of a server.
func (c *Certificate) Config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.current}
}

// current is the certificate for a new connection. Files that are being replaced
// may not fit each other for a moment; then the old ones still serve.
func (c *Certificate) current(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if changed, err := c.lookAtFiles(); err == nil && changed != c.changed {
		_ = c.reload() // the next connection tries again
	}
	return c.loaded, nil
}
