package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/servicepack/svp/engine/driver"
	"github.com/servicepack/svp/engine/plan"
)

// unrecorded is the instance of a container whose image, the record, is gone.
// Whoever tidies up images takes it for unused: the container of a first start
// is made from the base image.
func unrecorded(container driver.Container) (*instance, error) {
	image := driver.Image{Labels: container.Labels, Created: container.Created}
	found, err := newInstance(container.Labels[driver.LabelInstanceID], container.Labels[driver.LabelInstance], image)
	if err != nil {
		return nil, err
	}
	found.containers = []driver.Container{container}
	return found, nil
}

// reference is the name of the instance's image, which makes that its record.
func (i *instance) reference() string { return plan.InstanceReference(i.identity.ID, i.identity.Name) }

func (i *instance) isUnrecorded() bool { return i.image.ID == "" }

// restoreRecord makes the image of an instance anew where it is gone, from the
// container that it was made from in the first place.
func (e *Engine) restoreRecord(ctx context.Context, found *instance) error {
	if !found.isUnrecorded() || len(found.containers) == 0 {
		return nil
	}
	d, err := e.driver(ctx)
	if err != nil {
		return err
	}
	e.warn(fmt.Sprintf("the image of %s was removed: it is made anew", found.identity.Name))
	primary := found.containers[len(found.containers)-1] // the only one, or the holder
	operation, _ := plan.OperationFromLabels(primary.Labels)
	planned, err := plan.PlanInstance(plan.InstanceInput{
		Service: found.service, Identity: found.identity, Base: primary.Labels[driver.LabelBaseImage], Operation: operation,
	})
	if err != nil {
		return err
	}
	found.image.ID, err = d.Commit(ctx, primary.ID, planned.Commit)
	return err
}

// removeRecord removes the name of an instance's image, with which the instance ends,
// and the image, unless somebody else has named it. Whatever uses the image, a lock for
// one, does not keep it from losing the name; the sweep removes it later then.
func (e *Engine) removeRecord(ctx context.Context, reference string) error {
	d, err := e.driver(ctx)
	if err != nil {
		return err
	}
	garbage := plan.GarbageReference(reference)
	err = d.TagImage(ctx, reference, garbage)
	if errors.Is(err, driver.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := d.RemoveImage(ctx, reference); err != nil {
		return err
	}
	return ignoreInUse(d.RemoveImage(ctx, garbage))
}
