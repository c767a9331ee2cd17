package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/servicepack/svp/engine/driver"
	"github.com/servicepack/svp/engine/envvar"
	"github.com/servicepack/svp/engine/plan"
)

// bringUpAttempts bounds how often an instance is looked at again that something
// else has changed meanwhile.
const bringUpAttempts = 20

// errUnlocked tells that an instance which ran when it was looked at, and was not
// locked therefore, is no longer as it was.
var errUnlocked = errors.New("look at the instance that runs")

// bringing is an instance that is being brought up, as it was seen last.
type bringing struct {
	found   *instance
	seen    *world
	reach   driver.Reach
	timeout time.Duration // to be ready
	held    bool          // its lock, all the time, by whoever brings it up
	restart bool          // what runs is stopped first
	changed bool          // something was started
}

// bringUp makes an instance that exists run: it creates the containers that are
// missing, starts those that do not run, and waits until all are ready. Nothing
// of the instance is removed when that fails. The error matches ErrNoInstance when
// another command has destroyed it, and ErrStopped when one has stopped it.
func (e *Engine) bringUp(ctx context.Context, b bringing) (UpResult, error) {
	mayRun := !b.restart
	for attempt := 1; ; attempt++ {
		l, err := e.resume(ctx, &b, mayRun)
		again := e.resumesAgain
		if err == nil {
			err = e.awaitReady(ctx, l, &b)
			again = l.waitsAgain
		}
		if err == nil {
			return upResult(b.found, l.template, b.reach, false, b.changed), nil
		}
		if attempt == bringUpAttempts || ctx.Err() != nil {
			return UpResult{}, err
		}
		if err := again(ctx, &b, err); err != nil {
			return UpResult{}, err
		}
		mayRun = mayRun && !errors.Is(err, errUnlocked)
	}
}

// resume starts what does not run. No other command changes the instance meanwhile;
// only one that runs, as it mayRun, needs no lock for that.
func (e *Engine) resume(ctx context.Context, b *bringing, mayRun bool) (*launch, error) {
	if b.held {
		return e.resumeSeen(ctx, b, true)
	}
	if mayRun && b.found.isUp() {
		l, err := e.resumeSeen(ctx, b, false)
		if err != nil {
			err = fmt.Errorf("%w: %w", errUnlocked, err)
		}
		return l, err
	}
	held, err := e.lock(ctx, b.found, lockTimeout)
	if err != nil {
		return nil, err
	}
	defer held.unlock(ctx)
	b.found, b.seen = held.found, held.seen
	if b.restart {
		if err := e.stopContainers(ctx, b.found); err != nil {
			return nil, err
		}
		b.restart = false
	}
	return e.resumeSeen(ctx, b, true)
}

// resumesAgain returns the cause for which the instance could not be started, or nil
// when something else has changed it, so that it is to be tried again: it no longer
// runs, or the host is still removing what a killed command had begun to remove.
func (e *Engine) resumesAgain(ctx context.Context, b *bringing, cause error) error {
	before := b.found
	seen, err := e.observe(ctx)
	if err != nil {
		return cause
	}
	if b.found, err = seen.findSame(before.identity); err != nil {
		return err
	}
	b.seen = seen
	if errors.Is(cause, errUnlocked) || before.hasVanished(b.found) {
		return nil
	}
	isForGood := errors.Is(cause, ErrLostNetwork) || errors.Is(cause, driver.ErrImageGone)
	if isForGood || !errors.Is(cause, driver.ErrNotFound) {
		return cause
	}
	return sleep(ctx, pollInterval)
}

