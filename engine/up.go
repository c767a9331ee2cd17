package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/servicepack/svp/engine/driver"
	"github.com/servicepack/svp/engine/envvar"
	"github.com/servicepack/svp/engine/pack"
	"github.com/servicepack/svp/engine/plan"
)

// UpOptions say what instance is to run.
type UpOptions struct {
	Pack string // a folder, or a pack's name
	Name string // empty: the pack's
	Plan string // empty: the pack's first
	// Parameters override those of the plan, and add to them.
	Parameters map[string]string
	Secrets    []SecretOption
	Publish    []PublishOption
	Public     bool // publish for everybody, not for this machine alone
	// Temporary instances are of use to this process alone: they are taken for
	// left behind when it is gone.
	Temporary bool
	Offline   bool // build without network, with what is on this machine
	// Timeout bounds the whole operation; 0 means DefaultTimeout for the build
	// and DefaultReadyTimeout for the service to be ready.
	Timeout time.Duration
}

// UpResult is a running instance and its environment as the host of the command
// sees it.
type UpResult struct {
	Instance Instance
	Env      envvar.Set
	Service  envvar.Service
	Created  bool // false: it was there already
	Changed  bool // false: it even ran already
}

// Up makes sure that an instance runs: it builds, sets up, starts and waits for
// what is missing. Done twice it changes nothing.
func (e *Engine) Up(ctx context.Context, o UpOptions) (UpResult, error) {
	ctx, cancel := e.withTimeout(ctx, o.Timeout, DefaultTimeout)
	defer cancel()
	result, err := e.up(ctx, &o)
	return result, fail("up", o.Name, causeOf(ctx, err))
}

func (e *Engine) up(ctx context.Context, o *UpOptions) (UpResult, error) {
	opened, err := e.openPackWith(ctx, o.Pack, o.Offline)
	if err != nil {
		return UpResult{}, err
	}
	if o.Name == "" {
		o.Name = opened.Name()
	}
	if !plan.ValidInstanceName(o.Name) {
		return UpResult{}, invalidName(o.Name)
	}
	var described pack.Descriptor
	var seen *world
	var reach driver.Reach
	err = parallel(
		func() (err error) { described, err = opened.Describe(ctx); return err },
		func() (err error) { seen, err = e.observeAndSweep(ctx); return err },
		func() (err error) { reach, err = e.reach(ctx); return err },
	)
	if err != nil {
		return UpResult{}, firstOfPack(err)
	}
	return e.upDescribed(ctx, *o, opened.Dir, described, seen, reach)
}

// goneAttempts bounds how often svp begins anew because somebody removes images. What
// it has built then, svp itself leaves to it.
const goneAttempts = 3

// upDescribed brings up what is there, or makes what is not; when another
// command is at it, it waits and looks again.
func (e *Engine) upDescribed(ctx context.Context, o UpOptions, dir *pack.Dir, described pack.Descriptor, seen *world, reach driver.Reach) (UpResult, error) {
	for removals := 0; ; {
		if found := seen.instance(o.Name); found != nil {
			result, err := e.upExisting(ctx, o, described, found, seen, reach)
			if !errors.Is(err, ErrNoInstance) {
				return result, err
			}
			// Another command has destroyed it.
			if seen, err = e.observeAndSweep(ctx); err != nil {
				return UpResult{}, err
			}
			continue
		}
		if err := seen.checkReadable(o.Name); err != nil {
			return UpResult{}, err
		}
		if seen.isMaking(o.Name) {
			var err error
			if seen, err = e.awaitContainer(ctx, plan.ContainerName(o.Name)); err != nil {
				return UpResult{}, err
			}
			continue
		}
		result, err := e.upNew(ctx, o, dir, described, seen, reach)
		switch {
		case errors.Is(err, driver.ErrNameInUse):
			seen, err = e.awaitInstance(ctx, o.Name)
		case errors.Is(err, driver.ErrImageGone) && removals < goneAttempts:
			// Mostly the base image, which somebody has removed as unused.
			removals++
			seen, err = e.observeAndSweep(ctx)
		default:
			return result, err
		}
		if err != nil {
			return UpResult{}, err
		}
	}
}

