package docker_test

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"path/filepath"
	"strings"
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

// What is seen from here, without asking the engine, is what the engine says.
func TestReachIsThatOfTheHost(t *testing.T) {
	d := connect(t)
	host, err := d.Host(t.Context())
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
	for _, network := range []string{name, name + "-none"} {
		reach, err := d.Reach(t.Context(), network)
		if err != nil || reach != host.Reach {
			t.Errorf("by network %s: %+v, %v; want %+v", network, reach, err, host.Reach)
		}
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
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			_, err := docker.Connect(ctx, docker.Endpoint{Host: host})
			if !errors.Is(err, driver.ErrUnavailable) {
				t.Errorf("Connect = %v, want ErrUnavailable within 2 s", err)
			}
		})
	}
}
