package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/servicepack/svp/engine/driver"
	"github.com/servicepack/svp/engine/envvar"
	"github.com/servicepack/svp/engine/pack"
	"github.com/servicepack/svp/engine/plan"
	"github.com/servicepack/svp/engine/secrets"
)

// SecretOption is a secret that the user gives instead of a generated one.
type SecretOption struct {
	Name  string
	Value secrets.Value
}

// SetupOptions say what instance image to make.
type SetupOptions struct {
	Pack    string // a folder, or a pack's name
	Base    string // a base image, as Build makes it
	Tag     string // REPO[:TAG]
	Plan    string // empty: the pack's first
	Secrets []SecretOption
	Timeout time.Duration // 0 means DefaultTimeout
}

// SetupResult is an instance image, and its environment with the placeholders
// unfilled.
type SetupResult struct {
	Image, ID string
	Env       envvar.Set
	Service   envvar.Service
}

// Setup generates the secrets and makes an instance image.
func (e *Engine) Setup(ctx context.Context, o SetupOptions) (SetupResult, error) {
	ctx, cancel := e.withTimeout(ctx, o.Timeout, DefaultTimeout)
	defer cancel()
	result, err := e.setup(ctx, o)
	return result, fail("setup", o.Tag, causeOf(ctx, err))
}

func (e *Engine) setup(ctx context.Context, o SetupOptions) (SetupResult, error) {
	if o.Base == "" {
		return SetupResult{}, fmt.Errorf("%w: no base image is given", driver.ErrInvalidReference)
	}
	if err := checkReference(o.Tag); err != nil {
		return SetupResult{}, err
	}
	opened, err := e.openPack(ctx, o.Pack)
	if err != nil {
		return SetupResult{}, err
	}
	described, base, err := e.describeAndFindBase(ctx, opened.Dir, o.Base)
	if err != nil {
		return SetupResult{}, err
	}
	if base.Labels[driver.LabelPackDigest] != described.Digest {
		e.warn(fmt.Sprintf("pack %s has changed since %s was built: svp build makes it anew", o.Pack, o.Base))
	}
	service, err := plan.NewService(described, o.Plan)
	if err != nil {
		return SetupResult{}, usagef("", "%v", err)
	}
	template, err := e.environment(ctx, opened.Dir, described, o.Secrets)
	if err != nil {
		return SetupResult{}, err
	}
	operation, err := e.newOperation(ctx, o.Timeout)
	if err != nil {
		return SetupResult{}, err
	}
	id, err := e.setupImage(ctx, plan.SetupInput{
		Service: service, Base: base, Instance: plan.InstanceOfReference(o.Tag), Tag: o.Tag, Operation: operation,
	}, template)
	if err != nil {
		return SetupResult{}, err
	}
	return SetupResult{Image: o.Tag, ID: id, Env: template, Service: describe(plan.InstanceNameOf(o.Tag), service)}, nil
}

func (e *Engine) describeAndFindBase(ctx context.Context, dir *pack.Dir, reference string) (pack.Descriptor, driver.Image, error) {
	var described pack.Descriptor
	var base driver.Image
	err := parallel(
		func() (err error) { described, err = dir.Describe(ctx); return err },
		func() (err error) { base, err = e.findBase(ctx, reference); return err },
		func() error { _, err := e.observeAndSweep(ctx); return err },
	)
	return described, base, firstOfPack(err)
}

func (e *Engine) findBase(ctx context.Context, reference string) (driver.Image, error) {
	d, err := e.driver(ctx)
	if err != nil {
		return driver.Image{}, err
	}
	base, err := d.Image(ctx, reference)
	if errors.Is(err, driver.ErrNotFound) {
		return driver.Image{}, &Error{
			Op: "find base image", Subject: reference, Kind: NotFound, Err: err,
			Hint: "make it with: svp build -b PACK -t " + reference,
		}
	}
	if err != nil {
		return driver.Image{}, err
	}
	if base.Labels[driver.LabelPhase] != driver.PhaseBase {
		return driver.Image{}, usagef("name an image that svp build made", "image %s is no base image", reference)
	}
	return base, nil
}

// setupImage makes an instance image in a container of its own.
func (e *Engine) setupImage(ctx context.Context, in plan.SetupInput, template envvar.Set) (string, error) {
	authorities, err := e.provideCA(ctx, in.Operation)
	if err != nil {
		return "", err
	}
	defer authorities.remove(ctx)
	in.CAVolume = authorities.volume
	setup, err := plan.PlanSetup(in)
	if err != nil {
		return "", err
	}
	files, err := environmentFiles(template, template)
	if err != nil {
		return "", err
	}
	d, err := e.driver(ctx)
	if err != nil {
		return "", err
	}
	if err := d.CreateVolume(ctx, setup.CacheVolume, setup.CacheLabels); err != nil {
		return "", err
	}
	return e.buildImage(ctx, imageBuild{
		phase: "setup", subject: in.Instance, script: "bin/build setup",
		container: setup.Container, commit: setup.Commit,
		input: plan.Delivery(files), authorities: authorities, hidden: template,
	})
}

// environment is one that was prepared where no secrets are given, or a new one.
func (e *Engine) environment(ctx context.Context, dir *pack.Dir, described pack.Descriptor, given []SecretOption) (envvar.Set, error) {
	if len(given) == 0 {
		if prepared, ok := e.stock.take(described.Digest); ok {
			return prepared, nil
		}
	}
	return e.newEnvironment(ctx, dir, described, given)
}

// newEnvironment makes the secrets, takes those that the user gives, and asks the
// pack for the rest. The secrets come first, in the pack's order.
func (e *Engine) newEnvironment(ctx context.Context, dir *pack.Dir, described pack.Descriptor, given []SecretOption) (envvar.Set, error) {
	values, err := e.secrets(described.Secrets, given)
	if err != nil {
		return nil, err
	}
	env, err := dir.Env(ctx, described, values)
	if err != nil {
		return nil, err
	}
	return e.template(described, values, env), nil
}

// template puts together what an instance is given: its secrets, and the pack's
// environment, whose placeholders are not filled yet.
func (e *Engine) template(described pack.Descriptor, values, env envvar.Set) envvar.Set {
	env = env.EscapeSecrets(values)
	for _, number := range env.Ports() {
		declared := slices.ContainsFunc(described.Ports, func(port pack.Port) bool { return port.Number == number })
		if !declared {
			e.warn(fmt.Sprintf("pack %s: env says %%PORT_%d, and ports does not name %d: it is published nowhere, and the number stays",
				described.Name, number, number))
		}
	}
	return values.Merge(env)
}

func (e *Engine) secrets(names []string, given []SecretOption) (envvar.Set, error) {
	byName := make(map[string]secrets.Value, len(given))
	for _, secret := range given {
		if _, twice := byName[secret.Name]; twice {
			return nil, usagef("", "secret %s is given twice", secret.Name)
		}
		if err := secrets.Validate(secret.Value.Reveal()); err != nil {
			return nil, usagef("", "secret %s: %v", secret.Name, err)
		}
		byName[secret.Name] = secret.Value
	}
	set := make(envvar.Set, 0, len(names))
	for _, name := range names {
		value, ok := byName[name]
		delete(byName, name)
		if !ok {
			var err error
			if value, err = e.generator.Generate(); err != nil {
				return nil, fmt.Errorf("generate secret %s: %w", name, err)
			}
		}
		set = append(set, envvar.Var{Name: name, Value: value, Secret: true})
	}
	for name := range byName {
		return nil, usagef("svp pack inspect shows the secrets", "the pack has no secret %s", name)
	}
	return set, nil
}
