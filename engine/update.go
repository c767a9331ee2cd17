package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/servicepack/svp/engine/driver"
	"github.com/servicepack/svp/engine/pack"
	"github.com/servicepack/svp/engine/plan"
)

// UpdateOptions say what is to change of an instance.
type UpdateOptions struct {
	Name string
	// Pack is a folder, or a pack's name: the pack of the instance, which knows
	// the plans. Empty means the pack of that name.
	Pack string
	Plan string // empty: it stays
	// Parameters are changed or added; those that were given before and are not
	// named here stay, whatever the plan.
	Parameters map[string]string
	// Timeout bounds the whole operation; 0 means DefaultTimeout, and
	// DefaultReadyTimeout for the service to be ready.
	Timeout time.Duration
}

// Update puts an instance into another plan, or changes its parameters: its
// containers are made anew and run when it returns; credentials, volumes, address
// and published ports stay. When that fails, the instance is as it was before.
func (e *Engine) Update(ctx context.Context, o UpdateOptions) (UpResult, error) {
	ctx, cancel := e.withTimeout(ctx, o.Timeout, DefaultTimeout)
	defer cancel()
	result, err := e.update(ctx, o)
	return result, fail("update", o.Name, causeOf(ctx, err))
}

func (e *Engine) update(ctx context.Context, o UpdateOptions) (result UpResult, err error) {
	if !plan.ValidInstanceName(o.Name) {
		return UpResult{}, invalidName(o.Name)
	}
	var seen *world
	var reach driver.Reach
	err = parallel(
		func() (err error) { seen, err = e.observeAndSweep(ctx); return err },
		func() (err error) { reach, err = e.reach(ctx); return err },
	)
	if err != nil {
		return UpResult{}, err
	}
	found, err := seen.find(o.Name)
	if err != nil {
		return UpResult{}, err
	}
	held, err := e.lock(ctx, found, o.Timeout)
	if err != nil {
		return UpResult{}, err
	}
	defer held.unlock(ctx)
	if err := e.restoreRecord(ctx, held.found); err != nil {
		return UpResult{}, err
	}
	operation, err := e.newOperation(ctx, o.Timeout)
	if err != nil {
		return UpResult{}, err
	}
	return e.updateLocked(ctx, o, change{found: held.found, reach: reach, timeout: o.Timeout, operation: operation}, held.seen)
}

func (e *Engine) updateLocked(ctx context.Context, o UpdateOptions, c change, seen *world) (UpResult, error) {
	var err error
	if c.wanted, err = e.updatedService(ctx, o, c.found); err != nil {
		return UpResult{}, err
	}
	if err := e.checkStorage(ctx, c.found, c.wanted); err != nil {
		return UpResult{}, err
	}
	if c.wanted.SamePlan(c.found.service) && maps.Equal(c.wanted.Given, c.found.service.Given) {
		return e.bringUp(ctx, c.bringing(seen))
	}
	return e.change(ctx, c, seen)
}

// updatedService is the instance's service in its new plan. All else that a pack
// says stays as it was when the instance was made.
func (e *Engine) updatedService(ctx context.Context, o UpdateOptions, found *instance) (plan.Service, error) {
	wanted := found.service
	if o.Pack != "" || o.Plan != "" {
		described, err := e.describeAgain(ctx, cmp.Or(o.Pack, found.service.Pack), found)
		if err != nil {
			return plan.Service{}, err
		}
		if wanted, err = inPlan(wanted, described, o.Plan); err != nil {
			return plan.Service{}, err
		}
	}
	wanted, err := wanted.WithParameters(o.Parameters)
	if err != nil {
		return plan.Service{}, usagef("", "%v", err)
	}
	return wanted, nil
}

// describeAgain asks the pack of an instance, which may have changed since.
func (e *Engine) describeAgain(ctx context.Context, packName string, found *instance) (pack.Descriptor, error) {
	opened, err := e.openPack(ctx, packName)
	var failed *Error
	if errors.As(err, &failed) && failed.Kind == NotFound && packName == found.service.Pack {
		failed.Hint = "name the folder of the instance's pack with -b"
	}
	if err != nil {
		return pack.Descriptor{}, err
	}
	described, err := opened.Describe(ctx)
	if err != nil {
		return pack.Descriptor{}, err
	}
	if described.Name != found.service.Pack {
		return pack.Descriptor{}, fmt.Errorf("%w: it is a %s, not a %s", ErrOtherPack, found.service.Pack, described.Name)
	}
	if described.Digest != found.service.Digest {
		e.note(fmt.Sprintf("%s was made from another state of pack %s; of this one it gets the plan only", found.identity.Name, described.Name))
	}
	return described, nil
}

func inPlan(service plan.Service, described pack.Descriptor, planName string) (plan.Service, error) {
	if planName == "" {
		return service, nil
	}
	if planName != service.Plan && !described.PlanUpdateable {
		return plan.Service{}, fmt.Errorf("%w: pack %s says so", ErrPlanFixed, described.Name)
	}
	chosen, err := plan.NewService(described, planName)
	if err != nil {
		return plan.Service{}, usagef("", "%v", err)
	}
	service.Plan, service.Limits, service.Parameters = chosen.Plan, chosen.Limits, chosen.Parameters
	return service.WithParameters(service.Given)
}

