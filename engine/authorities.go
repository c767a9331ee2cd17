package engine

import (
	"context"
	"fmt"
	"os"

	"github.com/servicepack/svp/engine/archive"
	"github.com/servicepack/svp/engine/driver"
	"github.com/servicepack/svp/engine/plan"
)

// caVolume brings the certificate authorities of --ca-bundle to build scripts:
// in a volume, which works for a host on another machine too and is no part of
// the image.
type caVolume struct {
	engine  *Engine
	volume  string // empty: there are none
	entries []archive.Entry
}

// provideCA makes the volume; copyIn fills it by way of a container that mounts
// it.
func (e *Engine) provideCA(ctx context.Context, operation plan.Operation) (*caVolume, error) {
	if e.config.CABundle == "" {
		return &caVolume{engine: e}, nil
	}
	bundle, err := os.ReadFile(e.config.CABundle)
	if err != nil {
		return nil, usagef("name a PEM file with --ca-bundle", "read the certificate authorities: %v", err)
	}
	d, err := e.driver(ctx)
	if err != nil {
		return nil, err
	}
	provided := &caVolume{engine: e, volume: "svp-ca-" + operation.ID, entries: fileEntries(plan.CAFiles(string(bundle)))}
	labels := operation.Labels().With(driver.Labels{
		driver.LabelPhase: driver.PhaseBase, driver.LabelRole: driver.RoleScratch,
	})
	if err := d.CreateVolume(ctx, provided.volume, labels); err != nil {
		return nil, err
	}
	return provided, nil
}

// copyIn copies to the mount and not to what lies above it: Podman would take the
// folder of the same name in the container's own file system.
func (c *caVolume) copyIn(ctx context.Context, container string) error {
	if c.volume == "" {
		return nil
	}
	return c.engine.copyTo(ctx, container, plan.CADir, c.entries)
}

// remove removes the volume, also when the operation's context has ended.
func (c *caVolume) remove(ctx context.Context) {
	if c.volume == "" {
		return
	}
	d, err := c.engine.driver(ctx)
	if err != nil {
		return
	}
	cleanup, cancel := cleanupContext(ctx)
	defer cancel()
	if err := d.RemoveVolume(cleanup, c.volume); err != nil {
		c.engine.warn(fmt.Sprintf("a volume is left behind, svp gc removes it: %v", err))
	}
}
