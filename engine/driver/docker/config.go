package docker

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/go-connections/nat"

	"github.com/servicepack/svp/engine/driver"
)

// serviceCapabilities is what a service needs to take ownership of its files,
// become its own user, end its children and listen on a low port.
var serviceCapabilities = []string{
	"CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID", "KILL", "NET_BIND_SERVICE",
}

const (
	servicePids  = 8192
	isolatedPids = 128
)

// containerConfig translates a spec into the three parts of the API's call.
func containerConfig(spec driver.ContainerSpec) (*container.Config, *container.HostConfig, *network.NetworkingConfig) {
	config := &container.Config{
		Image: spec.Image, Entrypoint: spec.Entrypoint, Cmd: spec.Command, WorkingDir: spec.WorkingDir,
		Hostname: spec.Hostname, Labels: spec.Labels,
		// Said also when it is the default: an image hands on the signal of the
		// container that it was committed from, which for a holder is SIGKILL.
		StopSignal:   cmp.Or(spec.StopSignal, "SIGTERM"),
		ExposedPorts: exposed(withPublished(spec)),
		AttachStdin:  spec.Input, OpenStdin: spec.Input, StdinOnce: spec.Input,
	}
	if spec.StopGrace > 0 {
		seconds := int(spec.StopGrace.Seconds())
		config.StopTimeout = &seconds
	}
	return config, hostConfig(spec), networkingConfig(spec.Network)
}

func hostConfig(spec driver.ContainerSpec) *container.HostConfig {
	host := &container.HostConfig{
		PortBindings: portBindings(spec.Publish),
		Mounts:       mounts(spec.Mounts),
		ShmSize:      spec.Limits.ShmBytes,
		Resources: container.Resources{
			Memory: spec.Limits.MemoryBytes, NanoCPUs: int64(spec.Limits.CPUs * 1e9),
		},
		// Rotation, so that a chatty service never fills the host's disk.
		LogConfig: container.LogConfig{
			Type: "json-file", Config: map[string]string{"max-size": "10m", "max-file": "3"},
		},
	}
	if spec.Limits.MemoryBytes > 0 {
		// As much memory and swap as memory alone: the limit means what it says.
		host.MemorySwap = spec.Limits.MemoryBytes
	}
	if spec.Limits.StorageBytes > 0 {
		host.StorageOpt = map[string]string{"size": strconv.FormatInt(spec.Limits.StorageBytes, 10)}
	}
	switch {
	case spec.Network.None:
		host.NetworkMode = "none"
	case spec.Network.JoinContainer != "":
		host.NetworkMode = container.NetworkMode("container:" + spec.Network.JoinContainer)
	case spec.Network.Name != "":
		host.NetworkMode = container.NetworkMode(spec.Network.Name)
	}
	for _, folder := range spec.Memory {
		if host.Tmpfs == nil {
			host.Tmpfs = map[string]string{}
		}
		host.Tmpfs[folder.Path] = "rw,exec,nosuid,nodev,mode=0755,size=" + strconv.FormatInt(folder.Bytes, 10)
	}
	if spec.HostProcesses {
		host.PidMode = "host"
	}
	if spec.Confined {
		confine(host, serviceCapabilities, servicePids)
	}
	if spec.Isolated {
		confine(host, nil, isolatedPids)
		host.NetworkMode = "none"
		host.ReadonlyRootfs = true
	}
	return host
}

func confine(host *container.HostConfig, capabilities []string, pids int64) {
	host.PidsLimit = &pids
	host.CapDrop = []string{"ALL"}
	host.CapAdd = capabilities
	host.SecurityOpt = []string{"no-new-privileges"}
}

func networkingConfig(spec driver.NetworkSpec) *network.NetworkingConfig {
	if spec.Name == "" || spec.JoinContainer != "" {
		return nil
	}
	endpoint := &network.EndpointSettings{Aliases: spec.Aliases}
	if spec.Address.IsValid() {
		endpoint.IPAMConfig = &network.EndpointIPAMConfig{IPv4Address: spec.Address.String()}
	}
	return &network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{spec.Name: endpoint}}
}

func mounts(specs []driver.Mount) []mount.Mount {
	list := make([]mount.Mount, 0, len(specs))
	for _, spec := range specs {
		list = append(list, mount.Mount{
			Type: mount.TypeVolume, Source: spec.Volume, Target: spec.Path, ReadOnly: spec.ReadOnly,
			VolumeOptions: &mount.VolumeOptions{Labels: spec.Labels},
		})
	}
	return list
}

func natPort(port driver.Port) nat.Port {
	return nat.Port(strconv.Itoa(port.Number) + "/" + port.Protocol)
}

func exposed(ports []driver.Port) nat.PortSet {
	set := nat.PortSet{}
	for _, port := range ports {
		set[natPort(port)] = struct{}{}
	}
	return set
}

// withPublished are the exposed ports; an engine publishes none but those.
func withPublished(spec driver.ContainerSpec) []driver.Port {
	ports := slices.Clone(spec.Expose)
	for _, published := range spec.Publish {
		ports = append(ports, published.Container)
	}
	return ports
}

func portBindings(published []driver.PublishedPort) nat.PortMap {
	bindings := nat.PortMap{}
	for _, p := range published {
		key := natPort(p.Container)
		bindings[key] = append(bindings[key], nat.PortBinding{HostIP: p.HostIP, HostPort: strconv.Itoa(p.HostPort)})
	}
	return bindings
}

func publishedPorts(bindings nat.PortMap) []driver.PublishedPort {
	var published []driver.PublishedPort
	for port, hosts := range bindings {
		for _, host := range hosts {
			number, err := strconv.Atoi(host.HostPort)
			if err != nil {
				continue // the engine has not chosen the port yet
			}
			published = append(published, driver.PublishedPort{
				HostIP: host.HostIP, HostPort: number,
				Container: driver.Port{Number: port.Int(), Protocol: port.Proto()},
			})
		}
	}
	return published
}
