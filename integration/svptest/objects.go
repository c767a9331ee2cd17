package svptest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"
)

// The labels of svp that tests look at, as the design fixes them.
const (
	LabelPack       = "org.servicepack.pack"
	LabelPhase      = "org.servicepack.phase"
	LabelInstance   = "org.servicepack.instance"
	LabelInstanceID = "org.servicepack.instance.id"
	LabelComponent  = "org.servicepack.component"
	LabelOperation  = "org.servicepack.operation"

	labelNetwork = "org.servicepack.instance.network"
)

const networkPrefix = "svp-test-"

// Object is something in Docker that svp has made.
type Object struct {
	Kind   string // container, image, volume or network
	ID     string // what Docker wants to remove it
	Name   string
	Labels map[string]string
}

// String names the object in messages of tests.
func (o Object) String() string {
	return fmt.Sprintf("%s %s (phase %s)", o.Kind, o.Name, o.Labels[LabelPhase])
}

// Objects lists what carries labels of svp and is wanted.
func (h *Host) Objects(ctx context.Context, wanted func(Object) bool) ([]Object, error) {
	containers, err1 := h.containers(ctx)
	images, err2 := h.images(ctx)
	volumes, err3 := h.volumes(ctx)
	networks, err4 := h.networks(ctx)
	var found []Object
	for _, objects := range [][]Object{containers, images, volumes, networks} {
		for _, object := range objects {
			if isOurs(object.Labels) && wanted(object) {
				found = append(found, object)
			}
		}
	}
	return found, errors.Join(err1, err2, err3, err4)
}

func isOurs(labels map[string]string) bool {
	for label := range labels {
		if strings.HasPrefix(label, "org.servicepack.") {
			return true
		}
	}
	return false
}

// Steadily repeats a listing that fails: where things come and go at the same
// time, Podman fails it for one of them that has just gone.
func Steadily[T any](list func() (T, error)) (T, error) {
	const attempts = 10
	for attempt := 1; ; attempt++ {
		listed, err := list()
		if err == nil || attempt == attempts {
			return listed, err
		}
	}
}

func (h *Host) containers(ctx context.Context) ([]Object, error) {
	list, err := Steadily(func() ([]container.Summary, error) { return h.API.ContainerList(ctx, container.ListOptions{All: true}) })
	objects := make([]Object, 0, len(list))
	for _, c := range list {
		objects = append(objects, Object{"container", c.ID, strings.Join(c.Names, " "), c.Labels})
	}
	return objects, err
}

func (h *Host) images(ctx context.Context) ([]Object, error) {
	list, err := Steadily(func() ([]image.Summary, error) { return h.API.ImageList(ctx, image.ListOptions{}) })
	objects := make([]Object, 0, len(list))
	for _, i := range list {
		objects = append(objects, Object{"image", i.ID, strings.Join(i.RepoTags, " "), i.Labels})
	}
	return objects, err
}

func (h *Host) volumes(ctx context.Context) ([]Object, error) {
	list, err := Steadily(func() (volume.ListResponse, error) { return h.API.VolumeList(ctx, volume.ListOptions{}) })
	objects := make([]Object, 0, len(list.Volumes))
	for _, v := range list.Volumes {
		objects = append(objects, Object{"volume", v.Name, v.Name, v.Labels})
	}
	return objects, err
}

func (h *Host) networks(ctx context.Context) ([]Object, error) {
	list, err := Steadily(func() ([]network.Inspect, error) { return h.API.NetworkList(ctx, network.ListOptions{}) })
	objects := make([]Object, 0, len(list))
	for _, n := range list {
		objects = append(objects, Object{"network", n.ID, n.Name, n.Labels})
	}
	return objects, err
}

// remove removes the object; one that is gone is no error.
func (h *Host) remove(ctx context.Context, object Object) error {
	var err error
	switch object.Kind {
	case "container":
		err = h.removeContainer(ctx, object.ID)
	case "image":
		_, err = h.API.ImageRemove(ctx, object.ID, image.RemoveOptions{Force: true, PruneChildren: true})
		// Docker has several words for an image that somebody else is removing, as svp
		// does with what a killed one left.
		if err != nil {
			if _, gone := h.API.ImageInspect(ctx, object.ID); cerrdefs.IsNotFound(gone) {
				return nil
			}
		}
	case "volume":
		err = h.API.VolumeRemove(ctx, object.ID, true)
	case "network":
		err = h.API.NetworkRemove(ctx, object.ID)
	}
	if err == nil || cerrdefs.IsNotFound(err) {
		return nil
	}
	return fmt.Errorf("remove %v: %w", object, err)
}

// removeContainer also waits for the end of a removal that somebody else has
// begun, as that of a broker that is gone.
func (h *Host) removeContainer(ctx context.Context, id string) error {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		err := h.API.ContainerRemove(ctx, id, container.RemoveOptions{Force: true, RemoveVolumes: true})
		if !cerrdefs.IsConflict(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-ticker.C:
		}
	}
}

// List lists what svp made for the pack (a folder's base name) or the instance,
// and fails the test when Docker does not tell. Build caches are left out: they
// are meant to stay.
func (s *Suite) List(t testing.TB, packOrInstance ...string) []Object {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	found, err := s.Host.Objects(ctx, func(o Object) bool {
		for _, name := range packOrInstance {
			if o.Labels[LabelPhase] != "cache" && (o.Labels[LabelPack] == name || o.Labels[LabelInstance] == name) {
				return true
			}
		}
		return false
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// sweepRounds bounds how often sweep begins anew.
const sweepRounds = 3

// sweep removes what the run has made. Containers come first because the other
// things may be in use by them. An image can be listed before those that were made
// from it in the same second; it goes in the next round.
func (s *Suite) sweep(ctx context.Context) (err error) {
	inNetwork := map[string]bool{} // instances: only some of their things tell
	for range sweepRounds {
		if err = s.sweepOnce(ctx, inNetwork); err == nil {
			return nil
		}
	}
	return err
}

// sweepOnce also removes what a broker made of a reference pack, which has no name of the
// run. It adds to the instances that were found in the network.
func (s *Suite) sweepOnce(ctx context.Context, inNetwork map[string]bool) error {
	all, err := s.Host.Objects(ctx, func(Object) bool { return true })
	for _, object := range all {
		if id := object.Labels[LabelInstanceID]; id != "" && object.Labels[labelNetwork] == s.Network() {
			inNetwork[id] = true
		}
	}
	errs := []error{err}
	for _, object := range all {
		if inNetwork[object.Labels[LabelInstanceID]] || s.bearsName(object) {
			errs = append(errs, s.Host.remove(ctx, object))
		}
	}
	return errors.Join(errs...)
}

func (s *Suite) bearsName(o Object) bool {
	return strings.HasPrefix(o.Labels[LabelPack], s.run+"-") ||
		strings.HasPrefix(o.Labels[LabelInstance], s.run+"-") || strings.HasPrefix(o.Name, s.Network())
}

// staleAfter is longer than any run takes.
const staleAfter = 2 * time.Hour

// removeStaleNetworks removes what killed runs left, as Docker has few networks
// to give.
func (s *Suite) removeStaleNetworks(ctx context.Context) error {
	list, err := s.Host.API.NetworkList(ctx, network.ListOptions{})
	errs := []error{err}
	for _, n := range list {
		if strings.HasPrefix(n.Name, networkPrefix) && time.Since(n.Created) > staleAfter && len(n.Containers) == 0 {
			errs = append(errs, s.Host.remove(ctx, Object{Kind: "network", ID: n.ID, Name: n.Name}))
		}
	}
	return errors.Join(errs...)
}
