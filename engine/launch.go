package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/servicepack/svp/engine/driver"
	"github.com/servicepack/svp/engine/envvar"
	"github.com/servicepack/svp/engine/plan"
)

// launch brings the containers of one instance into being, as its plan says.
// What it makes it can undo.
type launch struct {
	engine   *Engine
	driver   driver.Driver
	plan     plan.Instance
	service  plan.Service
	identity plan.Identity
	template envvar.Set  // the instance's environment
	files    []plan.File // which bring it into a container

	// held tells that no other command changes the instance, which existed, and so
	// that this one may; operation is that of what it makes.
	held      bool
	operation plan.Operation

	mu   sync.Mutex
	undo []func(context.Context) error

	// fresh are containers of an instance that existed, made anew: the host is to
	// restart them when they have been ready once.
	fresh []string

	// running are the containers that are to become ready.
	running []runningContainer
}

// runningContainer is a container of a component, and how it ends.
type runningContainer struct {
	id, component string
	exits         <-chan driver.Exit
}

// newLaunch has no environment yet: see use.
func (e *Engine) newLaunch(ctx context.Context, p plan.Instance, service plan.Service, identity plan.Identity) (*launch, error) {
	d, err := e.driver(ctx)
	if err != nil {
		return nil, err
	}
	return &launch{engine: e, driver: d, plan: p, service: service, identity: identity}, nil
}

// use makes the template the environment of the instance.
func (l *launch) use(template envvar.Set) (err error) {
	l.template = template
	l.files, err = environmentFiles(template, template.Expand(onNetwork(l.identity)).Merge(planVariables(l.service)))
	return err
}

// bring puts the instance's environment into a container that does not run.
func (l *launch) bring(ctx context.Context, container string) error {
	return l.engine.copyIn(ctx, container, fileEntries(l.files))
}

func (l *launch) onFailure(undo func(context.Context) error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.undo = append(l.undo, undo)
}

// rollBack undoes what was made, last things first, also when the operation's
// context has ended.
func (l *launch) rollBack(ctx context.Context) {
	cleanup, cancel := cleanupContext(ctx)
	defer cancel()
	var errs []error
	for i := len(l.undo) - 1; i >= 0; i-- {
		errs = append(errs, l.undo[i](cleanup))
	}
	l.undo = nil
	err := errors.Join(errs...)
	if err == nil {
		err = l.unmark(cleanup)
	}
	if err != nil {
		l.engine.warn(fmt.Sprintf("something is left behind, svp gc removes it: %v", err))
	}
}

// mark marks the instance as half made: whatever of it is found without an image
// after this command has ended is a leftover.
func (l *launch) mark(ctx context.Context) error {
	return l.driver.CreateVolume(ctx, l.plan.Making.Name, l.plan.Making.Labels)
}

// unmark removes the mark. From now on nothing of the instance is ever taken for
// a leftover.
func (l *launch) unmark(ctx context.Context) error {
	return l.driver.RemoveVolume(ctx, l.plan.Making.Name)
}

// createVolumes makes the volumes that do not exist yet.
func (l *launch) createVolumes(ctx context.Context) error {
	for _, volume := range l.plan.Volumes {
		if err := l.driver.CreateVolume(ctx, volume.Name, volume.Labels); err != nil {
			return err
		}
		l.onFailure(func(ctx context.Context) error { return l.driver.RemoveVolume(ctx, volume.Name) })
	}
	return nil
}

// create makes a container and gives it the instance's environment.
func (l *launch) create(ctx context.Context, spec driver.ContainerSpec) (string, error) {
	id, err := l.createEmpty(ctx, spec)
	if err != nil {
		return "", err
	}
	return id, l.bring(ctx, id)
}

// createEmpty makes a container that has no environment yet.
func (l *launch) createEmpty(ctx context.Context, spec driver.ContainerSpec) (string, error) {
	id, err := l.driver.CreateContainer(ctx, spec)
	if errors.Is(err, driver.ErrUnsupported) && spec.Limits.StorageBytes > 0 {
		l.engine.warn("this container host cannot limit storage: the plan's limit is not enforced")
		spec.Limits.StorageBytes = 0
		id, err = l.driver.CreateContainer(ctx, spec)
	}
	if err != nil {
		return "", err
	}
	l.onFailure(func(ctx context.Context) error { return l.driver.RemoveContainer(ctx, id) })
	return id, nil
}

// holderAttempts bounds how often a component is started again whose holder was
// about to end, or to be restarted by the host.
const holderAttempts = 50

// start starts a created container whose component is to become ready. A holder
// that a killed command left waiting may end just now; it is started again.
func (l *launch) start(ctx context.Context, id, component string) error {
	err := l.startOnce(ctx, id, component)
	for range holderAttempts {
		if !errors.Is(err, driver.ErrNoNetwork) {
			return err
		}
		if err := sleep(ctx, pollInterval); err != nil {
			return err
		}
		if err := l.driver.StartContainer(ctx, l.plan.Primary.Name); err != nil {
			return err
		}
		err = l.startOnce(ctx, id, component)
	}
	return err
}

