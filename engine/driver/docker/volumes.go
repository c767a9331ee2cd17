package docker

import (
	"context"
	"fmt"
	"time"

	"github.com/docker/docker/api/types/volume"

	"github.com/servicepack/svp/engine/driver"
)

// Volumes lists the volumes that carry all the labels.
func (d *Driver) Volumes(ctx context.Context, labels driver.Labels) ([]driver.Volume, error) {
	list, err := steadily(ctx, func() (volume.ListResponse, error) {
		return d.client.VolumeList(ctx, volume.ListOptions{Filters: labelFilters(labels)})
	})
	if err != nil {
		return nil, fmt.Errorf("list volumes: %w", mapError(ctx, err))
	}
	volumes := make([]driver.Volume, 0, len(list.Volumes))
	for _, v := range list.Volumes {
		created, _ := time.Parse(time.RFC3339, v.CreatedAt)
		volumes = append(volumes, driver.Volume{Name: v.Name, Labels: v.Labels, Created: created})
	}
	return volumes, nil
}

// CreateVolume makes the volume where it is absent.
func (d *Driver) CreateVolume(ctx context.Context, name string, labels driver.Labels) error {
	patient, cancel, err := seenThrough(ctx)
	if err != nil {
		return fmt.Errorf("create volume %s: %w", name, err)
	}
	defer cancel()
	_, err = d.client.VolumeCreate(patient, volume.CreateOptions{Name: name, Labels: labels})
	// Podman says so to the slower of two that make it at the same moment.
	if err != nil && !alreadyExists(err) {
		return fmt.Errorf("create volume %s: %w", name, mapError(patient, err))
	}
	return nil
}

// RemoveVolume removes the volume and what it holds.
func (d *Driver) RemoveVolume(ctx context.Context, name string) error {
	if err := ignoreAbsent(d.client.VolumeRemove(ctx, name, false)); err != nil {
		return fmt.Errorf("remove volume %s: %w", name, conflictAs(ctx, driver.ErrInUse, err))
	}
	return nil
}
