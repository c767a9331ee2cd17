package drivertest

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/servicepack/svp/engine/driver"
)

func (f Fixture) network(t *testing.T, suffix string) driver.Network {
	t.Helper()
	network, err := f.Driver.EnsureNetwork(t.Context(), f.name(suffix), f.labels(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Driver.RemoveNetwork(context.Background(), network.Name); err != nil {
			t.Error(err)
		}
	})
	return network
}

func addressesAreKeptAndExclusive(t *testing.T, f Fixture) {
	network := f.network(t, "addresses")
	again, err := f.Driver.EnsureNetwork(t.Context(), network.Name, f.labels(t))
	if err != nil || again.ID != network.ID {
		t.Fatalf("the same network twice: %+v, %v", again, err)
	}
	address := network.Gateway.Next().Next().Next()
	place := driver.NetworkSpec{Name: network.Name, Address: address, Aliases: []string{"alias"}}
	labels := f.labels(t).With(driver.Labels{driver.LabelAddress: address.String()})
	id := f.create(t, driver.ContainerSpec{Network: place, Labels: labels}, idle)
	for range 2 {
		f.start(t, id)
		container, err := f.Driver.Container(t.Context(), id)
		if err != nil || container.Address != address || container.State != driver.Running {
			t.Errorf("container %+v, %v; want it running at %s", container, err, address)
		}
		if err := f.Driver.StopContainer(t.Context(), id, 0); err != nil {
			t.Fatal(err)
		}
	}
	stopped, err := f.Driver.Network(t.Context(), network.Name)
	if err != nil || !slices.Contains(stopped.Taken, address) {
		t.Errorf("taken addresses %v, %v; want that of the stopped container among them", stopped.Taken, err)
	}
	f.start(t, id)
	other := f.create(t, driver.ContainerSpec{Network: place}, idle)
	if err := f.Driver.StartContainer(t.Context(), other); !errors.Is(err, driver.ErrAddressInUse) {
		t.Errorf("a second container at one address: %v, want ErrAddressInUse", err)
	}
}

func newVolumesAreFilled(t *testing.T, f Fixture) {
	volume := f.volume(t, "filled")
	mounts := []driver.Mount{{Volume: volume, Path: "/etc"}}
	id := f.create(t, driver.ContainerSpec{Mounts: mounts}, "test -s /etc/passwd && echo kept >/etc/kept")
	if _, stderr, exit := f.runToEnd(t, id); exit.Code != 0 {
		t.Errorf("a new volume lacks what the image has there: %s", stderr)
	}
	next := f.create(t, driver.ContainerSpec{Mounts: mounts}, "cat /etc/kept")
	if stdout, stderr, _ := f.runToEnd(t, next); stdout != "kept\n" {
		t.Errorf("the volume did not keep what was written: %q %s", stdout, stderr)
	}
}

func (f Fixture) volume(t *testing.T, suffix string) string {
	t.Helper()
	name := f.name(suffix)
	if err := f.Driver.CreateVolume(t.Context(), name, f.labels(t)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Driver.RemoveVolume(context.Background(), name); err != nil {
			t.Error(err)
		}
	})
	return name
}

func volumesInUseAreNotRemoved(t *testing.T, f Fixture) {
	volume := f.volume(t, "used")
	f.create(t, driver.ContainerSpec{Mounts: []driver.Mount{{Volume: volume, Path: "/data"}}}, idle)
	if err := f.Driver.RemoveVolume(t.Context(), volume); !errors.Is(err, driver.ErrInUse) {
		t.Errorf("remove a volume in use: %v, want ErrInUse", err)
	}
	found, err := f.Driver.Volumes(t.Context(), f.labels(t))
	if err != nil || len(found) != 1 || found[0].Name != volume {
		t.Errorf("volumes %+v, %v; want it still there", found, err)
	}
}

func confinedContainers(t *testing.T, f Fixture) {
	id := f.create(t, driver.ContainerSpec{Confined: true}, "grep -E '^(CapEff|NoNewPrivs):' /proc/self/status")
	stdout, stderr, exit := f.runToEnd(t, id)
	if exit.Code != 0 {
		t.Fatalf("status %d: %s", exit.Code, stderr)
	}
	fields := strings.Fields(stdout)
	// CHOWN, DAC_OVERRIDE, FOWNER, KILL, SETGID, SETUID, NET_BIND_SERVICE:
	// bits 0, 1, 3, 5, 6, 7 and 10 (capabilities(7)).
	want := []string{"CapEff:", "00000000000004eb", "NoNewPrivs:", "1"}
	slices.Sort(fields)
	slices.Sort(want)
	if !slices.Equal(fields, want) {
		t.Errorf("status of the process: %v, want %v", fields, want)
	}
}

func publishedPortsAreExclusive(t *testing.T, f Fixture) {
	taken, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	address, ok := taken.Addr().(*net.TCPAddr)
	if !ok {
		t.Fatalf("listening at %v", taken.Addr())
	}
	id := f.create(t, driver.ContainerSpec{
		Network: driver.NetworkSpec{Name: f.network(t, "published").Name},
		Publish: []driver.PublishedPort{{
			HostIP: "127.0.0.1", HostPort: address.Port, Container: driver.Port{Number: 80, Protocol: "tcp"},
		}},
	}, idle)
	if err := f.Driver.StartContainer(t.Context(), id); !errors.Is(err, driver.ErrPortInUse) {
		t.Errorf("publish a port that is taken: %v, want ErrPortInUse", err)
	}
	// The name must be free for a second try at once.
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := f.Driver.RemoveContainer(ctx, id); err != nil {
		t.Error(err)
	}
}
