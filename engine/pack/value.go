package pack

import "strconv"

// OS names the distribution and its release that a pack is made for.
type OS struct {
	Name    string
	Version string
}

// String returns the form in which packs write it, as "debian/12".
func (o OS) String() string { return o.Name + "/" + o.Version }

// Image returns the reference of the OS image, as "debian:12".
func (o OS) Image() string { return o.Name + ":" + o.Version }

// ParseOS reads the form NAME/VERSION.
func ParseOS(s string) (OS, error) { panic("not implemented") }

// Port is a port that a service listens on inside its container.
type Port struct {
	Number   int
	Protocol string // "tcp" or "udp"
}

// String returns the form "5432/tcp".
func (p Port) String() string { return strconv.Itoa(p.Number) + "/" + p.Protocol }

// ParsePort reads a port number, optionally followed by /tcp or /udp.
func ParsePort(s string) (Port, error) { panic("not implemented") }
