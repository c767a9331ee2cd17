package engine

import (
	"context"
	"fmt"
	"slices"
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
	return e.bringUp(ctx, found, seen, reach, timeout)
}

// Stop stops an instance; its containers, volumes and credentials stay.
func (e *Engine) Stop(ctx context.Context, name string) error {
	found, err := e.lookUp(ctx, name)
	if err == nil {
		err = e.stopContainers(ctx, found)
	}
	return fail("stop", name, causeOf(ctx, err))
}

// stopContainers stops the components first, all at the same time, and then
// the holder of their network.
func (e *Engine) stopContainers(ctx context.Context, found *instance) error {
	d, err := e.driver(ctx)
	if err != nil {
		return err
	}
	for _, role := range []string{driver.RoleService, driver.RoleHolder} {
		var stops []func() error
		for _, container := range found.containers {
			if container.Labels[driver.LabelRole] == role {
				stops = append(stops, func() error { return d.StopContainer(ctx, container.ID, plan.StopGrace) })
			}
		}
		if err := parallel(stops...); err != nil {
			return err
		}
	}
	return nil
}

// Restart stops an instance and starts it again.
func (e *Engine) Restart(ctx context.Context, name string, timeout time.Duration) (UpResult, error) {
	found, err := e.lookUp(ctx, name)
	if err == nil {
		err = e.stopContainers(ctx, found)
	}
	if err != nil {
		return UpResult{}, fail("restart", name, causeOf(ctx, err))
	}
	result, err := e.startNamed(ctx, name, timeout)
	return result, fail("restart", name, causeOf(ctx, err))
}

// Down stops an instance and removes its containers; its volumes and its
// credentials stay, and Up or Start bring it back.
func (e *Engine) Down(ctx context.Context, name string) error {
	found, err := e.lookUp(ctx, name)
	if err == nil {
		err = e.removeContainers(ctx, found)
	}
	return fail("down", name, causeOf(ctx, err))
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

// Destroy removes everything of the instance: containers, volumes, image. The
// image, which is the record of the instance, goes last, so that a destroy that
// was interrupted can be repeated.
func (e *Engine) Destroy(ctx context.Context, name string) error {
	return fail("destroy", name, causeOf(ctx, e.destroyNamed(ctx, name)))
}

func (e *Engine) destroyNamed(ctx context.Context, name string) error {
	if !plan.ValidInstanceName(name) {
		return invalidName(name)
	}
	// What a killed command left may use the instance's image.
	seen, err := e.observeAndSweep(ctx)
	if err != nil {
		return err
	}
	found, err := seen.find(name)
	if err != nil {
		return err
	}
	return e.destroy(ctx, found)
}

func (e *Engine) destroy(ctx context.Context, found *instance) error {
	d, err := e.driver(ctx)
	if err != nil {
		return err
	}
	for _, container := range found.containers {
		if err := d.RemoveContainer(ctx, container.ID); err != nil {
			return err
		}
	}
	for _, volume := range slices.Concat(found.volumes, found.bindings) {
		if err := d.RemoveVolume(ctx, volume.Name); err != nil {
			return err
		}
	}
	// A command that was killed before it removed it may have left the mark.
	if err := d.RemoveVolume(ctx, plan.MakingVolumeName(found.identity.ID)); err != nil {
		return err
	}
	if err := d.RemoveImage(ctx, plan.InstanceReference(found.identity.ID, found.identity.Name)); err != nil {
		return err
	}
	if err := e.removeFormer(ctx, found.identity.ID); err != nil {
		return err
	}
	for _, tag := range found.image.Tags {
		if _, _, ours := plan.ParseInstanceReference(tag); !ours {
			e.note(fmt.Sprintf("image %s, which %s was run from, stays, with its credentials; docker rmi removes it", tag, found.identity.Name))
		}
	}
	return nil
}

// removeFormer removes the images from before the updates of an instance, which
// mostly go with its own. One shows only when what was made from it is gone.
func (e *Engine) removeFormer(ctx context.Context, id string) error {
	d, err := e.driver(ctx)
	if err != nil {
		return err
	}
	for tried := map[string]bool{}; ; {
		images, err := d.Images(ctx, driver.Labels{driver.LabelInstanceID: id})
		if err != nil {
			return err
		}
		former := slices.IndexFunc(images, func(image driver.Image) bool { return len(image.Tags) == 0 && !tried[image.ID] })
		if former < 0 {
			return nil
		}
		tried[images[former].ID] = true
		if err := ignoreInUse(d.RemoveImage(ctx, images[former].ID)); err != nil {
			return err
		}
	}
}
