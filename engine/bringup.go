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

// bringUpAttempts bounds how often an instance is looked at again whose containers
// were being removed.
const bringUpAttempts = 20

// bringUp makes an instance that exists run: it creates the containers that are
// missing, starts those that do not run, and waits until all are ready. Nothing
// of the instance is removed when that fails. The error matches ErrNoInstance when
// another command has destroyed it.
func (e *Engine) bringUp(ctx context.Context, found *instance, seen *world, reach driver.Reach, timeout time.Duration) (UpResult, error) {
	for attempt := 1; ; attempt++ {
		if seen.destroying[found.identity.ID] {
			var err error
			if seen, err = e.awaitDestroyed(ctx, found.identity); err != nil {
				return UpResult{}, err
			}
			if found, err = seen.findSame(found.identity); err != nil {
				return UpResult{}, err
			}
		}
		result, err := e.bringUpSeen(ctx, found, seen, reach, timeout)
		if err == nil || attempt == bringUpAttempts || ctx.Err() != nil {
			return result, err
		}
		before := found
		if seen, found, err = e.lookAgain(ctx, before, err); err != nil {
			return result, err
		}
	}
}

// lookAgain looks whether an instance that could not be brought up is in the hands
// of another command, so that it is worth another attempt; else it returns the
// cause.
func (e *Engine) lookAgain(ctx context.Context, before *instance, cause error) (*world, *instance, error) {
	seen, err := e.observe(ctx)
	if err != nil {
		return nil, nil, cause
	}
	now, err := seen.findSame(before.identity)
	if err != nil {
		return nil, nil, err
	}
	if seen.destroying[now.identity.ID] || before.hasVanished(now) {
		return seen, now, nil
	}
	isForGood := errors.Is(cause, ErrLostNetwork) || errors.Is(cause, driver.ErrImageGone)
	if isForGood || !errors.Is(cause, driver.ErrNotFound) {
		return nil, nil, cause
	}
	// It met a container that is about to go.
	return seen, now, sleep(ctx, pollInterval)
}

// findSame returns the instance of that name if it has that id too; else another
// command has destroyed it.
func (w *world) findSame(identity plan.Identity) (*instance, error) {
	found, err := w.find(identity.Name)
	if err == nil && found.identity.ID != identity.ID {
		err = ErrNoInstance
	}
	return found, err
}

// hasVanished tells that a container is gone that was there: the host finishes
// removing what a killed command had begun to remove.
func (i *instance) hasVanished(now *instance) bool {
	return slices.ContainsFunc(i.containers, func(container driver.Container) bool {
		return !slices.ContainsFunc(now.containers, func(other driver.Container) bool { return other.ID == container.ID })
	})
}

func (e *Engine) bringUpSeen(ctx context.Context, found *instance, seen *world, reach driver.Reach, timeout time.Duration) (UpResult, error) {
	if err := found.checkVolumes(); err != nil {
		return UpResult{}, err
	}
	if err := e.restoreRecord(ctx, found); err != nil {
		return UpResult{}, err
	}
	operation, err := e.newOperation(ctx, timeout)
	if err != nil {
		return UpResult{}, err
	}
	template, err := e.templateOfInstance(ctx, found, operation)
	if err != nil {
		return UpResult{}, err
	}
	if err := e.settle(ctx, found, seen); err != nil {
		return UpResult{}, err
	}
	if err := e.removeStale(ctx, found); err != nil {
		return UpResult{}, err
	}
	planned, err := plan.PlanInstance(plan.InstanceInput{
		Service: found.service, Identity: found.identity, Image: found.image.ID,
		Base: found.image.Labels[driver.LabelBaseImage], Operation: operation,
	})
	if err != nil {
		return UpResult{}, err
	}
	l, err := e.newLaunch(ctx, planned, found.service, found.identity)
	if err != nil {
		return UpResult{}, err
	}
	if err := l.use(template); err != nil {
		return UpResult{}, err
	}
	changed, err := l.resume(ctx, found)
	if err != nil {
		return UpResult{}, err
	}
	if err := l.ready(ctx, timeout); err != nil {
		return UpResult{}, err
	}
	if err := l.keepRunning(ctx, l.fresh...); err != nil {
		return UpResult{}, err
	}
	if changed || len(found.containers) == 0 {
		if found.containers, err = l.containers(ctx); err != nil {
			return UpResult{}, err
		}
	}
	return upResult(found, template, reach, false, changed), nil
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

// templateOfInstance reads the environment from a container where there is one,
// else from the image.
func (e *Engine) templateOfInstance(ctx context.Context, found *instance, operation plan.Operation) (envvar.Set, error) {
	if len(found.containers) > 0 {
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
		switch container.State {
		case driver.Running:
			return false, l.watchExisting(ctx, container.ID, component, isHolder)
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
	id, err := l.create(ctx, spec)
	if errors.Is(err, driver.ErrNameInUse) {
		// Another command made it since we looked.
		return l.adopt(ctx, spec.Name, component, isHolder)
	}
	if err == nil {
		err = l.checkWanted(ctx, found, id)
	}
	if err != nil {
		return false, err
	}
	l.fresh = append(l.fresh, id)
	return true, l.startAnew(ctx, id, component, isHolder)
}

// checkWanted looks once more when the container is there, which keeps its volumes
// from being removed: in the place of one that was removed since, the host has put
// an empty one, which does not carry our labels. Where another command is destroying
// the instance, it may not have seen the container, or may be waiting for it to go.
func (l *launch) checkWanted(ctx context.Context, found *instance, container string) error {
	volumes, err := l.driver.Volumes(ctx, driver.Labels{driver.LabelInstanceID: found.identity.ID})
	if err != nil {
		return err
	}
	found.volumes = volumes
	err = found.checkVolumes()
	if l.engine.isBeingDestroyed(volumes) {
		err = ErrNoInstance
	}
	if err != nil {
		return errors.Join(err, l.driver.RemoveContainer(ctx, container))
	}
	return nil
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