// checkStorage refuses a plan that has less storage than is in use.
func (e *Engine) checkStorage(ctx context.Context, found *instance, wanted plan.Service) error {
	before, after := found.service.Limits.StorageBytes, wanted.Limits.StorageBytes
	if after == 0 || after == before || !found.service.Has(pack.ScriptUsage) {
		return nil
	}
	used, known, err := e.usage(ctx, found)
	if err != nil {
		return err
	}
	if !known && (before == 0 || after < before) {
		return fmt.Errorf("%w, and so cannot tell whether its data fits into plan %s", ErrNotRunning, wanted.Plan)
	}
	if used > after {
		return fmt.Errorf("%w: %d bytes are in use, plan %s has %d", ErrInUseExceeds, used, wanted.Plan, after)
	}
	return nil
}

// change is an instance that is to become one in another plan.
type change struct {
	found     *instance
	wanted    plan.Service
	reach     driver.Reach
	timeout   time.Duration
	operation plan.Operation
}

func (c change) bringing(seen *world) bringing {
	return bringing{found: c.found, seen: seen, reach: c.reach, timeout: c.timeout, held: true}
}

// change moves the record of the instance to the new plan, which is one step for
// the host. From then on the instance is in the new plan: containers of the old
// one are stale, and whoever brings the instance up makes them anew.
func (e *Engine) change(ctx context.Context, c change, seen *world) (UpResult, error) {
	before := *c.found
	if err := e.settle(ctx, c.found, seen); err != nil {
		return UpResult{}, err
	}
	recorded, err := e.recordPlan(ctx, c)
	if recorded.ID == "" {
		return UpResult{}, err
	}
	var result UpResult
	if err == nil {
		c.found.service, c.found.image = c.wanted, recorded
		result, err = e.bringUp(ctx, c.bringing(seen))
	}
	if err != nil {
		e.revert(ctx, before, recorded.ID)
	}
	return result, err
}

// recordPlan makes the record of the instance anew: the same files, and labels
// that tell of the new plan. An image comes with an error when it is the record
// already.
func (e *Engine) recordPlan(ctx context.Context, c change) (recorded driver.Image, err error) {
	planned, err := plan.PlanInstance(plan.InstanceInput{
		Service: c.wanted, Identity: c.found.identity, Base: c.found.image.Labels[driver.LabelBaseImage], Operation: c.operation,
		Created: c.found.created(),
	})
	if err != nil {
		return driver.Image{}, err
	}
	scratch, err := e.createScratch(ctx, "", c.found.image.ID, driver.RoleScratch, c.operation)
	if err != nil {
		return driver.Image{}, err
	}
	defer func() { err = e.removeAfter(ctx, scratch, err) }()
	id, err := e.commitNamed(ctx, scratch, planned.Commit)
	return driver.Image{ID: id, Labels: planned.Commit.Labels, Created: e.now()}, err
}

// revertTimeout bounds how long it takes to put an instance back into its plan.
const revertTimeout = DefaultReadyTimeout + cleanupTimeout

// revert puts an instance back into the plan from before, also when the
// operation's context has ended.
func (e *Engine) revert(ctx context.Context, before instance, discarded string) {
	cleanup, cancel := context.WithTimeout(context.WithoutCancel(ctx), revertTimeout)
	defer cancel()
	if err := e.putBack(cleanup, before); err != nil {
		e.warn(fmt.Sprintf("%s is in plan %s again and does not run; svp start %s brings it back: %v",
			before.identity.Name, before.service.Plan, before.identity.Name, err))
		return
	}
	e.note(fmt.Sprintf("%s is in plan %s again", before.identity.Name, before.service.Plan))
	// Something may still use it; it goes with the instance then.
	_ = ignoreInUse(e.discardImage(cleanup, discarded))
}

func (e *Engine) putBack(ctx context.Context, before instance) error {
	d, err := e.driver(ctx)
	if err != nil {
		return err
	}
	if err := d.TagImage(ctx, before.image.ID, before.reference()); err != nil {
		return err
	}
	seen, err := e.observe(ctx)
	if err != nil {
		return err
	}
	found, err := seen.findSame(before.identity)
	if err != nil {
		return err
	}
	if before.state() != StateRunning {
		return e.removeContainers(ctx, found)
	}
	reach, err := e.reach(ctx)
	if err != nil {
		return err
	}
	_, err = e.bringUp(ctx, bringing{found: found, seen: seen, reach: reach, held: true})
	return err
}

// removeStale removes the containers of an instance that are of a plan from
// before its update, which a killed command may have left.
func (e *Engine) removeStale(ctx context.Context, found *instance) error {
	if !found.isStale() {
		return nil
	}
	if err := e.removeContainers(ctx, found); err != nil {
		return err
	}
	found.containers = nil
	return nil
}

func (i *instance) isStale() bool {
	return slices.ContainsFunc(i.containers, func(container driver.Container) bool {
		service, err := plan.ServiceFromLabels(container.Labels)
		return err == nil && !service.SamePlan(i.service)
	})
}
