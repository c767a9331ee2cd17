package engine

import (
	"context"
	"errors"

	"github.com/servicepack/svp/engine/driver"
	"github.com/servicepack/svp/engine/plan"
)

// abandoned are the temporary instances whose process is gone.
func (e *Engine) abandoned(w *world) []*instance {
	var gone []*instance
	for _, found := range w.instances {
		operation, ok := plan.OperationFromLabels(found.image.Labels)
		if ok && found.image.Labels[driver.LabelTemporary] != "" && e.ownerIsGone(operation) {
			gone = append(gone, found)
		}
	}
	return gone
}

// RemoveAbandoned removes the temporary instances of processes that were killed.
func (e *Engine) RemoveAbandoned(ctx context.Context) error {
	return fail("remove abandoned instances", "", e.removeAbandoned(ctx))
}

func (e *Engine) removeAbandoned(ctx context.Context) error {
	seen, err := e.observeAndSweep(ctx)
	if err != nil {
		return err
	}
	for _, found := range e.abandoned(seen) {
		if err := e.destroy(ctx, found); err != nil && !errors.Is(err, ErrNoInstance) {
			return err
		}
	}
	return nil
}