// awaitInstance waits until the command that is making the instance has recorded
// it, or has failed.
func (e *Engine) awaitInstance(ctx context.Context, name string) (*world, error) {
	seen, err := e.observeAndSweep(ctx)
	if err != nil || seen.instance(name) != nil {
		return seen, err
	}
	return e.awaitContainer(ctx, plan.ContainerName(name))
}

func (e *Engine) upExisting(ctx context.Context, o UpOptions, described pack.Descriptor, found *instance, seen *world, reach driver.Reach) (UpResult, error) {
	if found.service.Pack != described.Name {
		return UpResult{}, fmt.Errorf("%w: it is a %s", ErrInstanceExists, found.service.Pack)
	}
	if found.service.Digest != described.Digest {
		e.note(fmt.Sprintf("%s was made from another state of pack %s and stays as it is", o.Name, described.Name))
	}
	if len(o.Secrets) > 0 || len(o.Publish) > 0 || o.Public {
		e.warn(fmt.Sprintf("%s exists already: its secrets and published ports stay as they are", o.Name))
	}
	if o.Plan != "" && o.Plan != found.service.Plan || len(o.Parameters) > 0 {
		e.warn(fmt.Sprintf("%s exists already: its plan and parameters stay as they are; svp update changes them", o.Name))
	}
	return e.bringUp(ctx, bringing{found: found, seen: seen, reach: reach, timeout: o.Timeout})
}

func (e *Engine) upNew(ctx context.Context, o UpOptions, dir *pack.Dir, described pack.Descriptor, seen *world, reach driver.Reach) (UpResult, error) {
	service, err := serviceIn(described, o.Plan, o.Parameters)
	if err != nil {
		return UpResult{}, err
	}
	template, err := e.environment(ctx, dir, described, o.Secrets)
	if err != nil {
		return UpResult{}, err
	}
	base, err := e.ensureBase(ctx, baseRequest{
		pack: dir, service: baseService(described, service), os: described.OS, dependencies: described.Dependencies,
		offline: o.Offline, timeout: o.Timeout,
	}, seen)
	if err != nil {
		return UpResult{}, err
	}
	operation, err := e.newOperation(ctx, o.Timeout)
	if err != nil {
		return UpResult{}, err
	}
	wanted := creation{
		name: o.Name, service: service, template: template, image: base.ID, base: base.ID, firstTime: true,
		publish: o.Publish, public: o.Public, reach: reach, operation: operation, timeout: o.Timeout,
		temporary: o.Temporary,
	}
	if e.config.CABundle != "" {
		// The authorities are mounted, and mounts last as long as a container: the
		// set-up gets one of its own.
		wanted.firstTime = false
		wanted.image, err = e.setupImage(ctx, plan.SetupInput{
			Service: service, Base: driver.Image{ID: base.ID}, Instance: o.Name, Operation: operation,
		}, template)
		if err != nil {
			return UpResult{}, err
		}
	}
	made, _, err := e.create(ctx, wanted, seen)
	if err != nil && !wanted.firstTime {
		err = errors.Join(err, e.discardImage(ctx, wanted.image))
	}
	if err != nil {
		return UpResult{}, err
	}
	return upResult(made, template, reach, true, true), nil
}

// serviceIn is the pack's service in that plan, with the parameters given.
func serviceIn(described pack.Descriptor, planName string, parameters map[string]string) (plan.Service, error) {
	service, err := plan.NewService(described, planName)
	if err == nil {
		service, err = service.WithParameters(parameters)
	}
	if err != nil {
		return plan.Service{}, usagef("", "%v", err)
	}
	return service, nil
}

// baseService is the service as the base image, which all plans share, sees it.
func baseService(described pack.Descriptor, chosen plan.Service) plan.Service {
	service, err := plan.NewService(described, "")
	if err != nil {
		return chosen
	}
	return service
}

// upResult tells of an instance that runs.
func upResult(i *instance, template envvar.Set, reach driver.Reach, created, changed bool) UpResult {
	return UpResult{
		Instance: i.public(), Env: template.Expand(fromHost(i.identity, reach)),
		Service: describe(i.identity.Name, i.service), Created: created, Changed: changed,
	}
}
