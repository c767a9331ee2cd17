package engine

import (
	"context"
	"fmt"

	"github.com/servicepack/svp/engine/driver"
	"github.com/servicepack/svp/engine/plan"
)

// Kill ends the first process of a component by SIGKILL, as a crash does; no
// component means the first. Other than after Stop, the host starts it again.
func (e *Engine) Kill(ctx context.Context, name, component string) error {
	return fail("kill", name, causeOf(ctx, e.kill(ctx, Target{Name: name, Component: component})))
}

// kill goes about it from outside: no process can kill the first one of its own
// container, and an engine that is asked to takes it for a stop.
func (e *Engine) kill(ctx context.Context, target Target) (err error) {
	d, err := e.driver(ctx)
	if err != nil {
		return err
	}
	container, err := e.resolve(ctx, target)
	if err == nil {
		container, err = d.Container(ctx, container.ID) // a list leaves processes out
	}
	if err != nil {
		return err
	}
	if container.State != driver.Running || container.Process == 0 {
		return fmt.Errorf("%w: it is %s", ErrNotRunning, container.State)
	}
	operation, err := e.newOperation(ctx, cleanupTimeout)
	if err != nil {
		return err
	}
	id, err := d.CreateContainer(ctx, plan.PlanKill(container, operation))
	if err != nil {
		return err
	}
	defer func() { err = e.removeAfter(ctx, id, err) }()
	exits, err := d.WaitExit(ctx, id)
	if err != nil {
		return err
	}
	if err := d.StartContainer(ctx, id); err != nil {
		return err
	}
	exit := <-exits
	if exit.Err == nil && exit.Code != 0 {
		return fmt.Errorf("process %d of the host cannot be ended: status %d", container.Process, exit.Code)
	}
	return exit.Err
}
