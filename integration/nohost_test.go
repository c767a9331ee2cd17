package integration

import (
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/servicepack/svp/integration/svptest"
)

func TestNoDockerHost(t *testing.T) {
	t.Parallel()
	pack := tinyPack(t, nil)
	missing := "unix://" + filepath.Join(t.TempDir(), "docker.sock")
	for name, host := range map[string]string{
		"missing socket":      missing,
		"refused":             "tcp://127.0.0.1:1",
		"silent address":      "tcp://" + silent(t, "tcp", "127.0.0.1:0"),
		"silent socket":       "unix://" + silent(t, "unix", filepath.Join(t.TempDir(), "s")),
		"name that is none":   "tcp://no-such-host.invalid:2375",
		"scheme that is none": "carrier-pigeon://loft",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, args := range [][]string{{"list"}, {"up", pack, newName(t)}, {"env", "any"}, {"gc"}} {
				result := svpCall(t, svptest.Call{Args: args, Env: []string{"DOCKER_HOST=" + host}})
				complaint(t, result, 7, host)
				if !strings.Contains(result.Stderr, "DOCKER_HOST") {
					t.Errorf("it does not say what to do: %s", result)
				}
				// Promised is less than 2 s where no host is. The rest is for one that is
				// silent, and may be slow, and for a busy machine, which is slow to start svp.
				if result.Elapsed > 8*time.Second {
					t.Errorf("svp %s took %v to notice", args[0], result.Elapsed)
				}
			}
			result := svpCall(t, svptest.Call{Args: []string{"client", "any"}, Env: []string{"DOCKER_HOST=" + host}})
			complaint(t, result, 125, host)
		})
	}
}

// silent listens at an address where nobody ever answers.
func silent(t *testing.T, network, address string) string {
	t.Helper()
	listener, err := net.Listen(network, address) //nolint:noctx // it listens and that is all
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { change(t, listener.Close()) })
	return listener.Addr().String()
}

func TestWhatNeedsNoDockerHost(t *testing.T) {
	t.Parallel()
	pack := tinyPack(t, query("ports) echo 80; echo 53/udp ;;"))
	nowhere := []string{"DOCKER_HOST=unix:///no/such/docker.sock"}
	for _, args := range [][]string{{"version"}, {"help"}, {"pack", "inspect", pack}, {"ports", "-b", pack}} {
		svpCall(t, svptest.Call{Args: args, Env: nowhere}).Require(t, 0)
	}
	ports := svpCall(t, svptest.Call{Args: []string{"ports", "-b", pack}, Env: nowhere})
	if ports.Stdout != "80/tcp\n53/udp\n" && ports.Stdout != "80\n53/udp\n" {
		t.Errorf("ports: %s", ports)
	}
}