// waitsAgain returns the cause for which the instance is not ready, or nil when
// another command has started it anew, so that it is to be waited for on. It tells
// when one has stopped it.
func (l *launch) waitsAgain(ctx context.Context, b *bringing, cause error) error {
	var ended *ScriptError
	if b.held || !errors.As(cause, &ended) && !errors.Is(cause, driver.ErrNotFound) {
		return cause
	}
	seen, err := l.engine.awaitEnd(ctx, plan.LockContainerName(l.identity.ID))
	if err != nil {
		return cause
	}
	now, err := seen.findSame(l.identity)
	if errors.Is(err, ErrNoInstance) {
		return err
	}
	if err != nil {
		return cause
	}
	before := b.found
	b.found, b.seen = now, seen
	stopped := before.hasVanished(now) || l.isStopped(now)
	switch {
	case now.state() == StateRunning && !l.isRestarting(ctx, now):
		return nil
	case stopped && now.state() != StateRunning:
		return fmt.Errorf("%w: %w", ErrStopped, cause)
	}
	return cause
}

// isStopped tells that somebody has stopped a container which the host would have
// started again if it had ended by itself. That is not so for those that have not been
// ready yet.
func (l *launch) isStopped(now *instance) bool {
	return slices.ContainsFunc(now.containers, func(container driver.Container) bool {
		return container.State == driver.Exited && !slices.Contains(l.fresh, container.ID)
	})
}

// isRestarting tells that the host has started a container again, and not a command.
func (l *launch) isRestarting(ctx context.Context, now *instance) bool {
	return slices.ContainsFunc(now.containers, func(container driver.Container) bool {
		found, err := l.driver.Container(ctx, container.ID)
		return err == nil && found.Restarts > 0
	})
}

// hasVanished tells that a container is gone that was there.
func (i *instance) hasVanished(now *instance) bool {
	return slices.ContainsFunc(i.containers, func(container driver.Container) bool {
		return !slices.ContainsFunc(now.containers, func(other driver.Container) bool { return other.ID == container.ID })
	})
}

// isUp tells that there is nothing to do for the instance to run.
func (i *instance) isUp() bool {
	return i.state() == StateRunning && !i.isUnrecorded() && !i.isStale()
}

func (e *Engine) resumeSeen(ctx context.Context, b *bringing, held bool) (*launch, error) {
	found := b.found
	if err := found.checkVolumes(); err != nil {
		return nil, err
	}
	if err := e.restoreRecord(ctx, found); err != nil {
		return nil, err
	}
	operation, err := e.newOperation(ctx, b.timeout)
	if err != nil {
		return nil, err
	}
	template, err := e.templateOfInstance(ctx, found, operation)
	if err != nil {
		return nil, err
	}
	if err := e.settle(ctx, found, b.seen); err != nil {
		return nil, err
	}
	if err := e.removeStale(ctx, found); err != nil {
		return nil, err
	}
	planned, err := plan.PlanInstance(plan.InstanceInput{
		Service: found.service, Identity: found.identity, Image: found.image.ID,
		Base: found.image.Labels[driver.LabelBaseImage], Operation: operation,
	})
	if err != nil {
		return nil, err
	}
	l, err := e.newLaunch(ctx, planned, found.service, found.identity)
	if err != nil {
		return nil, err
	}
	l.held, l.operation = held, operation
	if err := l.use(template); err != nil {
		return nil, err
	}
	changed, err := l.resume(ctx, found)
	b.changed = b.changed || changed
	if err == nil && changed {
		found.containers, err = l.containers(ctx)
	}
	return l, err
}

func (e *Engine) awaitReady(ctx context.Context, l *launch, b *bringing) error {
	if err := l.ready(ctx, b.timeout); err != nil {
		return err
	}
	return l.keepRunning(ctx, l.fresh...)
}

// checkVolumes refuses to start a service on an empty volume where a full one
// should be.
func (i *instance) checkVolumes() error {
	for _, path := range i.service.Volumes {
		name := plan.VolumeName(i.identity.ID, path)
		there := slices.ContainsFunc(i.volumes, func(volume driver.Volume) bool { return volume.Name == name })
		if !there {
			return fmt.Errorf("%w: %s, for %s", ErrLostVolume, name, path)
		}
	}
	return nil
}

