package engine

import (
	"context"
	"errors"
	"time"

	"github.com/servicepack/svp/engine/driver"
	"github.com/servicepack/svp/engine/plan"
)

// Start starts a stopped instance, makes its containers anew where they are
// gone, and waits until it is ready. A zero timeout means DefaultReadyTimeout.
func (e *Engine) Start(ctx context.Context, name string, timeout time.Duration) (UpResult, error) {
	result, err := e.startNamed(ctx, name, timeout)
	return result, fail("start", name, causeOf(ctx, err))
}

func (e *Engine) startNamed(ctx context.Context, name string, timeout time.Duration) (UpResult, error) {
	if !plan.ValidInstanceName(name) {
		return UpResult{}, invalidName(name)
	}
	var seen *world
	var reach driver.Reach
	err := parallel(
		func() (err error) { seen, err = e.observeAndSweep(ctx); return err },
		func() (err error) { reach, err = e.reach(ctx); return err },
	)
	if err != nil {
		return UpResult{}, err
	}
	found, err := seen.find(name)
	if err != nil {
		return UpResult{}, err
	}
	return e.bringUp(ctx, bringing{found: found, seen: seen, reach: reach, timeout: timeout})
}

// Stop stops an instance; its containers, volumes and credentials stay.
func (e *Engine) Stop(ctx context.Context, name string) error {
	return fail("stop", name, e.withLock(ctx, name, e.stopContainers))
}

// stopContainers stops the components first, all at the same time, and then
// the holder of their network. What another command has removed has stopped.
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
	return nil
}

func ignoreGone(err error) error {
	if errors.Is(err, driver.ErrNotFound) {
		return nil
	}
	return err
}

// Restart stops an instance and starts it again.
func (e *Engine) Restart(ctx context.Context, name string, timeout time.Duration) (UpResult, error) {
	if err := e.withLock(ctx, name, e.stopContainers); err != nil {
		return UpResult{}, fail("restart", name, err)
	}
	result, err := e.startNamed(ctx, name, timeout)
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
