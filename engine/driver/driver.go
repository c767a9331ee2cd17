// Package driver says, in terms that belong to no container engine, what svp
// asks of the host that runs its containers. An implementation acts and decides
// nothing; every decision comes to it as a spec.
package driver

import (
	"context"
	"io"
	"time"
)

// Driver is a container host. Implementations are safe for concurrent use.
//
// Every method returns an error that matches one of the sentinel errors of this
// package where one applies, and the context's error when the context ended the
// call. Names and ids are interchangeable where a method takes one.
type Driver interface {
	// Host describes the host; it is the cheapest call that proves that the
	// host answers.
	Host(ctx context.Context) (Host, error)
	// Reach is the part of Host that commands need, and is found out faster where
	// the network is there: one that containers are in.
	Reach(ctx context.Context, network string) (Reach, error)
	Images
	Containers
	Volumes
	Networks
	// Close releases the connections to the host.
	Close() error
}

// Images is the part of a host that keeps images.
type Images interface {
	// Image returns the image of that reference or id, or ErrNotFound.
	Image(ctx context.Context, ref string) (Image, error)
	// ImageText is everything that the host tells about an image and how it was
	// made, in the host's own words.
	ImageText(ctx context.Context, ref string) ([]byte, error)
	// Images lists the images that carry all the labels; an empty value
	// matches any value.
	Images(ctx context.Context, labels Labels) ([]Image, error)
	// PullImage fetches the image and writes what happens, a line each, to
	// progress.
	PullImage(ctx context.Context, ref string, progress io.Writer) error
	// ImportImage makes a one-layer image of the root file system in the tar
	// stream and tags it; it returns the image's id.
	ImportImage(ctx context.Context, ref string, rootfs io.Reader) (string, error)
	// TagImage gives the image one more reference, or returns ErrImageGone.
	TagImage(ctx context.Context, image, ref string) error
	// RemoveImage removes the reference, and the image with its last one. An
	// absent image is no error; ErrInUse is one.
	RemoveImage(ctx context.Context, ref string) error
}

// Containers is the part of a host that keeps and runs containers.
type Containers interface {
	// Container returns the container, or ErrNotFound.
	Container(ctx context.Context, container string) (Container, error)
	// ContainerText is everything that the host tells about a container, in the
	// host's own words.
	ContainerText(ctx context.Context, container string) ([]byte, error)
	// Containers lists the containers, stopped ones included, that carry all
	// the labels; an empty value matches any value.
	Containers(ctx context.Context, labels Labels) ([]Container, error)
	// CreateContainer makes a container and returns its id, or ErrNameInUse or
	// ErrImageGone.
	CreateContainer(ctx context.Context, spec ContainerSpec) (string, error)
	// CopyTo unpacks a tar stream at the path in the container, running or not.
	CopyTo(ctx context.Context, container, path string, content io.Reader) error
	// CopyFrom returns a tar stream of the path in the container, running or
	// not, or ErrNotFound. The caller closes it.
	CopyFrom(ctx context.Context, container, path string) (io.ReadCloser, error)
	// Attach connects to the streams of a container that does not run yet, so
	// that nothing of its output is lost.
	Attach(ctx context.Context, container string) (Attachment, error)
	// StartContainer starts the container. It returns ErrAddressInUse or
	// ErrPortInUse when somebody else has what the container was promised, and
	// ErrNoNetwork when the container that it joins does not run.
	StartContainer(ctx context.Context, container string) error
	// StopContainer asks the container to end, kills it when it did not
	// within the grace period, and returns when it has ended.
	StopContainer(ctx context.Context, container string, grace time.Duration) error
	// UnpauseContainer lets a container go on that somebody has paused.
	UnpauseContainer(ctx context.Context, container string) error
	// RemoveContainer kills and removes the container with its anonymous
	// volumes. An absent container is no error.
	RemoveContainer(ctx context.Context, container string) error
	// KeepRunning lets the host restart the container, which was made to last,
	// when it ends, until somebody stops it.
	KeepRunning(ctx context.Context, container string) error
	// WaitExit registers the interest before it returns, so that a container
	// started afterwards cannot end unseen; the channel yields one value.
	WaitExit(ctx context.Context, container string) (<-chan Exit, error)
	// Logs copies the container's output to the writers; with follow until
	// the container ends.
	Logs(ctx context.Context, container string, options LogOptions, stdout, stderr io.Writer) error
	// Commit makes an image of the container's file system, with exactly this
	// configuration and not the container's; it returns the image's id, or
	// ErrImageGone when what the container was made from is being removed.
	Commit(ctx context.Context, container string, spec CommitSpec) (string, error)
	// Exec runs a command in the running container and returns its exit
	// status. The streams are closed by their owner, not by Exec.
	Exec(ctx context.Context, container string, spec ExecSpec) (int, error)
}

// Volumes is the part of a host that keeps named volumes.
type Volumes interface {
	// Volumes lists the volumes that carry all the labels.
	Volumes(ctx context.Context, labels Labels) ([]Volume, error)
	// CreateVolume makes the volume; one of that name that exists is left as
	// it is.
	CreateVolume(ctx context.Context, name string, labels Labels) error
	// RemoveVolume removes the volume and what it holds. An absent volume is
	// no error; ErrInUse is one.
	RemoveVolume(ctx context.Context, name string) error
}

// Networks is the part of a host that keeps networks.
type Networks interface {
	// Network returns the network of that name, or ErrNotFound.
	Network(ctx context.Context, name string) (Network, error)
	// EnsureNetwork returns the network of that name and makes it, with a
	// subnet of its own so that addresses can be chosen, where it is absent.
	EnsureNetwork(ctx context.Context, name string, labels Labels) (Network, error)
	// HalfMadeNetworks names the networks that a killed EnsureNetwork left behind.
	HalfMadeNetworks(ctx context.Context) ([]string, error)
	// RemoveNetwork removes the network. An absent one is no error; ErrInUse
	// is one.
	RemoveNetwork(ctx context.Context, name string) error
}

// Attachment is a connection to a container's streams.
type Attachment interface {
	// Output copies what the container writes until it ends; it returns nil
	// at the end of the stream.
	Output(stdout, stderr io.Writer) error
	// Write sends to the container's standard input, which waits for it to run.
	io.Writer
	// CloseInput ends the container's standard input.
	CloseInput() error
	// Close ends the connection; Output returns then.
	Close() error
}
