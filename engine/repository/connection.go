package repository

import (
	"context"
	"io"
	"net"
	"net/http"
	"time"
)

// connection is one that a handler can let wait with what it sends. The library
// writes an answer in two pieces, each of which would be a call of the system and
// wake the client up.
type connection struct {
	*net.TCPConn
	holding bool
	held    []byte
	// extended is when the client got its last while (answer.begin).
	extended time.Time
}

// maxHeld is as much as the library writes at first: a header, and what of the
// contents fits into its buffer.
const maxHeld = 4 << 10

// Write holds the first piece back while a handler wants that.
func (c *connection) Write(p []byte) (int, error) {
	switch {
	case c.holding && len(c.held) == 0 && len(p) <= maxHeld:
		c.held = append(c.held, p...)
		return len(p), nil
	case len(c.held) == 0:
		return c.TCPConn.Write(p)
	}
	pieces := net.Buffers{c.held, p}
	before := int64(len(c.held))
	c.held = c.held[:0]
	n, err := pieces.WriteTo(c.TCPConn)
	return int(max(0, n-before)), err
}

// ReadFrom lets the system copy from a file.
func (c *connection) ReadFrom(from io.Reader) (int64, error) {
	if err := c.flush(); err != nil {
		return 0, err
	}
	return c.TCPConn.ReadFrom(from)
}

func (c *connection) flush() error {
	if len(c.held) == 0 {
		return nil
	}
	held := c.held
	c.held = c.held[:0]
	_, err := c.TCPConn.Write(held)
	return err
}

// release sends what was held back.
func (c *connection) release() {
	c.holding = false
	_ = c.flush() // the library meets the same failure
}

// connections makes a connection of each that a listener of TCP accepts. TLS has
// its own idea of pieces.
type connections struct{ net.Listener }

// Accept implements net.Listener.
func (l connections) Accept() (net.Conn, error) {
	accepted, err := l.Listener.Accept()
	if tcp, ok := accepted.(*net.TCPConn); ok && err == nil {
		return &connection{TCPConn: tcp}, nil
	}
	return accepted, err
}

type connectionKey struct{}

// withConnection lets handlers find their connection.
func withConnection(ctx context.Context, c net.Conn) context.Context {
	if known, ok := c.(*connection); ok {
		return context.WithValue(ctx, connectionKey{}, known)
	}
	return ctx
}

// connectionOf is nil where the connection is none of ours.
func connectionOf(r *http.Request) *connection {
	c, _ := r.Context().Value(connectionKey{}).(*connection)
	return c
}

// together lets what is written until done is called leave in one piece.
func together(r *http.Request) (done func()) {
	c := connectionOf(r)
	if c == nil {
		return func() {}
	}
	c.holding = true
	return c.release
}
