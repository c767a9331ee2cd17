package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"sync"
	"time"
)

const (
	concurrentPack = "redis"
	concurrency    = 16
)

// concurrent measures many instances that are made at once.
func (b *bench) concurrent(ctx context.Context) error {
	p, err := b.pack(concurrentPack)
	if err != nil {
		return err
	}
	made, err := b.makeBases(ctx, p)
	if err != nil {
		return err
	}
	svp := func(ctx context.Context) (time.Duration, error) {
		b.doing("%d × svp up", concurrency)
		took, _, err := b.upAtOnce(ctx, p, finish)
		return took, err
	}
	floor := func(ctx context.Context) (time.Duration, error) {
		b.doing("%d × floor", concurrency)
		return b.floorAtOnce(ctx, p, made.floor)
	}
	svps, floors, err := alternate(ctx, max(1, b.pairs/2), svp, floor)
	if err != nil {
		return err
	}
	b.doing("%d × svp up: memory", concurrency)
	_, peaks, err := b.upAtOnce(ctx, p, finishWeighed)
	if err != nil {
		return err
	}
	t := newTable(b.out, "", "svp, s", "floor, s", "ratio", "difference [interval]")
	t.compared(svps, floors, fmt.Sprintf("%d × %s", concurrency, p.name))
	t.end()
	what := fmt.Sprintf("%d × svp up %s", concurrency, p.name)
	b.judgeSamples(what, svps, floors, concurrentRatio)
	peak := slices.Max(peaks)
	fmt.Fprintf(b.out, "\n  memory of each svp process: %s to %s\n", megabytes(slices.Min(peaks)), megabytes(peak))
	b.judge(what+": memory of each", megabytes(peak), megabytes(memoryLimit), peak < memoryLimit)
	return nil
}

func megabytes(bytes int64) string { return fmt.Sprintf("%.1f MB", float64(bytes)/1e6) }

// upAtOnce also returns the memory that each process needed at most, where finish
// weighs it.
func (b *bench) upAtOnce(ctx context.Context, p pack, finish func(*exec.Cmd) (finished, error)) (took time.Duration, peaks []int64, err error) {
	names := make([]string, concurrency)
	for i := range names {
		names[i] = b.name("at-once")
	}
	defer func() {
		for _, name := range names {
			err = b.destroyAfter(ctx, name, err)
		}
	}()
	peaks = make([]int64, concurrency)
	took, err = timed(func() error {
		return atOnce(func(i int) error {
			done, err := finish(b.svpCommand(ctx, "up", p.dir, names[i]))
			peaks[i] = done.peak
			return err
		})
	})
	return took, peaks, err
}

func (b *bench) floorAtOnce(ctx context.Context, p pack, base string) (time.Duration, error) {
	references := make([]string, concurrency)
	floors := make([]*floor, concurrency)
	for i := range floors {
		references[i] = b.image(p, b.name("at-once"))
		floors[i] = &floor{labels: b.labels(), network: b.network}
	}
	took, err := timed(func() error {
		return atOnce(func(i int) (err error) {
			if floors[i].docker, err = newClient(); err != nil {
				return err
			}
			defer floors[i].docker.Close()
			return floors[i].up(ctx, p, b.name("floor"), base, references[i])
		})
	})
	errs := []error{err}
	for i, f := range floors {
		errs = append(errs, b.removeFloor(ctx, f), ignoreAbsent(b.removeBuilt(ctx, references[i])))
	}
	return took, errors.Join(errs...)
}

func atOnce(do func(int) error) error {
	errs := make([]error, concurrency)
	var group sync.WaitGroup
	for i := range errs {
		group.Go(func() { errs[i] = do(i) })
	}
	group.Wait()
	return errors.Join(errs...)
}
