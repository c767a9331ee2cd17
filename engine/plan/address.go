package plan

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/servicepack/svp/engine/driver"
)

// ErrNetworkFull tells that every address of the network is taken.
var ErrNetworkFull = errors.New("every address of the network is taken")

// ChooseAddress picks a free address of the network for the instance. The same
// id asks for the same address first, so that two that choose at the same moment
// rarely choose the same.
func ChooseAddress(network driver.Network, taken []netip.Addr, id string) (netip.Addr, error) {
	if !network.Subnet.IsValid() || !network.Subnet.Addr().Is4() {
		return netip.Addr{}, fmt.Errorf("network %s has no IPv4 subnet: %w", network.Name, driver.ErrUnsupported)
	}
	hosts := uint32(1)<<(32-network.Subnet.Bits()) - 1
	if hosts < 3 {
		return netip.Addr{}, fmt.Errorf("network %s: %w", network.Name, ErrNetworkFull)
	}
	first := network.Subnet.Masked().Addr().As4()
	start := binary.BigEndian.Uint32(first[:])
	usable := hosts - 1 // without the network's own and the broadcast address
	offset := hash(id) % usable
	for i := range usable {
		var bytes [4]byte
		binary.BigEndian.PutUint32(bytes[:], start+1+(offset+i)%usable)
		candidate := netip.AddrFrom4(bytes)
		if candidate != network.Gateway && !slices.Contains(network.Taken, candidate) && !slices.Contains(taken, candidate) {
			return candidate, nil
		}
	}
	return netip.Addr{}, fmt.Errorf("network %s: %w", network.Name, ErrNetworkFull)
}

func hash(text string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(text)) // never fails
	return h.Sum32()
}

// The range from which svp chooses published ports: above the ports that
// services usually have and below those that Linux gives to outgoing
// connections.
const (
	firstChosenPort = 20000
	chosenPorts     = 12000
)

// PublishRequest asks for a port of the instance to be published.
type PublishRequest struct {
	HostPort  int // 0: to be chosen
	Container driver.Port
}

// PublishInput is what the choice of published ports depends on.
type PublishInput struct {
	Requests []PublishRequest
	Public   bool
	ID       string // of the instance
	Attempt  int    // counts up when a chosen port turned out to be in use
	Taken    []int  // host ports known to be in use
	// SamePort prefers the container's own number, for environments that do
	// not tell of another.
	SamePort bool
}

// ChoosePublished decides where each requested port is published. A port that
// the user named is taken as it is.
func ChoosePublished(in PublishInput) []driver.PublishedPort {
	hostIP := "127.0.0.1"
	if in.Public {
		hostIP = "0.0.0.0"
	}
	taken := slices.Clone(in.Taken)
	published := make([]driver.PublishedPort, 0, len(in.Requests))
	for _, request := range in.Requests {
		port := request.HostPort
		if port == 0 {
			port = choosePort(in, request.Container, taken)
		}
		taken = append(taken, port)
		published = append(published, driver.PublishedPort{HostIP: hostIP, HostPort: port, Container: request.Container})
	}
	return published
}

func choosePort(in PublishInput, port driver.Port, taken []int) int {
	if in.SamePort && in.Attempt == 0 && !slices.Contains(taken, port.Number) {
		return port.Number
	}
	start := hash(in.ID + "/" + strconv.Itoa(port.Number) + port.Protocol + strings.Repeat("+", in.Attempt))
	for i := range uint32(chosenPorts) {
		candidate := firstChosenPort + int((start+i)%chosenPorts)
		if !slices.Contains(taken, candidate) {
			return candidate
		}
	}
	return firstChosenPort + int(start%chosenPorts)
}

// FormatPublish writes published ports as a label holds them.
func FormatPublish(published []driver.PublishedPort) string {
	texts := make([]string, 0, len(published))
	for _, p := range published {
		texts = append(texts, FormatPublished(p))
	}
	return strings.Join(texts, " ")
}

// FormatPublished writes one published port, as "127.0.0.1:15432:5432/tcp".
func FormatPublished(p driver.PublishedPort) string {
	return fmt.Sprintf("%s:%d:%d/%s", p.HostIP, p.HostPort, p.Container.Number, p.Container.Protocol)
}

// ParsePublish reads back what FormatPublish wrote.
func ParsePublish(text string) ([]driver.PublishedPort, error) {
	var published []driver.PublishedPort
	for _, field := range strings.Fields(text) {
		parts := strings.Split(field, ":")
		if len(parts) != 3 {
			return nil, fmt.Errorf("published port %q is not ADDRESS:PORT:PORT/PROTOCOL", field)
		}
		hostPort, err := strconv.Atoi(parts[1])
		if err != nil {
			return nil, fmt.Errorf("published port %q: %w", field, err)
		}
		port, err := ParsePort(parts[2])
		if err != nil {
			return nil, fmt.Errorf("published port %q: %w", field, err)
		}
		published = append(published, driver.PublishedPort{HostIP: parts[0], HostPort: hostPort, Container: port})
	}
	return published, nil
}

// ParsePort reads "5432/tcp", or "5432" for TCP.
func ParsePort(text string) (driver.Port, error) {
	number, protocol, found := strings.Cut(text, "/")
	if !found {
		protocol = "tcp"
	}
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 || n > 65535 {
		return driver.Port{}, fmt.Errorf("%q is no port: a port is a number from 1 to 65535", number)
	}
	if protocol != "tcp" && protocol != "udp" {
		return driver.Port{}, fmt.Errorf("%q is no protocol: use tcp or udp", protocol)
	}
	return driver.Port{Number: n, Protocol: protocol}, nil
}

// FormatPort writes a port, as "5432/tcp".
func FormatPort(port driver.Port) string { return strconv.Itoa(port.Number) + "/" + port.Protocol }
