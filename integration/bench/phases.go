package main

import (
	"context"
	"fmt"
	"time"
)

// shortRepeats is how many times as often a phase is measured whose floor is short: the
// limit is a difference then, and small beside what a machine does in the meantime.
const shortRepeats = 5

// mostBuilds is how often a build that takes long is measured at most.
const mostBuilds = 3

// bases are the base images of a pack, of each side.
type bases struct{ svp, floor string }

// phases measures build, setup and run of every pack.
func (b *bench) phases(ctx context.Context) error {
	t := newTable(b.out, "pack", "phase", "svp, s", "floor, s", "ratio", "difference [interval]")
	defer t.end()
	for _, p := range b.packs {
		if err := b.phasesOf(ctx, p, t); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			t.row(p.name, "not measured: "+lastLines(err.Error()))
			b.judge(p.name, "not measured", "", false)
		}
	}
	return nil
}

func (b *bench) phasesOf(ctx context.Context, p pack, t table) error {
	made, err := b.makeBases(ctx, p)
	if err != nil {
		return err
	}
	images, err := b.makeInstances(ctx, p, made)
	if err != nil {
		return err
	}
	phases := []struct {
		name       string
		pairs      int
		svp, floor measurement
	}{
		{"build", min(b.pairs, mostBuilds), b.svpBuild(p), b.floorBuild(p)},
		{"build, nothing changed", b.pairs, b.svpBuildAgain(p), b.floorBuildAgain(p)},
		{"setup", b.pairs, b.svpSetup(p, made.svp), b.floorSetup(p, made.floor)},
		{"run", b.pairs, b.svpRun(images.svp), b.floorRun(p, images.floor)},
	}
	for _, phase := range phases {
		b.doing("%s: %s", p.name, phase.name)
		svp, floor, err := measurePhase(ctx, phase.pairs, phase.svp, phase.floor)
		if err != nil {
			return err
		}
		t.compared(svp, floor, p.name, phase.name)
		b.judgePhase(p.name+": "+phase.name, svp, floor)
	}
	return nil
}

func measurePhase(ctx context.Context, pairs int, svp, floor measurement) (svps, floors sample, err error) {
	svps, floors, err = alternate(ctx, pairs, svp, floor)
	if err != nil || !isShort(floors) {
		return svps, floors, err
	}
	moreSvps, moreFloors, err := alternate(ctx, (shortRepeats-1)*pairs, svp, floor)
	return append(svps, moreSvps...), append(floors, moreFloors...), err
}

// makeBases makes the base images of both sides, once. With them each side has
// downloaded the packages that its later builds need.
func (b *bench) makeBases(ctx context.Context, p pack) (bases, error) {
	if made, ok := b.bases[p.name]; ok {
		return made, nil
	}
	b.doing("%s: base images", p.name)
	made := bases{svp: b.image(p, "base"), floor: b.image(p, "floor-base")}
	if _, err := b.svp(ctx, "build", "-b", p.dir, "-t", made.svp); err != nil {
		return bases{}, err
	}
	_, err := b.operate(ctx, func(f *floor) error { return f.build(ctx, p, b.cache(p), made.floor) })
	if err != nil {
		return bases{}, fmt.Errorf("floor: build %s: %w", p.name, err)
	}
	b.bases[p.name] = made
	return made, nil
}

func (b *bench) cache(p pack) string { return "svp-bench-" + b.id + "-cache-" + p.name }

// makeInstances makes an instance image of each side.
func (b *bench) makeInstances(ctx context.Context, p pack, made bases) (bases, error) {
	images := bases{svp: b.image(p, "instance"), floor: b.image(p, "floor-instance")}
	if _, err := b.svp(ctx, "setup", "-b", p.dir, "-i", made.svp, "-t", images.svp); err != nil {
		return bases{}, err
	}
	_, err := b.operate(ctx, func(f *floor) error { return f.setup(ctx, p, b.cache(p), made.floor, images.floor) })
	if err != nil {
		return bases{}, fmt.Errorf("floor: setup %s: %w", p.name, err)
	}
	return images, nil
}

func (b *bench) svpBuild(p pack) measurement {
	return func(ctx context.Context) (time.Duration, error) {
		reference := b.image(p, "built")
		done, err := b.svp(ctx, "build", "-b", p.dir, "-t", reference, "--no-cache")
		if err != nil {
			return 0, err
		}
		return done.took, b.removeBuilt(ctx, reference)
	}
}

// removeBuilt removes an image with all its names.
func (b *bench) removeBuilt(ctx context.Context, reference string) error {
	inspected, err := b.docker.ImageInspect(ctx, reference)
	if err != nil {
		return err
	}
	return b.removeImage(ctx, inspected.ID)
}

func (b *bench) floorBuild(p pack) measurement {
	return func(ctx context.Context) (time.Duration, error) {
		reference := b.image(p, "floor-built")
		took, err := b.operate(ctx, func(f *floor) error { return f.build(ctx, p, b.cache(p), reference) })
		if err != nil {
			return 0, err
		}
		return took, b.removeBuilt(ctx, reference)
	}
}

func (b *bench) svpBuildAgain(p pack) measurement {
	return func(ctx context.Context) (time.Duration, error) {
		done, err := b.svp(ctx, "build", "-b", p.dir, "-t", b.image(p, "base"))
		return done.took, err
	}
}

func (b *bench) floorBuildAgain(p pack) measurement {
	return func(ctx context.Context) (time.Duration, error) {
		return b.operate(ctx, func(f *floor) error { return f.unchanged(ctx, p, "org.servicepack.pack="+p.name) })
	}
}

func (b *bench) svpSetup(p pack, base string) measurement {
	return func(ctx context.Context) (time.Duration, error) {
		reference := b.image(p, "setup")
		done, err := b.svp(ctx, "setup", "-b", p.dir, "-i", base, "-t", reference)
		if err != nil {
			return 0, err
		}
		return done.took, b.removeBuilt(ctx, reference)
	}
}

func (b *bench) floorSetup(p pack, base string) measurement {
	return func(ctx context.Context) (time.Duration, error) {
		reference := b.image(p, "floor-setup")
		took, err := b.operate(ctx, func(f *floor) error { return f.setup(ctx, p, b.cache(p), base, reference) })
		if err != nil {
			return 0, err
		}
		return took, b.removeBuilt(ctx, reference)
	}
}

func (b *bench) svpRun(image string) measurement {
	return func(ctx context.Context) (took time.Duration, err error) {
		name := b.name("run")
		defer func() { err = b.destroyAfter(ctx, name, err) }()
		done, err := b.svp(ctx, "run", "-i", image, "-n", name)
		return done.took, err
	}
}

func (b *bench) floorRun(p pack, image string) measurement {
	return func(ctx context.Context) (time.Duration, error) {
		name := b.name("floor")
		return b.operate(ctx, func(f *floor) error { return f.run(ctx, p, name, image) })
	}
}
