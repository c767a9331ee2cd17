package docker

import (
	"context"
	"errors"
	"testing"

	"github.com/containerd/errdefs"

	"github.com/servicepack/svp/engine/driver"
)

// What the engines of different years say about the same thing.
func TestErrorsOfTheEngineAreToldApart(t *testing.T) {
	const external = "driver failed programming external connectivity on endpoint svp-shop (0123): "
	for text, want := range map[string]error{
		external + "Bind for 127.0.0.1:15432 failed: port is already allocated":                                                                           driver.ErrPortInUse,
		external + "Error starting userland proxy: listen tcp4 127.0.0.1:15432: bind: address already in use":                                             driver.ErrPortInUse,
		"failed to set up container networking: " + external + "failed to bind host port for 127.0.0.1:15432:172.20.0.7:5432/tcp: address already in use": driver.ErrPortInUse,
		"Ports are not available: exposing port TCP 127.0.0.1:15432: ports are not available":                                                             driver.ErrPortInUse,
		"Address already in use":                                  driver.ErrAddressInUse,
		"network svp not found":                                   errors.Join(driver.ErrNetworkGone, driver.ErrNotFound),
		"write /srv/fill: no space left on device":                driver.ErrNoSpace,
		"cannot join network of a non running container: 0123":    driver.ErrNoNetwork,
		"container is marked for removal and cannot be started":   driver.ErrNotFound,
		"You cannot commit container 0123 which is being removed": driver.ErrNotFound,
		"RWLayer of container 0123 is unexpectedly nil":           driver.ErrNotFound,
		"runc create failed: unable to create new parent process: namespace path: lstat /proc/26546/ns/net: no such file or directory: unknown": driver.ErrNoNetwork,
		"layer does not exist": driver.ErrNotFound,
		"failed to get digest sha256:01: open /var/lib/docker/image/overlay2/imagedb/content/sha256/01: no such file or directory": driver.ErrNotFound,
		"retrieving parent of image \"0123\": reading data blob size \"sha256:0123\" for \"0123\": size is not known":              driver.ErrNotFound,
		"locating image \"0123\": layer not known":                          driver.ErrNotFound,
		"0123: identifier is not an image":                                  driver.ErrNotFound,
		"Container 0123 is restarting, wait until the container is running": driver.ErrNoNetwork,
	} {
		got := mapError(t.Context(), errors.New("Error response from daemon: "+text))
		for _, kind := range []error{driver.ErrPortInUse, driver.ErrAddressInUse, driver.ErrNoSpace, driver.ErrNotFound, driver.ErrUnavailable, driver.ErrNoNetwork, driver.ErrNetworkGone} {
			if errors.Is(got, kind) != errors.Is(want, kind) {
				t.Errorf("%q is %v, want %v", text, got, want)
			}
		}
	}
	if got := mapError(t.Context(), errdefs.ErrNotFound); !errors.Is(got, driver.ErrNotFound) {
		t.Errorf("what is absent is %v", got)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if got := mapError(ended, errors.New("read: connection reset")); !errors.Is(got, context.Canceled) {
		t.Errorf("what a cancelled context broke is %v", got)
	}
}

// What calls that need an image say when there is none, or when somebody is just
// removing it.
func TestImagesThatAreGone(t *testing.T) {
	for text, want := range map[string]bool{
		"No such image: sha256:01": true,
		"failed to get digest sha256:01: open /var/lib/docker/image/overlay2/imagedb/content/sha256/01: no such file or directory": true,
		"failed to get digest sha256:01: open /var/lib/docker/image/overlay2/imagedb/content/sha256/01: input/output error":        false,
		"layer does not exist":                   true,
		"locating image \"01\": layer not known": true,
		"01: image not known":                    true,
		"No such container: 01":                  false,
		"network svp not found":                  false,
	} {
		got := withImageGone(errors.New("Error response from daemon: " + text))
		if errors.Is(got, driver.ErrImageGone) != want {
			t.Errorf("%q is %v", text, got)
		}
	}
}
