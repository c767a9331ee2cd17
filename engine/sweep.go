package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/servicepack/svp/engine/driver"
	"github.com/servicepack/svp/engine/plan"
)

// sweep removes what killed commands left behind. The mark of an instance,
// without which the rest would not be known as half made, goes after all else.
func (e *Engine) sweep(ctx context.Context, left leftovers) error {
	d, err := e.driver(ctx)
	if err != nil {
		return err
	}
	var errs []error
	kept := map[string]bool{} // instances of which something is still there
	removed := func(labels driver.Labels, err error) {
		if err != nil {
			kept[labels[driver.LabelInstanceID]] = true
			errs = append(errs, ignoreInUse(err))
		}
	}
	for _, container := range left.containers {
		removed(container.Labels, d.RemoveContainer(ctx, container.ID))
	}
	for _, volume := range left.volumes {
		removed(volume.Labels, d.RemoveVolume(ctx, volume.Name))
	}
	for _, mark := range left.marks {
		if !kept[mark.Labels[driver.LabelInstanceID]] {
			removed(mark.Labels, d.RemoveVolume(ctx, mark.Name))
		}
	}
	for _, image := range left.images {
		removed(image.Labels, e.removeUnnamed(ctx, image))
	}
	return errors.Join(errs...)
}

// removeUnnamed removes an image that has no name, unless it gets one at that very
// moment: a busy host may still give it the one that a command asked for before it
// was killed, and others may use it then.
func (e *Engine) removeUnnamed(ctx context.Context, image driver.Image) error {
	d, err := e.driver(ctx)
	if err != nil {
		return err
	}
	garbage := plan.GarbageReference(image.ID)
	err = d.TagImage(ctx, image.ID, garbage)
	if errors.Is(err, driver.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	// A destroy that was killed has given it another name of that kind.
	for _, tag := range append(slices.Clone(image.Tags), garbage) {
		if plan.IsNamed([]string{tag}) {
			continue
		}
		if err := d.RemoveImage(ctx, tag); err != nil {
			return err
		}
	}
	return nil
}

// ignoreInUse leaves what somebody uses to them.
func ignoreInUse(err error) error {
	if errors.Is(err, driver.ErrInUse) {
		return nil
	}
	return err
}

// observeAndSweep is how a command that changes something begins.
func (e *Engine) observeAndSweep(ctx context.Context) (*world, error) {
	w, err := e.observe(ctx)
	if err != nil {
		return nil, err
	}
	if err := e.sweep(ctx, w.leftovers); err != nil {
		if ctx.Err() != nil {
			return nil, err
		}
		// What one command left and cannot be removed must not stop all others.
		e.warn(fmt.Sprintf("what a killed command left behind is still there: %v", err))
	}
	w.leftovers = leftovers{}
	return w, nil
}

// GCOptions say how thoroughly GC works.
type GCOptions struct {
	DryRun bool // only tell what would be removed
	// Unused also removes the base images that no instance is made from, the
	// build caches, and the network when no instance is on it. While an instance is
	// being made, base images and network stay.
	Unused bool
}

// GCResult names what was removed.
type GCResult struct {
	Containers []string `json:"containers"`
	Volumes    []string `json:"volumes"`
	Images     []string `json:"images"`
	Networks   []string `json:"networks"`
}

// GC removes what killed commands left behind, and on demand what is unused.
func (e *Engine) GC(ctx context.Context, o GCOptions) (GCResult, error) {
	result, err := e.gc(ctx, o)
	return result, fail("gc", "", err)
}

func (e *Engine) gc(ctx context.Context, o GCOptions) (GCResult, error) {
	result := GCResult{Containers: []string{}, Volumes: []string{}, Images: []string{}, Networks: []string{}}
	w, err := e.observe(ctx)
	if err != nil {
		return result, err
	}
	e.warnOfUnreadable(w)
	// Not for every command: one that runs may be about to use a base image that
	// has just lost its name.
	w.leftovers.images = append(w.leftovers.images, w.leftovers.baseImages...)
	if !o.DryRun {
		if err := e.sweep(ctx, w.leftovers); err != nil {
			return result, err
		}
	}
	for _, container := range w.leftovers.containers {
		result.Containers = append(result.Containers, container.Name)
	}
	for _, volume := range slices.Concat(w.leftovers.volumes, w.leftovers.marks) {
		result.Volumes = append(result.Volumes, volume.Name)
	}
	for _, volume := range w.orphans {
		e.warnOfOrphan(volume)
	}
	for _, image := range w.leftovers.images {
		result.Images = append(result.Images, image.ID)
	}
	if err := e.removeHalfMadeNetworks(ctx, o.DryRun, &result); err != nil {
		return result, err
	}
	for _, found := range e.abandoned(w) {
		result.add(found)
		if o.DryRun {
			continue
		}
		if err := e.destroy(ctx, found); err != nil && !errors.Is(err, ErrNoInstance) {
			return result, err
		}
	}
	if !o.Unused {
		return result, nil
	}
	return result, e.removeUnused(ctx, w, o.DryRun, &result)
}

// add names all that there is of an instance.
func (r *GCResult) add(found *instance) {
	for _, container := range found.containers {
		r.Containers = append(r.Containers, container.Name)
	}
	for _, volume := range slices.Concat(found.volumes, found.bindings) {
		r.Volumes = append(r.Volumes, volume.Name)
	}
	r.Images = append(r.Images, found.reference())
}

func (e *Engine) warnOfOrphan(volume driver.Volume) {
	e.warn(fmt.Sprintf("volume %s is kept: it may hold data of an instance %s whose containers and image are gone; if not, docker volume rm removes it",
		volume.Name, volume.Labels[driver.LabelInstance]))
}

func (e *Engine) removeUnused(ctx context.Context, w *world, dryRun bool, result *GCResult) error {
	if err := e.removeUnusedBaseImages(ctx, w, dryRun, result); err != nil {
		return err
	}
	if err := e.removeCaches(ctx, dryRun, result); err != nil {
		return err
	}
	return e.removeUnusedNetwork(ctx, dryRun, result)
}

// removeUnusedBaseImages leaves those alone that a running command has just built,
// and is about to name and use.
func (e *Engine) removeUnusedBaseImages(ctx context.Context, w *world, dryRun bool, result *GCResult) error {
	d, err := e.driver(ctx)
	if err != nil {
		return err
	}
	for _, image := range w.unusedBaseImages() {
		if operation, ok := plan.OperationFromLabels(image.Labels); ok && !e.ended(operation) {
			continue
		}
		unused, err := e.isStillUnused(ctx, image)
		if err != nil {
			return err
		}
		if !unused {
			continue
		}
		names := image.Tags
		if len(names) == 0 {
			names = []string{image.ID} // its name went to a later build
		}
		for _, name := range names {
			result.Images = append(result.Images, name)
			if dryRun {
				continue
			}
			if err := ignoreInUse(d.RemoveImage(ctx, name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// isStillUnused looks again. From a command's mark on, a base image is about to be
// used; what went before that, the command makes anew (driver.ErrImageGone).
func (e *Engine) isStillUnused(ctx context.Context, image driver.Image) (bool, error) {
	w, err := e.look(ctx)
	if err != nil {
		return false, err
	}
	if w.marked {
		e.note(fmt.Sprintf("an instance is being made: base image %s stays", image.ID))
		return false, nil
	}
	return slices.ContainsFunc(w.unusedBaseImages(), func(other driver.Image) bool { return other.ID == image.ID }), nil
}

func (e *Engine) removeCaches(ctx context.Context, dryRun bool, result *GCResult) error {
	d, err := e.driver(ctx)
	if err != nil {
		return err
	}
	caches, err := d.Volumes(ctx, driver.Labels{driver.LabelPhase: driver.PhaseCache})
	if err != nil {
		return err
	}
	for _, cache := range caches {
		result.Volumes = append(result.Volumes, cache.Name)
		if dryRun {
			continue
		}
		if err := ignoreInUse(d.RemoveVolume(ctx, cache.Name)); err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) removeHalfMadeNetworks(ctx context.Context, dryRun bool, result *GCResult) error {
	d, err := e.driver(ctx)
	if err != nil {
		return err
	}
	names, err := d.HalfMadeNetworks(ctx)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := e.removeNetwork(ctx, name, dryRun, result); err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) removeNetwork(ctx context.Context, name string, dryRun bool, result *GCResult) error {
	result.Networks = append(result.Networks, name)
	if dryRun {
		return nil
	}
	d, err := e.driver(ctx)
	if err != nil {
		return err
	}
	return ignoreInUse(d.RemoveNetwork(ctx, name))
}

// removeUnusedNetwork looks once more at who uses the network, or is about to: a
// container that was made and not started yet does not keep it from being removed.
func (e *Engine) removeUnusedNetwork(ctx context.Context, dryRun bool, result *GCResult) error {
	w, err := e.look(ctx)
	if err != nil || w.marked || len(w.instances)+len(w.unreadable)+len(w.making) > 0 {
		return err
	}
	d, err := e.driver(ctx)
	if err != nil {
		return err
	}
	network, err := d.Network(ctx, e.config.Network)
	if errors.Is(err, driver.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if _, ours := network.Labels[driver.LabelPhase]; !ours || len(network.Taken) > 0 {
		return nil
	}
	return e.removeNetwork(ctx, network.Name, dryRun, result)
}

func (w *world) unusedBaseImages() []driver.Image {
	var unused []driver.Image
	for _, image := range w.baseImages {
		used := slices.ContainsFunc(w.instances, func(i *instance) bool {
			return i.image.Labels[driver.LabelBaseImage] == image.ID
		})
		used = used || slices.ContainsFunc(w.unreadable, func(u *unreadableError) bool { return u.baseImage == image.ID })
		if !used {
			unused = append(unused, image)
		}
	}
	return unused
}
