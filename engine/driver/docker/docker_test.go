package docker_test

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"net/http"
	"net/http/httputil"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/servicepack/svp/engine/driver"
	"github.com/servicepack/svp/engine/driver/docker"
	"github.com/servicepack/svp/engine/driver/drivertest"
)

// testImage is the OS image that the test's preparation makes sure of.
const testImage = "debian:12"

func connect(t *testing.T) *docker.Driver {
	t.Helper()
	endpoint, err := docker.EndpointFromEnvironment()
	if err != nil {
		t.Fatal(err)
	}
	d, err := docker.Connect(t.Context(), endpoint)
	if err != nil {
		t.Fatalf("%v\nThese tests need Docker: install it (on Debian: apt-get install docker.io) and start it, or run make test, which does.", err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func TestDockerKeepsTheContractOfADriver(t *testing.T) {
	d := connect(t)
	if _, err := d.Image(t.Context(), testImage); err != nil {
		t.Fatalf("%v\nThese tests need the image %s: make test prepares it.", err, testImage)
	}
	drivertest.Run(t, drivertest.Fixture{
		Driver: d, Image: testImage, Prefix: "svp-test-" + strings.ToLower(rand.Text()[:8]),
	})
}

func TestHostIsDescribed(t *testing.T) {
	host, err := connect(t).Host(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if host.Engine == "" || host.Endpoint == "" || host.PublishedAt == "" {
		t.Errorf("Host = %+v", host)
	}
}

// recorder stands between a client and the engine, and notes what is asked.
type recorder struct {
	socket string
	mu     sync.Mutex
	asked  []string
}

func newRecorder(t *testing.T) *recorder {
	t.Helper()
	endpoint, err := docker.EndpointFromEnvironment()
	if err != nil {
		t.Fatal(err)
	}
	engine := strings.TrimPrefix(endpoint.Host, "unix://")
	r := &recorder{socket: filepath.Join(t.TempDir(), "s")}
	listener, err := new(net.ListenConfig).Listen(t.Context(), "unix", r.socket)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(request *httputil.ProxyRequest) {
			request.Out.URL.Scheme, request.Out.URL.Host = "http", "docker"
			r.mu.Lock()
			defer r.mu.Unlock()
			r.asked = append(r.asked, path.Base(request.In.URL.Path))
		},
		Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", engine)
		}},
	}
	server := &http.Server{Handler: proxy, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return r
}

func (r *recorder) wasAskedFor(what string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Contains(r.asked, what)
}

// What is seen from here is what the engine says. Only where nothing is to be seen
// is it asked.
func TestReachIsThatOfTheHost(t *testing.T) {
	asked := newRecorder(t)
	d, err := docker.Connect(t.Context(), docker.Endpoint{Host: "unix://" + asked.socket})
	if err != nil {
		t.Fatal(err)
	}
	name := "svp-test-reach-" + strings.ToLower(rand.Text())
	if _, err := d.EnsureNetwork(t.Context(), name, nil); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := d.RemoveNetwork(context.WithoutCancel(t.Context()), name); err != nil {
			t.Error(err)
		}
	}()
	seen, err := d.Reach(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	// The recorder's socket is root's where the tests are; Podman makes no bridge
	// before there is a container.
	host, err := connect(t).Host(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if os.Getuid() == 0 && strings.HasPrefix(host.Engine, "Docker") && asked.wasAskedFor("info") {
		t.Error("the bridge is on this machine, and the engine was asked all the same")
	}
	told, err := d.Reach(t.Context(), name+"-none")
	if err != nil || told != seen {
		t.Errorf("seen from here: %+v; from what the engine tells: %+v, %v", seen, told, err)
	}
	if !asked.wasAskedFor("info") {
		t.Error("nothing was to be seen, and the engine was not asked")
	}
}

func TestAHostThatIsAwayIsUnavailableSoon(t *testing.T) {
	silent, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for name, host := range map[string]string{
		"no socket":       "unix://" + filepath.Join(t.TempDir(), "none.sock"),
		"refused":         "tcp://127.0.0.1:1",
		"does not answer": "tcp://" + silent.Addr().String(),
	} {
		t.Run(name, func(t *testing.T) {
			// Longer than Connect itself waits, also on a busy machine: a caller whose
			// own time is up learns nothing of the host.
			ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
			defer cancel()
			_, err := docker.Connect(ctx, docker.Endpoint{Host: host})
			if !errors.Is(err, driver.ErrUnavailable) {
				t.Errorf("Connect = %v, want ErrUnavailable within 15 s", err)
			}
		})
	}
}
