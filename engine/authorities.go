package engine

import (
	"context"
	"os"

	"github.com/servicepack/svp/engine/archive"
	"github.com/servicepack/svp/engine/driver"
	"github.com/servicepack/svp/engine/plan"
)

// caVolume brings the certificate authorities of --ca-bundle to build scripts:
// in a volume, which is no part of the image.
type caVolume struct {
	scratchVolume
	entries []archive.Entry
}

// provideCA makes the volume; copyIn fills it by way of a container that mounts
// it.
func (e *Engine) provideCA(ctx context.Context, operation plan.Operation) (*caVolume, error) {
	provided := &caVolume{scratchVolume: scratchVolume{engine: e}}
	if e.config.CABundle == "" {
		return provided, nil
	}
	bundle, err := os.ReadFile(e.config.CABundle)
	if err != nil {
		return nil, usagef("name a PEM file with --ca-bundle", "read the certificate authorities: %v", err)
	}
	provided.entries = fileEntries(plan.CAFiles(string(bundle)))
	labels := operation.Labels().With(driver.Labels{
		driver.LabelPhase: driver.PhaseBase, driver.LabelRole: driver.RoleScratch,
	})
	return provided, provided.create(ctx, "svp-ca-"+operation.ID, labels)
}

// copyIn copies to the mount and not to what lies above it: Podman would take the
// folder of the same name in the container's own file system.
func (c *caVolume) copyIn(ctx context.Context, container string) error {
	if c.volume == "" {
		return nil
	}
	return c.engine.copyTo(ctx, container, plan.CADir, c.entries)
}
