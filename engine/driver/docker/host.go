package docker

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"runtime"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/network"

	"github.com/servicepack/svp/engine/driver"
)

// Host describes the engine's host.
func (d *Driver) Host(ctx context.Context) (driver.Host, error) {
	info, err := d.client.Info(ctx)
	if err != nil {
		return driver.Host{}, fmt.Errorf("describe docker host: %w", mapError(ctx, err))
	}
	engine := "Docker "
	if podman, err := d.isPodman(ctx); err != nil {
		return driver.Host{}, err
	} else if podman {
		engine = "Podman "
	}
	host := driver.Host{
		Name:     info.Name,
		Engine:   engine + info.ServerVersion,
		Endpoint: d.endpoint.Host,
		Reach:    driver.Reach{PublishedAt: publishedAt(d.endpoint.Host)},
	}
	rootless := slices.ContainsFunc(info.SecurityOptions, func(option string) bool {
		return strings.Contains(option, "name=rootless")
	})
	desktop := strings.Contains(info.OperatingSystem, "Docker Desktop")
	host.Reachable = d.isLocal() && !rootless && !desktop
	return host, nil
}

// isLocal tells that the engine is reached as one on this machine is.
func (d *Driver) isLocal() bool {
	return strings.HasPrefix(d.endpoint.Host, "unix://") && runtime.GOOS == "linux"
}

// Reach tells how what runs on the engine's host is reached. An engine has to run
// three programs before it can describe itself, so it is only asked where what can
// be seen from here proves nothing.
func (d *Driver) Reach(ctx context.Context, network string) (driver.Reach, error) {
	reach := driver.Reach{PublishedAt: publishedAt(d.endpoint.Host)}
	switch {
	case !d.isLocal():
		return reach, nil
	case isServedByRoot(ctx, strings.TrimPrefix(d.endpoint.Host, "unix://")) && d.isHere(ctx, network):
		reach.Reachable = true
		return reach, nil
	}
	host, err := d.Host(ctx)
	return host.Reach, err
}

// isHere tells that the network's bridge is on this machine: that its gateway is an
// address of ours. An address within the network would be too little: that of a
// virtual machine may be in the range of a network inside of it.
func (d *Driver) isHere(ctx context.Context, name string) bool {
	inspect, err := d.client.NetworkInspect(ctx, name, network.InspectOptions{})
	if err != nil {
		return false
	}
	own, err := net.InterfaceAddrs()
	return err == nil && hasGateway(own, inspect.IPAM.Config)
}

func hasGateway(addresses []net.Addr, networks []network.IPAMConfig) bool {
	return slices.ContainsFunc(networks, func(config network.IPAMConfig) bool {
		gateway, err := netip.ParseAddr(config.Gateway)
		return err == nil && slices.ContainsFunc(addresses, func(address net.Addr) bool {
			own, err := netip.ParsePrefix(address.String())
			return err == nil && own.Addr() == gateway
		})
	})
}

// publishedAt is where the engine's published ports are reached: at this
// machine's loopback, or at the host that the endpoint names.
func publishedAt(endpoint string) string {
	parsed, err := url.Parse(endpoint)
	if err != nil || parsed.Hostname() == "" || parsed.Scheme == "unix" || parsed.Scheme == "npipe" {
		return "127.0.0.1"
	}
	return parsed.Hostname()
}