// settle gives an instance that lost its containers and never recorded an
// address a new one.
func (e *Engine) settle(ctx context.Context, found *instance, seen *world) error {
	d, err := e.driver(ctx)
	if err != nil {
		return err
	}
	if found.identity.Network == "" {
		found.identity.Network = e.config.Network
	}
	network, err := d.EnsureNetwork(ctx, found.identity.Network, driver.Labels{driver.LabelPhase: driver.PhaseInstance})
	if err != nil {
		return err
	}
	if len(found.containers) > 0 || network.Subnet.Contains(found.identity.Address) && !slices.Contains(network.Taken, found.identity.Address) {
		return nil
	}
	if found.identity.Address.IsValid() {
		e.warn(fmt.Sprintf("%s gets another address: %s is no longer to be had", found.identity.Name, found.identity.Address))
	}
	found.identity.Address, err = plan.ChooseAddress(network, seen.addresses(network.Name), found.identity.ID)
	return err
}

// templateOfInstance reads the environment from a container where there is one that
// stays, else from the image. One of a plan that was given up may end and start again
// all the time, and Podman cannot read it then.
func (e *Engine) templateOfInstance(ctx context.Context, found *instance, operation plan.Operation) (envvar.Set, error) {
	if len(found.containers) > 0 && !found.isStale() {
		return e.templateOf(ctx, found.containers[0].ID)
	}
	return e.templateOfImage(ctx, found.image.ID, operation)
}

// resume creates and starts what does not run. It tells whether there was
// anything to do.
func (l *launch) resume(ctx context.Context, found *instance) (changed bool, err error) {
	primaryChanged, err := l.resumeContainer(ctx, found, l.plan.Primary)
	if err != nil {
		return false, err
	}
	changed = primaryChanged
	for _, spec := range l.plan.Components {
		stale := primaryChanged
		if !stale {
			if stale, err = l.isStranded(ctx, found, spec.Name); err != nil {
				return changed, err
			}
		}
		if stale && !l.held {
			return changed, errUnlocked
		}
		if stale {
			if err := l.stopStale(ctx, found, spec.Name); err != nil {
				return changed, err
			}
		}
		componentChanged, err := l.resumeContainer(ctx, found, spec)
		if err != nil {
			return changed, err
		}
		changed = changed || componentChanged
	}
	return changed, nil
}

// isStranded tells whether a component's container is in a network that is gone:
// of a holder that ended and that the host has started again since.
func (l *launch) isStranded(ctx context.Context, found *instance, name string) (bool, error) {
	running := slices.ContainsFunc(found.containers, func(container driver.Container) bool {
		return container.Name == name && container.State == driver.Running
	})
	if !running {
		return false, nil
	}
	holder, err := l.driver.Container(ctx, l.plan.Primary.Name)
	if err != nil {
		return false, err
	}
	component, err := l.driver.Container(ctx, name)
	return err == nil && component.Started.Before(holder.Started), err
}

// stopStale removes a component's container, which has no network, to be made
// anew.
func (l *launch) stopStale(ctx context.Context, found *instance, name string) error {
	for i, container := range found.containers {
		if container.Name != name {
			continue
		}
		if container.State != driver.Exited && container.State != driver.Created {
			if err := l.driver.StopContainer(ctx, container.ID, plan.StopGrace); err != nil {
				return err
			}
		}
		found.containers = slices.Delete(found.containers, i, i+1)
		return l.driver.RemoveContainer(ctx, container.ID)
	}
	return nil
}

