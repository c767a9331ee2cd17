package main

import (
	"context"
	"strconv"
)

// startup measures a command that does nothing.
func (b *bench) startup(ctx context.Context) error {
	var took sample
	for range 10 * b.pairs {
		done, err := b.svp(ctx, "version")
		if err != nil {
			return err
		}
		took = append(took, done.took)
	}
	t := newTable(b.out, "", "s", "times")
	t.row("svp version", took.String(), strconv.Itoa(len(took)))
	t.end()
	b.judge("svp version", milliseconds(took.median()), milliseconds(startupLimit), took.median() < startupLimit)
	return nil
}
