package docker

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/client"

	"github.com/servicepack/svp/engine/driver"
	"github.com/servicepack/svp/engine/lazyregexp"
)

// networkGone is what the engines say of a container whose network is not there.
var networkGone = lazyregexp.New(`network (\S+ )?not found`)

// endedMeanwhile is what runc says when the container whose network is to be joined
// ends in that very moment.
var endedMeanwhile = lazyregexp.New(`namespace path: lstat /proc/\d+/ns/net: no such file`)

// mapError makes an error of the API match the driver's sentinel errors. The
// engine reports what went wrong at start with a status of 500 and a sentence,
// so those few are told apart by their words: there is nothing else.
func mapError(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return errors.Join(ctx.Err(), err)
	}
	text := err.Error()
	switch {
	case client.IsErrConnectionFailed(err), isTransport(err):
		return join(driver.ErrUnavailable, err)
	case strings.Contains(text, "port is already allocated"),
		strings.Contains(text, "address already in use"), // a socket; in capitals, an address on a network
		strings.Contains(text, "ports are not available"):
		return join(driver.ErrPortInUse, err)
	// A network that was just made a second time: choosing again settles it.
	case isAmbiguous(err), strings.Contains(text, "Address already in use"),
		strings.Contains(text, "already allocated"):
		return join(driver.ErrAddressInUse, err)
	case strings.Contains(text, "cannot join network of a non running container"),
		strings.Contains(text, "is restarting, wait until"), endedMeanwhile().MatchString(text):
		return join(driver.ErrNoNetwork, err)
	case strings.Contains(text, "no space left on device"),
		strings.Contains(text, "disk quota exceeded"):
		return join(driver.ErrNoSpace, err)
	case networkGone().MatchString(text):
		return join(driver.ErrNetworkGone, join(driver.ErrNotFound, err))
	case errdefs.IsNotFound(err), vanished(err), isBeingRemoved(text), isOnItsWayOut(text):
		return join(driver.ErrNotFound, err)
	}
	return err
}

// justEnded tells that the engine takes a container for running whose process has
// ended a moment ago, as that of a service often has that keeps ending. What it then
// fails at has several names.
func justEnded(err error) bool {
	return err != nil && strings.Contains(err.Error(), "Cannot update container")
}

// isOnItsWayOut tells that a call met a container that somebody is removing.
func isOnItsWayOut(text string) bool {
	return strings.Contains(text, "is marked for removal") || strings.Contains(text, "which is being removed") ||
		strings.Contains(text, "is unexpectedly nil") // its file system is gone already
}

// isBeingRemoved tells that a call met an image that somebody is removing.
func isBeingRemoved(text string) bool {
	return strings.Contains(text, "layer does not exist") ||
		strings.Contains(text, "failed to get digest") && strings.Contains(text, "no such file")
}

// withImageGone lets the error of a call that needs an image tell that there is none,
// or only a part of one.
func withImageGone(err error) error {
	text := err.Error()
	if isBeingRemoved(text) || isUnknownImage(text) || strings.Contains(strings.ToLower(text), "no such image") {
		return join(driver.ErrImageGone, err)
	}
	return err
}

// isTransport tells that the call itself failed, as when the engine ends in the
// middle of it, and not what was asked for.
func isTransport(err error) bool {
	var transport *url.Error
	return errors.As(err, &transport)
}

// conflictAs maps a conflict, which means something else in each call.
func conflictAs(ctx context.Context, meaning, err error) error {
	if err != nil && ctx.Err() == nil && errdefs.IsConflict(err) {
		return join(meaning, err)
	}
	return mapError(ctx, err)
}

// ignoreAbsent makes removing what is gone, or on its way out, a success.
func ignoreAbsent(err error) error {
	if errdefs.IsNotFound(err) || errors.Is(err, driver.ErrNotFound) || vanished(err) {
		return nil
	}
	if err != nil && strings.Contains(err.Error(), "is already in progress") {
		return nil
	}
	// An image that somebody else is removing.
	if err != nil && strings.Contains(err.Error(), "unrecognized image ID") {
		return nil
	}
	return err
}

func join(kind, err error) error { return fmt.Errorf("%w: %w", kind, err) }
