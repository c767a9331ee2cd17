package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/servicepack/svp/engine/driver"
	"github.com/servicepack/svp/engine/envvar"
	"github.com/servicepack/svp/engine/plan"
)

// RunOptions say what image to start an instance of.
type RunOptions struct {
	Image   string // an instance image, as Setup makes it
	Name    string // empty: the image's
	Publish []PublishOption
	Public  bool          // publish for everybody, not for this machine alone
	Timeout time.Duration // 0 means DefaultReadyTimeout
}

// Run starts an instance of an image and waits until it is ready.
func (e *Engine) Run(ctx context.Context, o RunOptions) (UpResult, error) {
	ctx, cancel := e.withTimeout(ctx, o.Timeout, DefaultTimeout)
	defer cancel()
	result, err := e.run(ctx, &o)
	return result, fail("run", o.Name, causeOf(ctx, err))
}

func (e *Engine) run(ctx context.Context, o *RunOptions) (result UpResult, err error) {
	if o.Name == "" {
		if err := checkReference(o.Image); err != nil {
			return UpResult{}, err
		}
		o.Name = plan.InstanceNameOf(o.Image)
	}
	if !plan.ValidInstanceName(o.Name) {
		return UpResult{}, invalidName(o.Name)
	}
	operation, err := e.newOperation(ctx, o.Timeout)
	if err != nil {
		return UpResult{}, err
	}
	var image driver.Image
	var seen *world
	var reach driver.Reach
	err = parallel(
		func() (err error) { image, err = e.findInstanceImage(ctx, o.Image); return err },
		func() (err error) { seen, err = e.observeAndSweep(ctx); return err },
		func() (err error) { reach, err = e.reach(ctx); return err },
	)
	if err != nil {
		return UpResult{}, err
	}
	if _, err := seen.find(o.Name); !errors.Is(err, ErrNoInstance) || seen.isMaking(o.Name) {
		return UpResult{}, ErrInstanceExists
	}
	return e.runImage(ctx, image, creation{
		name: o.Name, image: image.ID, base: image.Labels[driver.LabelBaseImage],
		publish: o.Publish, public: o.Public, reach: reach, operation: operation, timeout: o.Timeout,
	}, seen)
}

func (e *Engine) runImage(ctx context.Context, image driver.Image, wanted creation, seen *world) (UpResult, error) {
	service, err := plan.ServiceFromLabels(image.Labels)
	if err != nil {
		return UpResult{}, err
	}
	wanted.service = service
	_, wanted.copied = image.Labels[driver.LabelInstanceID]
	if wanted.copied && len(service.Volumes) > 0 {
		// The image of an instance that was set up with its volumes in place
		// lacks what the set-up wrote there: a new instance does it again.
		wanted.image, wanted.firstTime = wanted.base, true
	}
	// The environment of what is published is needed before there is a container to
	// read it from: it says which port is to be published at its own number.
	wanted.stored = !wanted.firstTime && len(publishRequests(wanted)) == 0
	if !wanted.stored {
		if wanted.template, err = e.templateOfImage(ctx, image.ID, wanted.operation); err != nil {
			return UpResult{}, err
		}
	}
	made, template, err := e.create(ctx, wanted, seen)
	if errors.Is(err, driver.ErrNameInUse) {
		return UpResult{}, ErrInstanceExists
	}
	if err != nil {
		return UpResult{}, err
	}
	return upResult(made, template, wanted.reach, true, true), nil
}

func (e *Engine) findInstanceImage(ctx context.Context, reference string) (driver.Image, error) {
	d, err := e.driver(ctx)
	if err != nil {
		return driver.Image{}, err
	}
	image, err := d.Image(ctx, reference)
	if errors.Is(err, driver.ErrNotFound) {
		return driver.Image{}, &Error{
			Op: "find instance image", Subject: reference, Kind: NotFound, Err: err,
			Hint: "make it with: svp setup -b PACK -i BASE -t " + reference,
		}
	}
	if err != nil {
		return driver.Image{}, err
	}
	if image.Labels[driver.LabelPhase] != driver.PhaseInstance {
		return driver.Image{}, usagef("name an image that svp setup made", "image %s is no instance image", reference)
	}
	return image, nil
}

// templateOfImage reads the secrets and the environment out of an instance image.
func (e *Engine) templateOfImage(ctx context.Context, image string, operation plan.Operation) (template envvar.Set, err error) {
	scratch, err := e.createScratch(ctx, "", image, driver.RoleScratch, operation)
	if err != nil {
		return nil, err
	}
	defer func() { err = e.removeAfter(ctx, scratch, err) }()
	return e.templateOf(ctx, scratch)
}

// createScratch makes a container to read files from, or a lock; it is never started.
// To read from, it needs no name.
func (e *Engine) createScratch(ctx context.Context, name, image, role string, operation plan.Operation) (string, error) {
	d, err := e.driver(ctx)
	if err != nil {
		return "", err
	}
	return d.CreateContainer(ctx, driver.ContainerSpec{
		Name: name, Image: image, Entrypoint: []string{"/bin/true"}, Command: []string{""},
		Labels: operation.Labels().With(driver.Labels{
			driver.LabelPhase: driver.PhaseInstance, driver.LabelRole: role,
		}),
	})
}

// templateOf reads the secrets and the environment out of a container.
func (e *Engine) templateOf(ctx context.Context, container string) (envvar.Set, error) {
	content, err := e.readFile(ctx, container, plan.InstanceFile)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, driver.ErrNotFound) {
		return nil, fmt.Errorf("container %s is none of svp's, or another command is removing it: %w", container, err)
	}
	if err != nil {
		return nil, err
	}
	return parseTemplate(content)
}
