package svptest

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// Gate stands before the Docker host, so that a test can hold what svp asks of it,
// and do something meanwhile.
type Gate struct {
	host     string // path of the Docker host's socket
	listener net.Listener

	mu          sync.Mutex
	connections []net.Conn
	intercept   func(GateRequest) bool
	closed      bool
}

// GateRequest is a request on its way to the Docker host.
type GateRequest struct{ Method, Path string }

// Gate puts a gate before the suite's host, which must be a Unix socket, until
// the test ends.
func (s *Suite) Gate(t testing.TB) *Gate {
	t.Helper()
	endpoint := s.Host.API.DaemonHost()
	path, ok := strings.CutPrefix(endpoint, "unix://")
	if !ok {
		t.Fatalf("this test needs a Docker host on a Unix socket, and not %s", endpoint)
	}
	g := &Gate{host: path}
	var err error
	g.listener, err = (&net.ListenConfig{}).Listen(t.Context(), "unix", filepath.Join(shortFolder(t), "docker.sock"))
	if err != nil {
		t.Fatal(err)
	}
	go g.accept()
	t.Cleanup(g.close)
	return g
}

// shortFolder is a temporary folder with a path that a socket's can begin with:
// that of a test is too long.
func shortFolder(t testing.TB) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "svpg-") //nolint:usetesting // see above
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(folder); err != nil {
			t.Error(err)
		}
	})
	return folder
}

// Endpoint is what DOCKER_HOST is to be.
func (g *Gate) Endpoint() string { return "unix://" + g.listener.Addr().String() }

// Intercept has every request that comes from now on pass through the function: it
// goes on when that returns true, and is lost with its connection when false. Nil
// lets all pass.
func (g *Gate) Intercept(intercept func(GateRequest) bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.intercept = intercept
}

// Hold holds the requests that match. The channel is closed when the first has
// come; release lets them go on.
func (g *Gate) Hold(matches func(GateRequest) bool) (reached <-chan struct{}, release func()) {
	arrived, open := make(chan struct{}), make(chan struct{})
	var arrive, opened sync.Once
	g.Intercept(func(r GateRequest) bool {
		if matches(r) {
			arrive.Do(func() { close(arrived) })
			<-open
		}
		return true
	})
	return arrived, func() {
		opened.Do(func() { close(open) })
	}
}

func (g *Gate) accept() {
	for {
		client, err := g.listener.Accept()
		if err != nil {
			return
		}
		server, err := (&net.Dialer{}).Dial("unix", g.host) // closed with the gate
		if err != nil || !g.keep(client, server) {
			_ = client.Close() // the client sees a host that does not answer
			continue
		}
		go func() {
			_, _ = io.Copy(client, server) // either end may go at any time
			closeWrite(client)
		}()
		go g.pass(client, server)
	}
}

// keep remembers the connections, to be closed with the gate.
func (g *Gate) keep(connections ...net.Conn) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false
	}
	g.connections = append(g.connections, connections...)
	return true
}

// requestLine is how what a client sends begins, as it sends one request after
// the other, each with a write of its own.
var requestLine = regexp.MustCompile(`^([A-Z]+) (\S+) HTTP/1\.1\r\n`)

func (g *Gate) pass(client, server net.Conn) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := client.Read(buffer)
		if n > 0 {
			if !g.goesOn(buffer[:n]) {
				_, _ = client.Close(), server.Close() // both see it that way
				return
			}
			if _, err := server.Write(buffer[:n]); err != nil {
				_ = client.Close() // the client sees it that way
				return
			}
		}
		if err != nil {
			closeWrite(server)
			return
		}
	}
}

func (g *Gate) goesOn(text []byte) bool {
	line := requestLine.FindSubmatch(text)
	if line == nil {
		return true
	}
	g.mu.Lock()
	intercept := g.intercept
	g.mu.Unlock()
	return intercept == nil || intercept(GateRequest{Method: string(line[1]), Path: string(line[2])})
}

// closeWrite tells the other end that nothing more comes.
func closeWrite(connection net.Conn) {
	if socket, ok := connection.(*net.UnixConn); ok {
		_ = socket.CloseWrite() // it may be closed already
	}
}

func (g *Gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	_ = g.listener.Close() // nobody comes any more
	for _, connection := range g.connections {
		_ = connection.Close() // whatever its state
	}
}
