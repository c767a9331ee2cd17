package driver

import "errors"

// The errors that a driver's errors match with errors.Is.
var (
	// ErrNotFound: no such image, container, volume, network or path.
	ErrNotFound = errors.New("not found")
	// ErrNameInUse: a container of that name exists.
	ErrNameInUse = errors.New("name is in use")
	// ErrInUse: what should be removed is used by a container.
	ErrInUse = errors.New("in use")
	// ErrAddressInUse: another container has the address on the network.
	ErrAddressInUse = errors.New("address is in use")
	// ErrNoNetwork: the container whose network is to be joined does not run.
	ErrNoNetwork = errors.New("the network to be joined is not there")
	// ErrNetworkGone: the network on which a container is to be has been removed. It
	// comes with ErrNotFound.
	ErrNetworkGone = errors.New("the network was removed")
	// ErrImageGone: the image that is to be named, or from which a container is to be
	// made, or was made, has been removed. It comes with ErrNotFound.
	ErrImageGone = errors.New("the image was removed")
	// ErrPortInUse: another process has the port on the host.
	ErrPortInUse = errors.New("port is in use")
	// ErrUnavailable: the host does not answer.
	ErrUnavailable = errors.New("no container host answers")
	// ErrInvalidReference: what should name an image does not.
	ErrInvalidReference = errors.New("invalid image reference")
	// ErrUnreachableRegistry: the image could not be pulled.
	ErrUnreachableRegistry = errors.New("image cannot be pulled")
	// ErrUnsupported: this host cannot do what was asked.
	ErrUnsupported = errors.New("not supported by this container host")
	// ErrNoSpace: the host's disk is full.
	ErrNoSpace = errors.New("no space left on the container host")
)