func (l *launch) resumeContainer(ctx context.Context, found *instance, spec driver.ContainerSpec) (changed bool, err error) {
	component := spec.Labels[driver.LabelComponent]
	isHolder := spec.Labels[driver.LabelRole] == driver.RoleHolder
	for _, container := range found.containers {
		if container.Name != spec.Name {
			continue
		}
		if container.State == driver.Running {
			return false, l.watchExisting(ctx, container.ID, component, isHolder)
		}
		if !l.held {
			return false, errUnlocked
		}
		switch container.State {
		case driver.Paused:
			if err := l.driver.UnpauseContainer(ctx, container.ID); err != nil {
				return false, err
			}
			return true, l.watchExisting(ctx, container.ID, component, isHolder)
		case driver.Created:
			// Whoever made it may have been killed before it had its files.
			if err := l.bring(ctx, container.ID); err != nil {
				return false, err
			}
		}
		return true, l.startExisting(ctx, container.ID, component, isHolder)
	}
	if !l.held {
		return false, errUnlocked
	}
	id, err := l.createEmpty(ctx, spec)
	if errors.Is(err, driver.ErrNameInUse) {
		// The command that is making the instance made it since we looked.
		return l.adopt(ctx, spec.Name, component, isHolder)
	}
	if err == nil {
		err = l.checkVolumesOf(ctx, found, id)
	}
	if err == nil {
		err = l.bring(ctx, id)
	}
	if err != nil {
		return false, err
	}
	l.fresh = append(l.fresh, id)
	return true, l.startAnew(ctx, id, component, isHolder)
}

// checkVolumesOf looks once more when the container is there, which keeps its
// volumes from being removed: in the place of one that somebody has removed since,
// the host has put an empty one, for this operation.
func (l *launch) checkVolumesOf(ctx context.Context, found *instance, container string) error {
	if len(found.service.Volumes) == 0 {
		return nil
	}
	volumes, err := l.driver.Volumes(ctx, driver.Labels{driver.LabelInstanceID: found.identity.ID})
	if err != nil {
		return err
	}
	var empty []driver.Volume
	found.volumes = nil
	for _, volume := range volumes {
		if volume.Labels[driver.LabelOperation] == l.operation.ID {
			empty = append(empty, volume)
			continue
		}
		found.volumes = append(found.volumes, volume)
	}
	err = found.checkVolumes()
	if err == nil {
		return nil
	}
	cleanup, cancel := cleanupContext(ctx)
	defer cancel()
	err = errors.Join(err, l.driver.RemoveContainer(cleanup, container))
	for _, volume := range empty {
		err = errors.Join(err, l.engine.removeReleased(cleanup, volume.Name))
	}
	return err
}

func (l *launch) adopt(ctx context.Context, name, component string, isHolder bool) (bool, error) {
	container, err := l.driver.Container(ctx, name)
	if err != nil {
		return false, err
	}
	if container.Labels[driver.LabelInstanceID] != l.identity.ID {
		return false, fmt.Errorf("container %s is not %s's, yet has the name that it needs: %w", name, l.identity.Name, driver.ErrInUse)
	}
	return true, l.startExisting(ctx, container.ID, component, isHolder)
}

// watchExisting takes on a container that runs already. A command that was killed
// may not have come to letting the host restart it.
func (l *launch) watchExisting(ctx context.Context, id, component string, isHolder bool) error {
	if err := l.keepRunning(ctx, id); err != nil {
		return err
	}
	if isHolder {
		return nil
	}
	exits, err := l.driver.WaitExit(ctx, id)
	if err != nil {
		return err
	}
	container, err := l.driver.Container(ctx, id)
	if err != nil {
		return err
	}
	if container.State == driver.Exited {
		// It ended since we looked, and would not end another time.
		if !l.held {
			return errUnlocked
		}
		return l.start(ctx, id, component)
	}
	l.await(id, component, exits)
	return nil
}

func (l *launch) startExisting(ctx context.Context, id, component string, isHolder bool) error {
	// The host may restart it from the start: it has been ready before.
	if err := l.keepRunning(ctx, id); err != nil {
		return err
	}
	err := l.startAnew(ctx, id, component, isHolder)
	if errors.Is(err, driver.ErrNetworkGone) {
		return fmt.Errorf("%w: %w", ErrLostNetwork, err)
	}
	return err
}

func (l *launch) startAnew(ctx context.Context, id, component string, isHolder bool) error {
	if isHolder {
		return l.driver.StartContainer(ctx, id)
	}
	return l.start(ctx, id, component)
}
