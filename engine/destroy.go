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
	ctx, cancel := context.WithTimeoutCause(ctx, changeTimeout, ErrBusy)
	defer cancel()
	return fail("destroy", name, causeOf(ctx, e.destroyNamed(ctx, name)))
}

func (e *Engine) destroyNamed(ctx context.Context, name string) error {
	if !plan.ValidInstanceName(name) {
		return invalidName(name)
	}
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
	held, err := e.lock(ctx, found, lockTimeout)
	if err != nil {
		return err
	}
	err = e.destroyHeld(ctx, held.found)
	// Without the lock, which uses the image.
	held.unlock(ctx)
	if err != nil {
		return err
	}
	if err := e.removeBindings(ctx, held.found.identity.ID); err != nil {
		return err
	}
	return e.removeImages(ctx, held.found)
}

// removeBindings removes what a bind has recorded which did not see that the instance
// goes. One that fails from now on finds no instance, and leaves nothing.
func (e *Engine) removeBindings(ctx context.Context, id string) error {
	d, err := e.driver(ctx)
	if err != nil {
		return err
	}
	records, err := d.Volumes(ctx, driver.Labels{driver.LabelInstanceID: id, driver.LabelRole: driver.RoleBinding})
	if err != nil {
		return err
	}
	for _, record := range records {
		if err := d.RemoveVolume(ctx, record.Name); err != nil {
			return err
		}
	}
	return nil
}

// destroyHeld removes the instance, which ends with its record.
func (e *Engine) destroyHeld(ctx context.Context, found *instance) error {
	if err := e.removeContainersAndVolumes(ctx, found); err != nil {
		return err
	}
	return e.removeRecord(ctx, found.reference())
}

// releaseTime is how long a host may take to let go of the volumes of a container
// that is gone.
const releaseTime = time.Second

// removeContainersAndVolumes removes those of the instance, also the containers that
// a command which is just making it adds.
func (e *Engine) removeContainersAndVolumes(ctx context.Context, found *instance) error {
	for {
		removed, err := e.removeInstanceContainers(ctx, found.identity.ID)
		if err != nil {
			return err
		}
		for _, volume := range slices.Concat(found.volumes, found.bindings) {
			if err = e.removeReleased(ctx, volume.Name); err != nil {
				break
			}
		}
		if removed == 0 || !errors.Is(err, driver.ErrInUse) {
			return err
		}
	}
}

// removeReleased removes a volume whose containers have just been removed.
func (e *Engine) removeReleased(ctx context.Context, volume string) error {
	d, err := e.driver(ctx)
	if err != nil {
		return err
	}
	for begun := e.now(); ; {
		err := d.RemoveVolume(ctx, volume)
		if !errors.Is(err, driver.ErrInUse) || e.now().Sub(begun) > releaseTime {
			return err
		}
		if err := sleep(ctx, pollInterval); err != nil {
			return err
		}
	}
}

// removeInstanceContainers tells how many there were.
func (e *Engine) removeInstanceContainers(ctx context.Context, id string) (removed int, err error) {
	d, err := e.driver(ctx)
	if err != nil {
		return 0, err
	}
	containers, err := e.containersOf(ctx, id)
	if err != nil {
		return 0, err
	}
	holdersLast(containers)
	for _, container := range containers {
		if err := d.RemoveContainer(ctx, container.ID); err != nil {
			return removed, err
		}
		removed++
	}
	return removed, nil
}

// removeImages removes what an instance that is no more was made from: its image,
// which the lock has used, and those from before its updates.
func (e *Engine) removeImages(ctx context.Context, found *instance) error {
	d, err := e.driver(ctx)
	if err != nil {
		return err
	}
	garbage := plan.GarbageReference(found.reference())
	if err := ignoreInUse(d.RemoveImage(ctx, garbage)); err != nil {
		return err
	}
	if err := e.removeFormer(ctx, found.identity.ID); err != nil {
		return err
	}
	for _, tag := range found.image.Tags {
		if _, _, ours := plan.ParseInstanceReference(tag); !ours && plan.IsNamed([]string{tag}) {
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
