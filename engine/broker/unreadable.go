package broker

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strconv"

	"github.com/servicepack/svp/engine/broker/osb"
)

// jsonListener is a listener whose clients get JSON also from net/http itself: it
// answers requests that it cannot read, which no handler sees, in plain text.
type jsonListener struct{ net.Listener }

// Accept implements net.Listener.
func (l jsonListener) Accept() (net.Conn, error) {
	accepted, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &jsonConn{Conn: accepted}, nil
}

type jsonConn struct{ net.Conn }

// Write implements net.Conn. What is no answer of net/http itself passes
// untouched.
func (c *jsonConn) Write(p []byte) (int, error) {
	status, ok := unreadableStatus(p)
	if !ok {
		return c.Conn.Write(p)
	}
	answer, err := unreadableAnswer(status)
	if err != nil {
		return 0, err
	}
	if _, err := c.Conn.Write(answer); err != nil {
		return 0, err
	}
	return len(p), nil
}

// plainHeaders are those of net/http's own answers: no handler of the broker sends
// exactly these, without a date.
const plainHeaders = "\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"

// unreadableStatus finds the status of an answer of net/http itself. It writes each
// as a whole.
func unreadableStatus(p []byte) (int, bool) {
	line, _, ok := bytes.Cut(p, []byte(plainHeaders))
	if !ok {
		return 0, false
	}
	code, ok := bytes.CutPrefix(line, []byte("HTTP/1.1 "))
	if !ok || len(code) < 3 || bytes.ContainsAny(code, "\r\n") {
		return 0, false
	}
	status, err := strconv.Atoi(string(code[:3]))
	return status, err == nil
}

// unreadableAnswer is what the client gets instead. The fault is always its own.
func unreadableAnswer(status int) ([]byte, error) {
	reason := "the request cannot be read: it is no valid HTTP/1.1"
	switch status {
	case http.StatusRequestHeaderFieldsTooLarge:
		reason = fmt.Sprintf("the request's headers are larger than %d kB", maxHeader>>10)
	default:
		status = http.StatusBadRequest
	}
	body, err := json.Marshal(osb.Errorf(status, "%s", reason))
	if err != nil {
		return nil, err
	}
	var answer bytes.Buffer
	fmt.Fprintf(&answer, "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
		status, http.StatusText(status), len(body), body)
	return answer.Bytes(), nil
}
