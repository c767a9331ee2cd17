package engine

import (
	"context"

	"github.com/servicepack/svp/engine/pack"
)

// OpenedPack is a valid pack, whose queries have been asked.
type OpenedPack struct{ *pack.Dir }

// WithPack opens the pack that the user means, makes sure that all its answers
// make sense, and lets use have it. It needs no container host, unless the pack's
// queries are isolated. The error, whose operation is op, is of the kind that its
// cause has, also where that comes from use.
func (e *Engine) WithPack(ctx context.Context, op, name string, use func(OpenedPack) error) error {
	opened, err := e.openPack(ctx, name)
	if err == nil {
		_, err = opened.Describe(ctx)
	}
	if err == nil {
		err = use(OpenedPack{Dir: opened.Dir})
	}
	return fail(op, name, err)
}
