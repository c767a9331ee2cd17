package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/distribution/reference"

	"github.com/servicepack/svp/engine/driver"
	"github.com/servicepack/svp/engine/pack"
	"github.com/servicepack/svp/engine/plan"
)

// BuildOptions say what base image to build.
type BuildOptions struct {
	Pack    string        // a folder, or a pack's name
	Tag     string        // REPO[:TAG]; empty: svp's own name for it is enough
	NoCache bool          // build even when there is one that would do
	Offline bool          // build without network, with what is on this machine
	Timeout time.Duration // 0 means DefaultTimeout
}

// BuildResult is a base image.
type BuildResult struct {
	Image  string `json:"image"`  // its reference
	ID     string `json:"id"`     // "sha256:…"
	Reused bool   `json:"reused"` // it was there already
}

// Build makes the base image of a pack, or reuses the one that is there.
func (e *Engine) Build(ctx context.Context, o BuildOptions) (BuildResult, error) {
	ctx, cancel := e.withTimeout(ctx, o.Timeout, DefaultTimeout)
	defer cancel()
	result, err := e.build(ctx, o)
	return result, fail("build", o.Pack, causeOf(ctx, err))
}

func (e *Engine) build(ctx context.Context, o BuildOptions) (BuildResult, error) {
	if o.Tag != "" {
		if err := checkReference(o.Tag); err != nil {
			return BuildResult{}, err
		}
	}
	opened, err := e.openPackWith(ctx, o.Pack, o.Offline)
	if err != nil {
		return BuildResult{}, err
	}
	var described pack.Descriptor
	var seen *world
	err = parallel(
		func() (err error) { described, err = opened.Describe(ctx); return err },
		func() (err error) { seen, err = e.observeAndSweep(ctx); return err },
	)
	if err != nil {
		return BuildResult{}, firstOfPack(err)
	}
	service, err := plan.NewService(described, "")
	if err != nil {
		return BuildResult{}, err
	}
	return e.ensureBase(ctx, baseRequest{
		pack: opened.Dir, service: service, os: described.OS, dependencies: described.Dependencies,
		tag: o.Tag, noCache: o.NoCache, offline: o.Offline, timeout: o.Timeout,
	}, seen)
}

// checkReference refuses what cannot name an image before anything is made.
func checkReference(text string) error {
	if text == "" {
		return fmt.Errorf("%w: none is given", driver.ErrInvalidReference)
	}
	named, err := reference.ParseNormalizedNamed(text)
	if err != nil {
		return fmt.Errorf("%w %q: %w", driver.ErrInvalidReference, text, err)
	}
	if _, digested := named.(reference.Digested); digested {
		return fmt.Errorf("%w %q: a digest is not for us to choose", driver.ErrInvalidReference, text)
	}
	// To the parser upper case makes a registry of the first word, to older
	// engines a mistake.
	if registry := reference.Domain(named); registry != strings.ToLower(registry) {
		return fmt.Errorf("%w %q: it has to be in lower case", driver.ErrInvalidReference, text)
	}
	return nil
}

// firstOfPack lets an invalid pack speak alone when the host failed too: its
// author can do something about it without a host.
func firstOfPack(err error) error {
	var invalid *pack.Error
	if errors.As(err, &invalid) {
		return invalid
	}
	return err
}

// baseRequest is what ensureBase is asked for.
type baseRequest struct {
	pack         *pack.Dir
	service      plan.Service
	os           pack.OS
	dependencies []pack.Dependency
	tag          string
	noCache      bool
	offline      bool
	timeout      time.Duration
}

// ensureBase makes sure that the base image exists. Of several commands that
// want the same one, the first builds it and the others wait.
func (e *Engine) ensureBase(ctx context.Context, request baseRequest, seen *world) (BuildResult, error) {
	osImage, err := e.ensureOS(ctx, request.os, request.offline)
	if err != nil {
		return BuildResult{}, err
	}
	operation, err := e.newOperation(ctx, request.timeout)
	if err != nil {
		return BuildResult{}, err
	}
	authorities, err := e.provideCA(ctx, operation)
	if err != nil {
		return BuildResult{}, err
	}
	defer authorities.remove(ctx)
	for removals := 0; ; {
		base, err := plan.PlanBase(plan.BaseInput{
			Service: request.service, OSImage: osImage, Existing: seen.baseImages, Tag: request.tag,
			NoCache: request.noCache, CAVolume: authorities.volume, Operation: operation,
			Dependencies: request.bringsDependencies(), Offline: request.offline,
		})
		if err != nil {
			return BuildResult{}, err
		}
		if base.Reuse != "" {
			result := BuildResult{Image: base.References[0], ID: base.Reuse, Reused: true}
			if err := e.tagMissing(ctx, base, seen); !errors.Is(err, driver.ErrImageGone) || removals == goneAttempts {
				return result, err
			}
			// Somebody has removed it since we looked, as unused.
			removals++
			if seen, err = e.observeAndSweep(ctx); err != nil {
				return BuildResult{}, err
			}
			continue
		}
		id, err := e.buildBase(ctx, request, base, authorities)
		if err == nil {
			return BuildResult{Image: base.References[0], ID: id}, e.tag(ctx, id, base.References[1:])
		}
		if !errors.Is(err, driver.ErrNameInUse) {
			return BuildResult{}, err
		}
		if seen, err = e.awaitContainer(ctx, base.Container.Name); err != nil {
			return BuildResult{}, err
		}
	}
}

