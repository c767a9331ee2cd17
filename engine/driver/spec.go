package driver

import (
	"io"
	"net/netip"
	"time"
)

// Host describes a container host.
type Host struct {
	Name     string // the host's own name
	Engine   string // name and version of the engine, as "Docker 20.10.24"
	Endpoint string // where it was reached, as "unix:///var/run/docker.sock"
	Reach
}

// Reach is how what runs on a host is reached from here.
type Reach struct {
	// PublishedAt is the host name or address at which a port published on
	// the host's loopback or public interface is reached from here.
	PublishedAt string
	// Reachable tells that the addresses of containers can be reached from
	// here: the engine is on this machine and not inside a virtual machine or
	// a user namespace.
	Reachable bool
}

// Image is an image that the host has.
type Image struct {
	ID      string // "sha256:…"
	Parent  string // the image that it was made from, where the host tells
	Tags    []string
	Labels  Labels
	Size    int64 // bytes, all layers
	Created time.Time
}

// ContainerState is a phase in a container's life.
type ContainerState string

// The states of a container. A host's finer states map to the nearest one.
const (
	Created    ContainerState = "created"
	Running    ContainerState = "running"
	Restarting ContainerState = "restarting"
	Paused     ContainerState = "paused"
	Exited     ContainerState = "exited"
)

// Container is a container that the host has.
type Container struct {
	ID        string
	Name      string
	Image     string // id of its image
	Labels    Labels
	State     ContainerState
	ExitCode  int // of the last run; meaningful when State is Exited
	Created   time.Time
	Started   time.Time
	Address   netip.Addr // on its network; invalid where it has none
	Published []PublishedPort
	// Restarts is how often the host has started it again since somebody did.
	Restarts int
	// Process is the number that its first process has on the host; 0 while it
	// does not run.
	Process int
}

// Port is a port of a container.
type Port struct {
	Number   int    `json:"number"`
	Protocol string `json:"protocol"` // "tcp" or "udp"
}

// PublishedPort makes a port of a container reachable at the host.
type PublishedPort struct {
	HostIP    string // "127.0.0.1", or "0.0.0.0" for everybody
	HostPort  int
	Container Port
}

// ContainerSpec is everything that CreateContainer needs to know.
type ContainerSpec struct {
	Name       string // empty: the host chooses one
	Image      string
	Entrypoint []string
	Command    []string
	WorkingDir string
	Hostname   string
	Labels     Labels
	// Input keeps the standard input open for one attachment; the container
	// reads the end of file when the attached side goes away.
	Input bool
	// StopSignal is what asks the container to end; empty means SIGTERM.
	StopSignal string
	StopGrace  time.Duration // for whoever stops it without saying how long
	Network    NetworkSpec
	Publish    []PublishedPort
	Expose     []Port
	Mounts     []Mount
	Limits     Limits
	// Confined drops the privileges that a service does not need: a minimal
	// capability set, no new privileges, a limit of processes.
	Confined bool
	// Lasting tells that the driver will be asked to keep the container running.
	// A host that settles this when the container is made restarts it from the
	// start; one with Input not when it ends with status 0.
	Lasting bool
	// Isolated leaves no network, no capability, few processes and a read-only
	// file system, but for Memory.
	Isolated bool
	// HostProcesses lets it see and end the processes of the host, those of other
	// containers among them.
	HostProcesses bool
	// Memory are folders that are kept in memory, empty at first. Their files can
	// be executed.
	Memory []MemoryFolder
}

// MemoryFolder is a folder of a container that is kept in memory and bounded.
type MemoryFolder struct {
	Path  string
	Bytes int64
}

// NetworkSpec places a container on a network.
type NetworkSpec struct {
	// Name of the network; empty means the host's default one.
	Name string
	// Address on that network; an invalid one lets the host choose.
	Address netip.Addr
	Aliases []string
	// JoinContainer shares the network of another container instead.
	JoinContainer string
	// None leaves the container nothing but its own loopback.
	None bool
}

// Mount places a named volume in a container. A new volume is filled with what
// the image has at that path.
type Mount struct {
	Volume   string
	Path     string
	ReadOnly bool
	// Labels are those of the volume. A host that makes a volume which is not
	// there when its container is made gives it these.
	Labels Labels
}

// Limits bounds what a container may use; zero means no limit.
type Limits struct {
	MemoryBytes  int64   `json:"memory_bytes,omitempty"`
	CPUs         float64 `json:"cpus,omitempty"`
	ShmBytes     int64   `json:"shm_bytes,omitempty"`
	StorageBytes int64   `json:"storage_bytes,omitempty"`
}

// CommitSpec is the configuration of an image made from a container.
type CommitSpec struct {
	Reference  string // empty: only the id names it
	Comment    string
	Entrypoint []string
	Command    []string
	WorkingDir string
	Expose     []Port
	Labels     Labels
}

// ExecSpec is a command to run in a container, and its streams. A nil Stdin
// is an empty one.
type ExecSpec struct {
	Command    []string
	WorkingDir string
	Stdin      io.Reader
	Stdout     io.Writer
	Stderr     io.Writer
	// Terminal, when not nil, gives the command a terminal; Stderr is unused
	// then.
	Terminal *Terminal
}

// Terminal is the size of the terminal of a command, and its changes.
type Terminal struct {
	Size    WindowSize
	Resizes <-chan WindowSize
}

// WindowSize is a terminal's size in characters.
type WindowSize struct{ Rows, Columns uint }

// Exit is how a container ended.
type Exit struct {
	Code int
	// OutOfMemory tells that the host's memory limit ended it.
	OutOfMemory bool
	// Err tells that the end could not be observed.
	Err error
}

// LogOptions chooses what Logs copies.
type LogOptions struct {
	Follow     bool
	Tail       int // last lines only; 0 means all, a negative number none
	Since      time.Time
	Timestamps bool
}

// Volume is a named volume that the host has.
type Volume struct {
	Name    string
	Labels  Labels
	Created time.Time
}

// Network is a network that the host has.
type Network struct {
	ID      string
	Name    string
	Labels  Labels
	Subnet  netip.Prefix
	Gateway netip.Addr
	// Taken are the addresses that containers on it have, or will have when
	// they are started.
	Taken []netip.Addr
}
