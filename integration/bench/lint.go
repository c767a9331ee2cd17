package main

import (
	"context"
	"strconv"
	"time"
)

// lintLimit is for all reference packs together.
const lintLimit = time.Second

// lint measures svp pack lint of the packs, one after the other, without shellcheck,
// whose time is not svp's.
func (b *bench) lint(ctx context.Context) error {
	b.doing("lint")
	each := map[string]*sample{}
	var all sample
	for range b.pairs {
		var took time.Duration
		for _, p := range b.packs {
			done, err := b.svp(ctx, "pack", "lint", "--no-shellcheck", p.dir)
			if err != nil {
				return err
			}
			if each[p.name] == nil {
				each[p.name] = &sample{}
			}
			*each[p.name] = append(*each[p.name], done.took)
			took += done.took
		}
		all = append(all, took)
	}
	t := newTable(b.out, "", "s", "times")
	for _, p := range b.packs {
		t.row(p.name, each[p.name].String(), strconv.Itoa(len(*each[p.name])))
	}
	t.row("all", all.String(), strconv.Itoa(len(all)))
	t.end()
	b.judge("svp pack lint, "+strconv.Itoa(len(b.packs))+" packs", milliseconds(all.median()), milliseconds(lintLimit), all.median() < lintLimit)
	return nil
}
