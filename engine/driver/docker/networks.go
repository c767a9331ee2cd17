package docker

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"

	"github.com/servicepack/svp/engine/driver"
)

// Network returns the network of that name.
func (d *Driver) Network(ctx context.Context, name string) (driver.Network, error) {
	inspect, err := unambiguously(ctx, d, name, func() (network.Inspect, error) {
		return steadily(ctx, func() (network.Inspect, error) {
			return d.client.NetworkInspect(ctx, name, network.InspectOptions{})
		})
	})
	if err != nil {
		return driver.Network{}, fmt.Errorf("network %s: %w", name, mapError(ctx, err))
	}
	found := driver.Network{ID: inspect.ID, Name: inspect.Name, Labels: inspect.Labels}
	for _, config := range inspect.IPAM.Config {
		prefix, err := netip.ParsePrefix(config.Subnet)
		if err != nil || !prefix.Addr().Is4() {
			continue
		}
		found.Subnet = prefix.Masked()
		// An engine that names no gateway takes the first address.
		if found.Gateway, err = netip.ParseAddr(config.Gateway); err != nil {
			found.Gateway = prefix.Masked().Addr().Next()
		}
		break
	}
	found.Taken, err = d.takenAddresses(ctx, name)
	return found, err
}

// takenAddresses asks the containers and not the network, which knows only of
// those that run.
func (d *Driver) takenAddresses(ctx context.Context, name string) ([]netip.Addr, error) {
	summaries, err := steadily(ctx, func() ([]container.Summary, error) {
		return d.client.ContainerList(ctx, container.ListOptions{
			All: true, Filters: filters.NewArgs(filters.Arg("network", name)),
		})
	})
	if err != nil {
		return nil, fmt.Errorf("network %s: list its containers: %w", name, mapError(ctx, err))
	}
	var taken []netip.Addr
	for _, summary := range summaries {
		if summary.NetworkSettings == nil {
			continue
		}
		if endpoint, ok := summary.NetworkSettings.Networks[name]; ok {
			address := endpointAddress(endpoint)
			if !address.IsValid() {
				// Podman does not tell the address of a container that is
				// stopped; svp's own carry it.
				address, _ = netip.ParseAddr(summary.Labels[driver.LabelAddress])
			}
			if address.IsValid() {
				taken = append(taken, address)
			}
		}
	}
	return taken, nil
}

// endpointAddress is the address that a container has, or will have when it is
// started.
func endpointAddress(endpoint *network.EndpointSettings) netip.Addr {
	if endpoint == nil {
		return netip.Addr{}
	}
	if address, err := netip.ParseAddr(endpoint.IPAddress); err == nil {
		return address
	}
	if endpoint.IPAMConfig != nil {
		if address, err := netip.ParseAddr(endpoint.IPAMConfig.IPv4Address); err == nil {
			return address
		}
	}
	return netip.Addr{}
}

// EnsureNetwork returns the network and makes it where it is absent.
//
// Docker lets containers choose an address only on a network whose subnet was
// given by its maker, yet only Docker knows which subnets are free. So a first
// network is made to learn one, and then the real one with just that subnet.
func (d *Driver) EnsureNetwork(ctx context.Context, name string, labels driver.Labels) (driver.Network, error) {
	found, err := d.Network(ctx, name)
	if err == nil || !errors.Is(err, driver.ErrNotFound) {
		return found, err
	}
	defer lockNetworks(ctx)()
	if err := d.removeProbes(ctx); err != nil {
		return driver.Network{}, fmt.Errorf("create network %s: %w", name, mapError(ctx, err))
	}
	const attempts = 8
	lastErr := errors.New("it is removed as soon as it is made")
	for range attempts {
		found, err := d.Network(ctx, name)
		if err == nil || !errors.Is(err, driver.ErrNotFound) {
			return found, err
		}
		subnet, err := d.freeSubnet(ctx, labels)
		if errdefs.IsNotFound(err) {
			lastErr = err // somebody who does not share the lock took our probe for a leftover
			continue
		}
		if err != nil {
			return driver.Network{}, fmt.Errorf("create network %s: %w", name, mapError(ctx, err))
		}
		_, err = d.client.NetworkCreate(ctx, name, network.CreateOptions{
			Driver: "bridge", Labels: labels, IPAM: &network.IPAM{Driver: "default", Config: []network.IPAMConfig{subnet}},
		})
		switch {
		case err == nil:
			if err := d.keepOldest(ctx, name); err != nil {
				return driver.Network{}, err
			}
		case errdefs.IsConflict(err), alreadyExists(err), strings.Contains(err.Error(), "overlap"):
			// Another svp made it, or took the subnet; look again.
			lastErr = err
		default:
			return driver.Network{}, fmt.Errorf("create network %s: %w", name, mapError(ctx, err))
		}
	}
	return driver.Network{}, fmt.Errorf("create network %s: %w", name, mapError(ctx, lastErr))
}