// tagMissing gives a reused image the references that it does not have yet.
func (e *Engine) tagMissing(ctx context.Context, base plan.Base, seen *world) error {
	var missing []string
	for _, reference := range base.References {
		if !hasTag(seen.baseImages, base.Reuse, reference) {
			missing = append(missing, reference)
		}
	}
	return e.tag(ctx, base.Reuse, missing)
}

func (e *Engine) tag(ctx context.Context, image string, references []string) error {
	d, err := e.driver(ctx)
	if err != nil {
		return err
	}
	for _, reference := range references {
		if err := d.TagImage(ctx, image, reference); err != nil {
			return err
		}
	}
	return nil
}

func hasTag(images []driver.Image, id, reference string) bool {
	for _, image := range images {
		if image.ID != id {
			continue
		}
		for _, tag := range image.Tags {
			if tag == reference || tag == reference+":latest" {
				return true
			}
		}
	}
	return false
}

// pollInterval is how often svp looks again at what tells of no change itself.
const pollInterval = 50 * time.Millisecond

func (e *Engine) awaitContainer(ctx context.Context, name string) (*world, error) {
	e.note(fmt.Sprintf("another svp is at work in container %s: waiting for it", name))
	return e.awaitEnd(ctx, name)
}

// awaitEnd waits until another command is done with its container, or has died over
// it, and observes again.
func (e *Engine) awaitEnd(ctx context.Context, name string) (*world, error) {
	d, err := e.driver(ctx)
	if err != nil {
		return nil, err
	}
	for {
		container, err := d.Container(ctx, name)
		if errors.Is(err, driver.ErrNotFound) {
			return e.observeAndSweep(ctx)
		}
		if err != nil {
			return nil, err
		}
		operation, ours := plan.OperationFromLabels(container.Labels)
		if !ours || isMadeByHand(container) {
			return nil, fmt.Errorf("container %s is not svp's, yet has the name that svp needs: %w", name, driver.ErrInUse)
		}
		if e.ended(operation) {
			return e.sweepOutOfTheWay(ctx, container)
		}
		made, err := e.isMade(ctx, container)
		if err != nil {
			return nil, err
		}
		if err := sleep(ctx, pollInterval); err != nil {
			return nil, err
		}
		if made {
			return e.observeAndSweep(ctx)
		}
	}
}

// isMade tells that the container is that of an instance which is no longer half
// made: a broker that made it goes on to live, and so does the container.
func (e *Engine) isMade(ctx context.Context, container driver.Container) (bool, error) {
	if !isLasting(container) {
		return false, nil
	}
	id := container.Labels[driver.LabelInstanceID]
	d, err := e.driver(ctx)
	if err != nil {
		return false, err
	}
	marks, err := d.Volumes(ctx, driver.Labels{driver.LabelInstanceID: id, driver.LabelRole: driver.RoleMaking})
	return len(marks) == 0, err
}

// sweepOutOfTheWay sweeps, and makes sure that the container, which nobody is at
// work in, does not keep its name from whoever waits for it.
func (e *Engine) sweepOutOfTheWay(ctx context.Context, container driver.Container) (*world, error) {
	seen, err := e.observeAndSweep(ctx)
	if err != nil {
		return nil, err
	}
	for _, found := range seen.instances {
		if container.Name == plan.ContainerName(found.identity.Name) {
			return seen, nil
		}
	}
	d, err := e.driver(ctx)
	if err != nil {
		return nil, err
	}
	_, err = d.Container(ctx, container.ID)
	if errors.Is(err, driver.ErrNotFound) {
		return seen, nil
	}
	if err != nil {
		return nil, err
	}
	return nil, fmt.Errorf("container %s is in the way of one that svp needs: %w", container.Name, driver.ErrInUse)
}

// sleep waits, or returns the context's error.
func sleep(ctx context.Context, duration time.Duration) error {
	timer := time.NewTimer(duration)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// buildBase builds the base image in a container and returns its id.
func (e *Engine) buildBase(ctx context.Context, request baseRequest, base plan.Base, authorities *caVolume) (string, error) {
	d, err := e.driver(ctx)
	if err != nil {
		return "", err
	}
	dependencies, err := e.provideDependencies(ctx, request, base)
	if err != nil {
		return "", err
	}
	defer dependencies.remove(ctx)
	if err := d.CreateVolume(ctx, base.CacheVolume, base.CacheLabels); err != nil {
		return "", err
	}
	return e.buildImage(ctx, imageBuild{
		phase: "base", subject: request.service.Pack, script: "bin/build base",
		container: base.Container, commit: base.Commit,
		files: append(fileEntries([]plan.File{plan.ConfigFolder()}), packEntries(request.pack)...), authorities: authorities, dependencies: dependencies,
	})
}
