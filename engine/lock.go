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

// lockTimeout is what a command may take to change an instance. After that, and what
// it may take to clean up, its lock counts as abandoned where nobody can see whether
// its process goes on, as on another machine. No service is waited for under a lock,
// but by an update.
const lockTimeout = 5 * time.Minute

// changeTimeout bounds commands that the user can give no limit. It is longer than the
// lock of an update can last that was killed on another machine.
const changeTimeout = DefaultTimeout + operationMargin + lockTimeout

// lock keeps other commands from changing an instance.
type lock struct {
	engine    *Engine
	container string // is there as long as the lock is; empty where none could be made
	end       func() // ends its operation

	// found is the instance under the lock, and seen what there was beside it.
	found *instance
	seen  *world
}

// lock waits until no other command is changing the instance, and keeps all others
// from it. The error matches ErrNoInstance when the instance is gone by then.
func (e *Engine) lock(ctx context.Context, found *instance, timeout time.Duration) (*lock, error) {
	waited, gone := false, map[string]bool{}
	image := found.lockImage()
	for {
		held, err := e.tryLock(ctx, found, image, timeout)
		switch {
		case err == nil:
			return held, nil
		case errors.Is(err, driver.ErrNameInUse):
			if !waited {
				e.note(fmt.Sprintf("another svp is at work on %s: waiting for it", found.identity.Name))
			}
			waited = true
		case errors.Is(err, driver.ErrImageGone):
			gone[image] = true
		case errors.Is(err, driver.ErrNoSpace):
			return e.withoutLock(ctx, found, err)
		default:
			return nil, err
		}
		var seen *world
		if seen, err = e.awaitUnlocked(ctx, found.identity); err != nil {
			return nil, err
		}
		if found, err = seen.findSame(found.identity); err != nil {
			return nil, err
		}
		if image = found.lockImage(); gone[image] {
			image = seen.anyImage(gone)
		}
		if image == "" {
			return e.withoutLock(ctx, found, driver.ErrImageGone)
		}
	}
}

// withoutLock is for an instance that cannot be locked: what frees space, or removes
// what is broken, must not depend on making something.
func (e *Engine) withoutLock(ctx context.Context, found *instance, cause error) (*lock, error) {
	e.warn(fmt.Sprintf("other commands are not kept from changing %s at the same time: %v", found.identity.Name, cause))
	seen, err := e.awaitUnlocked(ctx, found.identity)
	if err != nil {
		return nil, err
	}
	now, err := seen.findSame(found.identity)
	return &lock{engine: e, end: func() {}, found: now, seen: seen}, err
}

func (e *Engine) awaitUnlocked(ctx context.Context, identity plan.Identity) (*world, error) {
	// A host may keep a name from others for a moment when its container is gone.
	if err := sleep(ctx, pollInterval/5); err != nil {
		return nil, err
	}
	return e.awaitEnd(ctx, plan.LockContainerName(identity.ID))
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
func (e *Engine) tryLock(ctx context.Context, found *instance, image string, timeout time.Duration) (*lock, error) {
	// The lock outlasts the command's time while what it did is taken back.
	ownContext, end := context.WithCancel(context.WithoutCancel(ctx))
	operation, err := e.newOperation(ownContext, timeout)
	if err != nil {
		end()
		return nil, err
	}
	container, err := e.createScratch(ctx, plan.LockContainerName(found.identity.ID), image, driver.RoleLock, operation)
	if err != nil {
		end()
		return nil, err
	}
	held := &lock{engine: e, container: container, end: end}
	// What others have changed until now, and what none can change from now on.
	if held.seen, err = e.observe(ctx); err == nil {
		held.found, err = held.seen.findSame(found.identity)
	}
	if err != nil {
		held.unlock(ctx)
		return nil, err
	}
	return held, nil
}

// unlock lets others change the instance, also when the operation's context has
// ended.
func (l *lock) unlock(ctx context.Context) {
	defer l.end()
	if l.container == "" {
		return
	}
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

// withLock looks the instance up and changes it.
func (e *Engine) withLock(ctx context.Context, name string, change func(context.Context, *instance) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, changeTimeout, ErrBusy)
	defer cancel()
	found, err := e.lookUp(ctx, name)
	if err != nil {
		return causeOf(ctx, err)
	}
	held, err := e.lock(ctx, found, lockTimeout)
	if err != nil {
		return causeOf(ctx, err)
	}
	defer held.unlock(ctx)
	return causeOf(ctx, change(ctx, held.found))
}