func (l *launch) startOnce(ctx context.Context, id, component string) error {
	exits, err := l.driver.WaitExit(ctx, id)
	if err != nil {
		return err
	}
	if err := l.driver.StartContainer(ctx, id); err != nil {
		return err
	}
	l.await(id, component, exits)
	return nil
}

func (l *launch) await(id, component string, exits <-chan driver.Exit) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.running = append(l.running, runningContainer{id: id, component: component, exits: exits})
}

// startPrimary starts the container of the only component, or the holder.
func (l *launch) startPrimary(ctx context.Context, id string) error {
	if len(l.plan.Components) > 0 {
		return l.driver.StartContainer(ctx, id)
	}
	return l.start(ctx, id, "")
}

// startComponents creates and starts the containers that join the holder. complete
// tells that the image has the instance's environment.
func (l *launch) startComponents(ctx context.Context, image string, complete bool) error {
	create := l.create
	if complete {
		create = l.createEmpty
	}
	tasks := make([]func() error, 0, len(l.plan.Components))
	for _, spec := range l.plan.Components {
		spec.Image = image
		tasks = append(tasks, func() error {
			id, err := create(ctx, spec)
			if err != nil {
				return err
			}
			return l.start(ctx, id, spec.Labels[driver.LabelComponent])
		})
	}
	return parallel(tasks...)
}

// setUpAndCommit starts the primary container of a first start: it receives the
// instance's environment, sets it up, is committed as the instance's image, and
// goes on as the service or the holder. It returns the image's id.
func (l *launch) setUpAndCommit(ctx context.Context, id, token string) (image string, err error) {
	step := l.engine.beginPhase("setup", l.identity.Name, l.template)
	defer func() { err = step.end(causeOf(ctx, err)) }()
	attachment, err := l.driver.Attach(ctx, id)
	if err != nil {
		return "", err
	}
	defer attachment.Close()
	exits, err := l.driver.WaitExit(ctx, id)
	if err != nil {
		return "", err
	}
	output := newLineWriter(step, token)
	copied, stop := follow(attachment, output, step)
	defer stop()
	delivered := deliver(attachment, plan.Delivery(l.files))
	if err := l.driver.StartContainer(ctx, id); err != nil {
		return "", err
	}
	select {
	case <-output.seen:
	case exit := <-exits:
		if exit.Err != nil {
			// The container may go on, and so may its output.
			return "", exit.Err
		}
		if err := delivered.failure(exit); err != nil {
			return "", err
		}
		if err := <-copied; err != nil {
			l.engine.warn(fmt.Sprintf("the output of the set-up is incomplete: %v", err))
		}
		output.flush()
		return "", &ScriptError{Script: "bin/build setup", Status: exit.Code, OutOfMemory: exit.OutOfMemory}
	}
	image, err = l.commit(ctx, id)
	if err != nil {
		return "", err
	}
	if len(l.plan.Components) == 0 {
		l.await(id, "", exits)
	}
	if _, err := io.WriteString(attachment, "go\n"); err != nil {
		return "", err
	}
	return image, nil
}

// commit records the instance. The host finishes a commit that nobody waits for,
// so only the name, given by a command that still runs, makes an instance of the
// image.
func (l *launch) commit(ctx context.Context, container string) (image string, err error) {
	spec := l.plan.Commit
	spec.Reference = ""
	image, err = l.driver.Commit(context.WithoutCancel(ctx), container, spec)
	if err != nil {
		return "", err
	}
	l.onFailure(func(ctx context.Context) error {
		if err := l.engine.removeRecord(ctx, l.plan.Commit.Reference); err != nil {
			return err
		}
		return ignoreInUse(l.driver.RemoveImage(ctx, image))
	})
	return image, l.driver.TagImage(ctx, image, l.plan.Commit.Reference)
}

// keepRunning lets the host restart the containers from now on. Before, a
// restart would hide that a service fails to start.
func (l *launch) keepRunning(ctx context.Context, containers ...string) error {
	tasks := make([]func() error, 0, len(containers))
	for _, id := range containers {
		tasks = append(tasks, func() error { return l.driver.KeepRunning(ctx, id) })
	}
	return parallel(tasks...)
}

// containerIDs are the primary container and those of the components, which may
// be the same.
func (l *launch) containerIDs(primary string) []string {
	ids := []string{primary}
	for _, running := range l.running {
		if running.id != primary {
			ids = append(ids, running.id)
		}
	}
	return ids
}

// containers are those of the instance, as they are now.
func (l *launch) containers(ctx context.Context) ([]driver.Container, error) {
	return l.engine.containersOf(ctx, l.identity.ID)
}

// isTaken tells that what was chosen for an instance has meanwhile been taken, or
// taken away, by somebody else, so that choosing again may help.
func isTaken(err error) bool {
	return errors.Is(err, driver.ErrAddressInUse) || errors.Is(err, driver.ErrPortInUse) || errors.Is(err, driver.ErrNetworkGone)
}
