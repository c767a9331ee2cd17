package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/servicepack/svp/engine/driver"
	"github.com/servicepack/svp/engine/plan"
)

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

// destroy marks the instance first, so that a command that is bringing it up sees
// it, takes back what it made, and waits.
func (e *Engine) destroy(ctx context.Context, found *instance) (err error) {
	ctx, cancel := context.WithCancel(ctx) // the operation ends with it
	defer cancel()
	d, err := e.driver(ctx)
	if err != nil {
		return err
	}
	operation, err := e.newOperation(ctx, 0)
	if err != nil {
		return err
	}
	mark := plan.PlanDestroying(found.service, found.identity, operation)
	if err := d.CreateVolume(ctx, mark.Name, mark.Labels); err != nil {
		return err
	}
	defer func() {
		cleanup, cancel := cleanupContext(ctx)
		defer cancel()
		err = errors.Join(err, d.RemoveVolume(cleanup, mark.Name))
	}()
	if err := e.removeContainersAndVolumes(ctx, found.identity.ID); err != nil {
		return err
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

// releaseTime is how long a host may take to let go of the volumes of a container
// that is gone.
const releaseTime = time.Second

// removeContainersAndVolumes removes those of the instance, also what a command
// that has not seen the mark yet makes of it meanwhile.
func (e *Engine) removeContainersAndVolumes(ctx context.Context, id string) error {
	for used := e.now(); ; {
		containers, err := e.removeLasting(ctx, id)
		if err != nil {
			return err
		}
		if containers > 0 {
			used = e.now()
		}
		err = e.removeVolumes(ctx, id)
		if !errors.Is(err, driver.ErrInUse) || e.now().Sub(used) > releaseTime {
			return err
		}
		if err := sleep(ctx, pollInterval); err != nil {
			return err
		}
	}
}

// removeLasting removes the containers of the instance, and tells how many there
// were.
func (e *Engine) removeLasting(ctx context.Context, id string) (int, error) {
	d, err := e.driver(ctx)
	if err != nil {
		return 0, err
	}
	containers, err := d.Containers(ctx, driver.Labels{driver.LabelInstanceID: id})
	if err != nil {
		return 0, err
	}
	containers = slices.DeleteFunc(containers, func(container driver.Container) bool { return !isLasting(container) })
	holdersLast(containers)
	for _, container := range containers {
		if err := d.RemoveContainer(ctx, container.ID); err != nil {
			return 0, err
		}
	}
	return len(containers), nil
}

// removeVolumes removes those of the instance, but for the marks.
func (e *Engine) removeVolumes(ctx context.Context, id string) error {
	d, err := e.driver(ctx)
	if err != nil {
		return err
	}
	volumes, err := d.Volumes(ctx, driver.Labels{driver.LabelInstanceID: id})
	if err != nil {
		return err
	}
	for _, volume := range volumes {
		if isMark(volume) {
			continue
		}
		if err := d.RemoveVolume(ctx, volume.Name); err != nil {
			return err
		}
	}
	return nil
}

// isBeingDestroyed tells that one of the volumes of an instance is the mark of a
// command that is destroying it.
func (e *Engine) isBeingDestroyed(volumes []driver.Volume) bool {
	return slices.ContainsFunc(volumes, func(volume driver.Volume) bool {
		operation, ok := plan.OperationFromLabels(volume.Labels)
		return volume.Labels[driver.LabelRole] == driver.RoleDestroying && ok && !e.ended(operation)
	})
}

// awaitDestroyed waits until the command that is destroying the instance has ended,
// and observes again.
func (e *Engine) awaitDestroyed(ctx context.Context, identity plan.Identity) (*world, error) {
	d, err := e.driver(ctx)
	if err != nil {
		return nil, err
	}
	e.note(fmt.Sprintf("another svp is destroying %s: waiting for it", identity.Name))
	for {
		marks, err := d.Volumes(ctx, driver.Labels{driver.LabelInstanceID: identity.ID, driver.LabelRole: driver.RoleDestroying})
		if err != nil {
			return nil, err
		}
		if !e.isBeingDestroyed(marks) {
			return e.observeAndSweep(ctx)
		}
		if err := sleep(ctx, pollInterval); err != nil {
			return nil, err
		}
	}
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
