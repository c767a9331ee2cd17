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

// locked is an instance that no other command changes until it is unlocked, as it
// is now.
type locked struct {
	engine    *Engine
	found     *instance
	seen      *world
	container string // is there as long as the lock is
}

// lock waits until no other command is changing the instance, and keeps all others
// from it. The error matches ErrNoInstance when the instance is gone by then. The
// limit, of which 0 means DefaultTimeout, is for those on other machines, who cannot
// see whether this process goes on. No service is waited for under the lock, but by
// an update: who is tired of waiting can stop it.
func (e *Engine) lock(ctx context.Context, found *instance, limit time.Duration) (*locked, error) {
	gone := map[string]bool{}
	image := found.lockImage()
	for {
		got, err := e.tryLock(ctx, found, image, limit)
		var seen *world
		switch {
		case errors.Is(err, driver.ErrNameInUse):
			e.note(fmt.Sprintf("another svp is at work on %s: waiting for it", found.identity.Name))
			seen, err = e.awaitEnd(ctx, plan.LockContainerName(found.identity.ID))
		case errors.Is(err, driver.ErrImageGone):
			gone[image] = true
			seen, err = e.observe(ctx)
		default:
			return got, err
		}
		if err != nil {
			return nil, err
		}
		if found, err = seen.findSame(found.identity); err != nil {
			return nil, err
		}
		if image = found.lockImage(); gone[image] {
			if image = seen.anyImage(gone); image == "" {
				return nil, fmt.Errorf("lock %s: %w", found.identity.Name, driver.ErrImageGone)
			}
		}
	}
}

// lockImage is what the lock is made from, which it needs for nothing else.
func (i *instance) lockImage() string {
	if i.isUnrecorded() && len(i.containers) > 0 {
		return i.containers[0].Image
	}
	return i.image.ID
}

// anyImage is one of svp's; somebody may have removed that of an instance by force.
func (w *world) anyImage(except map[string]bool) string {
	for _, image := range slices.Concat(w.instanceImages, w.setupImages, w.baseImages) {
		if !except[image.ID] {
			return image.ID
		}
	}
	return ""
}

// tryLock returns an error that matches driver.ErrNameInUse when another command
// is changing the instance.
func (e *Engine) tryLock(ctx context.Context, found *instance, image string, limit time.Duration) (*locked, error) {
	operation, err := e.newOperation(ctx, limit)
	if err != nil {
		return nil, err
	}
	container, err := e.createScratch(ctx, plan.LockContainerName(found.identity.ID), image, operation)
	if err != nil {
		return nil, err
	}
	got := &locked{engine: e, container: container}
	// What others have changed until now, and what none can change from now on.
	if got.seen, err = e.observe(ctx); err == nil {
		got.found, err = got.seen.findSame(found.identity)
	}
	if err != nil {
		got.unlock(ctx)
		return nil, err
	}
	return got, nil
}

// unlock lets others change the instance, also when the operation's context has
// ended.
func (l *locked) unlock(ctx context.Context) {
	cleanup, cancel := cleanupContext(ctx)
	defer cancel()
	d, err := l.engine.driver(cleanup)
	if err == nil {
		err = d.RemoveContainer(cleanup, l.container)
	}
	if err != nil {
		l.engine.warn(fmt.Sprintf("container %s is left behind, svp gc removes it: %v", l.container, err))
	}
}

// isLocked tells that another command is changing the instance.
func (e *Engine) isLocked(ctx context.Context, identity plan.Identity) bool {
	d, err := e.driver(ctx)
	if err != nil {
		return false
	}
	container, err := d.Container(ctx, plan.LockContainerName(identity.ID))
	operation, ours := plan.OperationFromLabels(container.Labels)
	return err == nil && ours && !e.ended(operation)
}

// withLock looks the instance up and changes it.
func (e *Engine) withLock(ctx context.Context, name string, change func(context.Context, *instance) error) error {
	ctx, cancel := e.withTimeout(ctx, 0, DefaultTimeout)
	defer cancel()
	found, err := e.lookUp(ctx, name)
	if err != nil {
		return causeOf(ctx, err)
	}
	got, err := e.lock(ctx, found, 0)
	if err != nil {
		return causeOf(ctx, err)
	}
	defer got.unlock(ctx)
	return causeOf(ctx, change(ctx, got.found))
}
