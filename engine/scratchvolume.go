package engine

import (
	"context"
	"fmt"

	"github.com/servicepack/svp/engine/driver"
)

// scratchVolume is a volume that one build needs and that is gone after it. It
// works for a host on another machine too.
type scratchVolume struct {
	engine *Engine
	volume string // empty: there is none
}

func (v *scratchVolume) create(ctx context.Context, name string, labels driver.Labels) error {
	d, err := v.engine.driver(ctx)
	if err != nil {
		return err
	}
	if err := d.CreateVolume(ctx, name, labels); err != nil {
		return err
	}
	v.volume = name
	return nil
}

// remove removes the volume, also when the operation's context has ended.
func (v *scratchVolume) remove(ctx context.Context) {
	if v.volume == "" {
		return
	}
	d, err := v.engine.driver(ctx)
	if err != nil {
		return
	}
	cleanup, cancel := cleanupContext(ctx)
	defer cancel()
	if err := d.RemoveVolume(cleanup, v.volume); err != nil {
		v.engine.warn(fmt.Sprintf("a volume is left behind, svp gc removes it: %v", err))
	}
}
