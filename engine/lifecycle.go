package engine

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/servicepack/svp/engine/driver"
	"github.com/servicepack/svp/engine/plan"
)

// Start starts a stopped instance, makes its containers anew where they are
// gone, and waits until it is ready. The timeout bounds all of that; 0 means
// DefaultReadyTimeout for it to be ready.
func (e *Engine) Start(ctx context.Context, name string, timeout time.Duration) (UpResult, error) {
	ctx, cancel := e.withTimeout(ctx, timeout, DefaultTimeout)
	defer cancel()
	result, err := e.startNamed(ctx, name, bringing{timeout: timeout})
	return result, fail("start", name, causeOf(ctx, err))
}

func (e *Engine) startNamed(ctx context.Context, name string, b bringing) (UpResult, error) {
	if !plan.ValidInstanceName(name) {
		return UpResult{}, invalidName(name)
	}
	err := parallel(
		func() (err error) { b.seen, err = e.observeAndSweep(ctx); return err },
		func() (err error) { b.reach, err = e.reach(ctx); return err },
	)
	if err != nil {
		return UpResult{}, err
	}
	if b.found, err = b.seen.find(name); err != nil {
		return UpResult{}, err
	}
	return e.bringUp(ctx, b)
}

// Stop stops an instance; its containers, volumes and credentials stay.
func (e *Engine) Stop(ctx context.Context, name string) error {
	return fail("stop", name, e.withLock(ctx, name, e.stopContainers))
}

// stopContainers stops the components first, all at the same time, and then
// the holder of their network. What somebody has removed has stopped.
func (e *Engine) stopContainers(ctx context.Context, found *instance) error {
	d, err := e.driver(ctx)
	if err != nil {
		return err
	}
	for _, role := range []string{driver.RoleService, driver.RoleHolder} {
		var stops []func() error
		for _, container := range found.containers {
			if container.Labels[driver.LabelRole] == role {
				stops = append(stops, func() error { return ignoreGone(d.StopContainer(ctx, container.ID, plan.StopGrace)) })
			}
		}
		if err := parallel(stops...); err != nil {
			return err
		}
	}
	found.containers = slices.Clone(found.containers) // others have it as it was
	for i, container := range found.containers {
		if container.State != driver.Created {
			found.containers[i].State = driver.Exited
		}
	}
	return nil
}

func ignoreGone(err error) error {
	if errors.Is(err, driver.ErrNotFound) {
		return nil
	}
	return err
}

// Restart stops an instance and starts it again. The timeout is for it to be ready; 0
// means DefaultReadyTimeout.
func (e *Engine) Restart(ctx context.Context, name string, timeout time.Duration) (UpResult, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, changeTimeout+timeout, ErrBusy)
	defer cancel()
	result, err := e.startNamed(ctx, name, bringing{timeout: timeout, restart: true})
	return result, fail("restart", name, causeOf(ctx, err))
}

// Down stops an instance and removes its containers; its volumes and its
// credentials stay, and Up or Start bring it back.
func (e *Engine) Down(ctx context.Context, name string) error {
	return fail("down", name, e.withLock(ctx, name, e.removeContainers))
}

func (e *Engine) removeContainers(ctx context.Context, found *instance) error {
	if err := e.restoreRecord(ctx, found); err != nil {
		return err
	}
	if err := e.stopContainers(ctx, found); err != nil {
		return err
	}
	d, err := e.driver(ctx)
	if err != nil {
		return err
	}
	for _, container := range found.containers {
		if err := d.RemoveContainer(ctx, container.ID); err != nil {
			return err
		}
	}
	return nil
}