func alreadyExists(err error) bool {
	return errdefs.IsAlreadyExists(err) || strings.Contains(err.Error(), "already exists")
}

// probePrefix begins the names of the networks that are made to learn a free subnet.
const probePrefix = "svp-probe-"

// HalfMadeNetworks names the probes that a killed svp left. While the lock is held,
// nobody uses one.
func (d *Driver) HalfMadeNetworks(ctx context.Context) ([]string, error) {
	defer lockNetworks(ctx)()
	probes, err := d.probes(ctx)
	if err != nil {
		return nil, fmt.Errorf("list networks: %w", mapError(ctx, err))
	}
	return probes, nil
}

func (d *Driver) probes(ctx context.Context) ([]string, error) {
	list, err := steadily(ctx, func() ([]network.Inspect, error) {
		return d.client.NetworkList(ctx, network.ListOptions{Filters: filters.NewArgs(filters.Arg("name", probePrefix))})
	})
	var probes []string
	for _, found := range list {
		if strings.HasPrefix(found.Name, probePrefix) && found.Labels[driver.LabelPhase] != "" {
			probes = append(probes, found.Name)
		}
	}
	return probes, err
}

func (d *Driver) removeProbes(ctx context.Context) error {
	probes, err := d.probes(ctx)
	for _, name := range probes {
		err = errors.Join(err, ignoreAbsent(d.client.NetworkRemove(ctx, name)))
	}
	return err
}

func (d *Driver) freeSubnet(ctx context.Context, labels driver.Labels) (network.IPAMConfig, error) {
	name := probePrefix + strings.ToLower(rand.Text())
	// An interrupted request would be finished by Docker, and nobody would remove what
	// it made.
	created, err := d.client.NetworkCreate(context.WithoutCancel(ctx), name, network.CreateOptions{Driver: "bridge", Labels: labels})
	if err != nil {
		return network.IPAMConfig{}, fmt.Errorf("find a free subnet: %w", err)
	}
	defer func() {
		_ = d.client.NetworkRemove(context.WithoutCancel(ctx), created.ID)
	}()
	inspect, err := steadily(ctx, func() (network.Inspect, error) {
		return d.client.NetworkInspect(ctx, created.ID, network.InspectOptions{})
	})
	if err != nil {
		return network.IPAMConfig{}, fmt.Errorf("find a free subnet: %w", err)
	}
	for _, config := range inspect.IPAM.Config {
		if config.Subnet != "" {
			return network.IPAMConfig{Subnet: config.Subnet, Gateway: config.Gateway}, nil
		}
	}
	return network.IPAMConfig{}, fmt.Errorf("find a free subnet: %w", driver.ErrUnsupported)
}

// keepOldest removes all but the first of several networks of one name, which
// Docker makes when it is asked by two at the same moment.
func (d *Driver) keepOldest(ctx context.Context, name string) error {
	list, err := steadily(ctx, func() ([]network.Inspect, error) {
		return d.client.NetworkList(ctx, network.ListOptions{Filters: filters.NewArgs(filters.Arg("name", name))})
	})
	if err != nil {
		return fmt.Errorf("list networks: %w", mapError(ctx, err))
	}
	var oldest *network.Inspect
	for i := range list {
		candidate := &list[i]
		if candidate.Name != name || candidate.Labels[driver.LabelPhase] == "" {
			continue // the filter takes parts of names; others' networks are theirs
		}
		if oldest == nil {
			oldest = candidate
			continue
		}
		younger := candidate
		if candidate.Created.Before(oldest.Created) {
			younger, oldest = oldest, candidate
		}
		if err := ignoreAbsent(d.client.NetworkRemove(ctx, younger.ID)); err != nil {
			return fmt.Errorf("remove duplicate network %s: %w", name, mapError(ctx, err))
		}
	}
	return nil
}

// RemoveNetwork removes the network.
func (d *Driver) RemoveNetwork(ctx context.Context, name string) error {
	err := ignoreAbsent(d.client.NetworkRemove(ctx, name))
	if err == nil {
		return nil
	}
	if strings.Contains(err.Error(), "active endpoints") {
		return fmt.Errorf("remove network %s: %w", name, join(driver.ErrInUse, err))
	}
	return fmt.Errorf("remove network %s: %w", name, conflictAs(ctx, driver.ErrInUse, err))
}
