package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"
)

// benchLabel is on everything that the floor makes.
const benchLabel = "svp-bench"

func (b *bench) labels() map[string]string { return map[string]string{benchLabel: b.id} }

// cleanupContext lets a clean-up go on when the measurement was interrupted.
func cleanupContext(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 2*time.Minute)
}

// cleanUp removes everything that was made. What svp makes carries its label
// with the digest of the pack, which is that of the bench's own copy.
func (b *bench) cleanUp(ctx context.Context) error {
	b.doing("removing what was made")
	ctx, cancel := cleanupContext(ctx)
	defer cancel()
	defer b.docker.Close()
	labels := []string{benchLabel + "=" + b.id}
	errs := []error{}
	for _, p := range b.packs {
		digest, err := b.digest(ctx, p)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		labels = append(labels, "org.servicepack.pack.digest="+digest)
	}
	for _, label := range labels {
		errs = append(errs, b.removeContainers(ctx, label))
	}
	for _, label := range labels {
		errs = append(errs, b.removeImages(ctx, label))
	}
	errs = append(errs, b.removeTags(ctx), b.removeVolumes(ctx),
		ignoreAbsent(b.docker.NetworkRemove(ctx, b.network)), os.RemoveAll(b.work))
	return errors.Join(errs...)
}

func (b *bench) removeContainers(ctx context.Context, label string) error {
	list, err := b.docker.ContainerList(ctx, container.ListOptions{All: true, Filters: labelled(label)})
	errs := []error{err}
	for _, c := range list {
		errs = append(errs, b.removeContainer(ctx, c.ID))
	}
	return errors.Join(errs...)
}

func (b *bench) removeContainer(ctx context.Context, id string) error {
	return ignoreAbsent(b.docker.ContainerRemove(ctx, id, container.RemoveOptions{Force: true, RemoveVolumes: true}))
}

// removeImages goes over the images again as long as one of them could be removed: what
// others were made from can only go after them.
func (b *bench) removeImages(ctx context.Context, label string) error {
	list, err := b.docker.ImageList(ctx, image.ListOptions{Filters: labelled(label)})
	if err != nil {
		return err
	}
	for len(list) > 0 {
		var left []image.Summary
		var errs []error
		for _, i := range list {
			if err := b.removeImage(ctx, i.ID); err != nil {
				left, errs = append(left, i), append(errs, err)
			}
		}
		if len(left) == len(list) {
			return errors.Join(errs...)
		}
		list = left
	}
	return nil
}

func (b *bench) removeImage(ctx context.Context, ref string) error {
	_, err := b.docker.ImageRemove(ctx, ref, image.RemoveOptions{Force: true, PruneChildren: true})
	return ignoreAbsent(err)
}

// removeTags removes the images that docker build made.
func (b *bench) removeTags(ctx context.Context) error {
	list, err := b.docker.ImageList(ctx, image.ListOptions{Filters: filters.NewArgs(filters.Arg("reference", b.images()+"*"))})
	errs := []error{err}
	for _, i := range list {
		errs = append(errs, b.removeImage(ctx, i.ID))
	}
	return errors.Join(errs...)
}

// removeVolumes removes the volumes of the floor, those of instances that an
// interrupted svp may have left, and the packages that svp keeps for the next
// build, where there were none before.
func (b *bench) removeVolumes(ctx context.Context) error {
	list, err := b.docker.VolumeList(ctx, volume.ListOptions{})
	errs := []error{err}
	for _, v := range list.Volumes {
		own := v.Labels[benchLabel] == b.id || strings.HasPrefix(v.Labels["org.servicepack.instance"], "bench-"+b.id)
		if own || slices.Contains(b.newCaches, v.Name) {
			errs = append(errs, b.removeVolume(ctx, v.Name))
		}
	}
	return errors.Join(errs...)
}

// noteCaches remembers which packs have no kept packages yet.
func (b *bench) noteCaches(ctx context.Context) error {
	for _, p := range b.packs {
		cache := "svp-cache-" + p.name
		if _, err := b.docker.VolumeInspect(ctx, cache); errdefs.IsNotFound(err) {
			b.newCaches = append(b.newCaches, cache)
		} else if err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) removeVolume(ctx context.Context, name string) error {
	err := b.docker.VolumeRemove(ctx, name, true)
	if errdefs.IsConflict(err) {
		return nil // somebody else is building with it
	}
	return ignoreAbsent(err)
}

func labelled(label string) filters.Args { return filters.NewArgs(filters.Arg("label", label)) }

func ignoreAbsent(err error) error {
	if errdefs.IsNotFound(err) {
		return nil
	}
	return err
}

// createNetwork makes a network on which svp can choose addresses, which Docker
// allows where its maker named the subnet. Which one is free, Docker tells by
// making a network.
func (b *bench) createNetwork(ctx context.Context) error {
	probe, err := b.docker.NetworkCreate(ctx, b.network+"-probe", network.CreateOptions{Labels: b.labels()})
	if err != nil {
		return fmt.Errorf("create network: %w", err)
	}
	found, err := b.docker.NetworkInspect(ctx, probe.ID, network.InspectOptions{})
	if err = errors.Join(err, b.docker.NetworkRemove(ctx, probe.ID)); err != nil {
		return fmt.Errorf("create network: %w", err)
	}
	subnets := make([]network.IPAMConfig, 0, len(found.IPAM.Config))
	for _, config := range found.IPAM.Config {
		subnets = append(subnets, network.IPAMConfig{Subnet: config.Subnet, Gateway: config.Gateway})
	}
	_, err = b.docker.NetworkCreate(ctx, b.network, network.CreateOptions{
		Labels: b.labels(), IPAM: &network.IPAM{Config: subnets},
	})
	if err != nil {
		return fmt.Errorf("create network: %w", err)
	}
	return nil
}
