package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"

	"github.com/servicepack/svp/engine/driver"
	"github.com/servicepack/svp/engine/plan"
)

// world is what svp finds on the container host.
type world struct {
	baseImages []driver.Image
	// instanceImages are those of instances, also of such that are no more.
	instanceImages []driver.Image
	// setupImages are those that svp setup made, or a set-up that comes before.
	setupImages []driver.Image
	instances   []*instance // by name
	// leftovers are what killed commands left behind.
	leftovers leftovers
	// making are the containers of instances that a running command is making
	// right now.
	making []driver.Container
	// marked tells that a running command has marked an instance as half made.
	marked bool
	// unreadable are the instances whose labels make no sense: made by a later
	// svp, or by somebody else. They are left alone.
	unreadable []*unreadableError
	// orphans are volumes that may hold the data of an instance of which nothing
	// else is left.
	orphans []driver.Volume
}

// leftovers are objects that belong to no instance and to no running command.
type leftovers struct {
	containers []driver.Container
	volumes    []driver.Volume
	// marks are the volumes that tell that the rest is half made.
	marks      []driver.Volume
	images     []driver.Image // of instances
	baseImages []driver.Image
}

// instance is an instance as it stands on the container host. It is there as
// long as its image is, or a container that was not left half made.
type instance struct {
	identity   plan.Identity
	service    plan.Service
	image      driver.Image
	containers []driver.Container
	volumes    []driver.Volume
	bindings   []driver.Volume // the records of its consumers
}

// observe looks at everything that carries svp's labels.
func (e *Engine) observe(ctx context.Context) (*world, error) {
	w, err := e.look(ctx)
	if err == nil && slices.ContainsFunc(w.instances, (*instance).isUnrecorded) {
		// A container may have been seen, and the mark beside it, made a moment
		// before, not yet. It is there at a second look.
		w, err = e.look(ctx)
	}
	return w, err
}

// look looks once.
//
// The order is what makes it safe beside other running commands: a command marks
// the instance as half made, makes its containers and volumes, then the image,
// which makes them an instance, and removes the mark. What is seen without an
// image, of a command that has ended before the images were listed, will never
// have one; with the mark beside it, it is a leftover.
func (e *Engine) look(ctx context.Context) (*world, error) {
	d, err := e.driver(ctx)
	if err != nil {
		return nil, err
	}
	ours := driver.Labels{driver.LabelPhase: ""}
	var containers []driver.Container
	var volumes []driver.Volume
	err = parallel(
		func() (err error) { containers, err = d.Containers(ctx, ours); return err },
		func() (err error) { volumes, err = d.Volumes(ctx, ours); return err },
	)
	if err != nil {
		return nil, err
	}
	ended := e.endedOperations(containers, volumes)
	images, err := d.Images(ctx, ours)
	if err != nil {
		return nil, err
	}
	w := newWorld(images, containers, volumes, ended)
	if w.leftovers.images, err = e.unnamed(ctx, w.ownerlessImages()); err != nil {
		return nil, err
	}
	w.leftovers.baseImages, err = e.unnamed(ctx, w.unusedBaseImages())
	return w, err
}

// unnamed are the images that a killed command committed and did not come to
// name, or that lost their name to another. One that still has no name when its
// command has ended never gets one.
func (e *Engine) unnamed(ctx context.Context, images []driver.Image) ([]driver.Image, error) {
	d, err := e.driver(ctx)
	if err != nil {
		return nil, err
	}
	var left []driver.Image
	for _, image := range images {
		operation, ok := plan.OperationFromLabels(image.Labels)
		if !ok || plan.IsNamed(image.Tags) || !e.ended(operation) {
			continue
		}
		now, err := d.Image(ctx, image.ID)
		if errors.Is(err, driver.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if !plan.IsNamed(now.Tags) {
			left = append(left, now)
		}
	}
	return left, nil
}

// ownerlessImages are those of instances that are no more, and those of a set-up
// from which nothing was made. An instance that was updated has images from before
// below its own, which go with it.
func (w *world) ownerlessImages() []driver.Image {
	var images []driver.Image
	for _, image := range w.instanceImages {
		id := image.Labels[driver.LabelInstanceID]
		owned := slices.ContainsFunc(w.instances, func(i *instance) bool { return i.identity.ID == id })
		if !owned && !w.isUnreadable(id) {
			images = append(images, image)
		}
	}
	for _, image := range w.setupImages {
		// What users make of our images has our labels, and another parent.
		if image.Parent == image.Labels[driver.LabelBaseImage] && !w.isParent(image.ID) {
			images = append(images, image)
		}
	}
	return images
}

func (w *world) isParent(id string) bool {
	return slices.ContainsFunc(slices.Concat(w.instanceImages, w.setupImages), func(image driver.Image) bool {
		return image.Parent == id
	})
}

// endedOperations tells of every operation that the labels name whether it has
// ended.
func (e *Engine) endedOperations(containers []driver.Container, volumes []driver.Volume) map[string]bool {
	ended := map[string]bool{}
	look := func(labels driver.Labels) {
		if operation, ok := plan.OperationFromLabels(labels); ok {
			if _, known := ended[operation.ID]; !known {
				ended[operation.ID] = e.ended(operation)
			}
		}
	}
	for _, container := range containers {
		look(container.Labels)
	}
	for _, volume := range volumes {
		look(volume.Labels)
	}
	return ended
}

func newWorld(images []driver.Image, containers []driver.Container, volumes []driver.Volume, ended map[string]bool) *world {
	w := &world{}
	marked := marks(volumes)
	byID := map[string]*instance{}
	for _, image := range images {
		if image.Labels[driver.LabelPhase] == driver.PhaseBase {
			w.baseImages = append(w.baseImages, image)
			continue
		}
		if _, ok := image.Labels[driver.LabelInstanceID]; ok {
			w.instanceImages = append(w.instanceImages, image)
		} else {
			w.setupImages = append(w.setupImages, image)
		}
		for _, tag := range image.Tags {
			id, name, ok := plan.ParseInstanceReference(tag)
			if !ok {
				continue
			}
			found, err := newInstance(id, name, image)
			if err != nil {
				w.leaveOut(id, name, image, err)
				continue
			}
			byID[id] = found
			w.instances = append(w.instances, found)
		}
	}
	for _, container := range containers {
		w.addContainer(container, byID, ended, marked)
	}
	unborn := w.neverStarted()
	for _, volume := range volumes {
		w.addVolume(volume, byID, ended, marked, unborn)
	}
	holdersLast(w.leftovers.containers)
	w.instances = slices.DeleteFunc(w.instances, func(found *instance) bool {
		holdersLast(found.containers)
		err := found.locate()
		if err != nil {
			w.leaveOut(found.identity.ID, found.identity.Name, found.image, err)
		}
		return err != nil
	})
	slices.SortFunc(w.instances, func(a, b *instance) int {
		return cmp.Or(cmp.Compare(a.identity.Name, b.identity.Name), cmp.Compare(a.identity.ID, b.identity.ID))
	})
	return w
}

// holdersLast puts containers in the order in which they can be removed: Podman
// removes no container whose network others have joined.
func holdersLast(containers []driver.Container) {
	slices.SortStableFunc(containers, func(a, b driver.Container) int {
		return cmp.Compare(roleOrder(a), roleOrder(b))
	})
}

func roleOrder(container driver.Container) int {
	if container.Labels[driver.LabelRole] == driver.RoleHolder {
		return 1
	}
	return 0
}

func newInstance(id, name string, image driver.Image) (*instance, error) {
	service, err := plan.ServiceFromLabels(image.Labels)
	if err != nil {
		return nil, err
	}
	return &instance{identity: plan.Identity{Name: name, ID: id}, service: service, image: image}, nil
}

// marks are the ids of the instances that are marked as half made.
func marks(volumes []driver.Volume) map[string]bool {
	marked := map[string]bool{}
	for _, volume := range volumes {
		if volume.Labels[driver.LabelRole] == driver.RoleMaking {
			marked[volume.Labels[driver.LabelInstanceID]] = true
		}
	}
	return marked
}

// isMadeByHand tells that somebody made the container from one of our images,
// whose labels it has.
func isMadeByHand(container driver.Container) bool {
	role := container.Labels[driver.LabelRole]
	return role == "" || role == driver.RoleImage
}

// isLasting tells that the container is of those that make up an instance.
func isLasting(container driver.Container) bool {
	role := container.Labels[driver.LabelRole]
	return role == driver.RoleService || role == driver.RoleHolder
}

// containersOf are those that make up the instance, as they are now. Others have its
// label, too: the lock has it from the image.
func (e *Engine) containersOf(ctx context.Context, id string) ([]driver.Container, error) {
	d, err := e.driver(ctx)
	if err != nil {
		return nil, err
	}
	containers, err := d.Containers(ctx, driver.Labels{driver.LabelInstanceID: id})
	return slices.DeleteFunc(containers, func(container driver.Container) bool { return !isLasting(container) }), err
}

func (w *world) addContainer(container driver.Container, byID map[string]*instance, ended, marked map[string]bool) {
	id := container.Labels[driver.LabelInstanceID]
	if isMadeByHand(container) || w.isUnreadable(id) {
		return
	}
	lasting := isLasting(container)
	over := ended[container.Labels[driver.LabelOperation]]
	switch {
	case lasting && byID[id] != nil:
		byID[id].containers = append(byID[id].containers, container)
	case lasting && over && !marked[id] && container.State != driver.Created:
		found, err := unrecorded(container)
		if err != nil {
			w.leaveOut(id, container.Labels[driver.LabelInstance], driver.Image{Labels: container.Labels}, err)
			return
		}
		byID[id] = found
		w.instances = append(w.instances, found)
	case over:
		w.leftovers.containers = append(w.leftovers.containers, container)
	case lasting:
		w.making = append(w.making, container)
	}
}

// neverStarted are the operations of which a container is left over that was
// never started. A host finishes making a container, and the volumes that it
// mounts, when the command that asked for it was killed; by then the mark may have
// been swept away.
func (w *world) neverStarted() map[string]bool {
	operations := map[string]bool{}
	for _, container := range w.leftovers.containers {
		if container.State == driver.Created {
			operations[container.Labels[driver.LabelOperation]] = true
		}
	}
	return operations
}

func (w *world) addVolume(volume driver.Volume, byID map[string]*instance, ended, marked, unborn map[string]bool) {
	if volume.Labels[driver.LabelPhase] == driver.PhaseCache {
		return
	}
	id, ofInstance := volume.Labels[driver.LabelInstanceID]
	if w.isUnreadable(id) {
		return
	}
	isMark := volume.Labels[driver.LabelRole] == driver.RoleMaking
	operation := volume.Labels[driver.LabelOperation]
	over := ended[operation]
	switch {
	case isMark && over:
		w.leftovers.marks = append(w.leftovers.marks, volume)
	case isMark:
		w.marked = true
	case volume.Labels[driver.LabelRole] == driver.RoleBinding:
		w.addBinding(volume, byID[id], over)
	case byID[id] != nil:
		byID[id].volumes = append(byID[id].volumes, volume)
	case over && ofInstance && !marked[id] && !unborn[operation]:
		w.orphans = append(w.orphans, volume)
	case over:
		w.leftovers.volumes = append(w.leftovers.volumes, volume)
	}
}

// addBinding gives the instance its record of a consumer. That of an instance
// which is no more records nothing.
func (w *world) addBinding(volume driver.Volume, bound *instance, over bool) {
	switch {
	case bound != nil:
		bound.bindings = append(bound.bindings, volume)
	case over:
		w.leftovers.volumes = append(w.leftovers.volumes, volume)
	}
}

// locate reads where the instance is from its containers, or else from its
// image.
func (i *instance) locate() error {
	labels := i.image.Labels
	if len(i.containers) > 0 {
		labels = i.containers[0].Labels
	}
	i.identity.Network = labels[driver.LabelNetwork]
	if address, err := netip.ParseAddr(labels[driver.LabelAddress]); err == nil {
		i.identity.Address = address
	}
	published, err := plan.ParsePublish(labels[driver.LabelPublish])
	if err != nil {
		return fmt.Errorf("read label %s: %w", driver.LabelPublish, err)
	}
	i.identity.Publish = published
	return nil
}

// instance returns the instance of that name, or nil.
func (w *world) instance(name string) *instance {
	for _, found := range w.instances {
		if found.identity.Name == name {
			return found
		}
	}
	return nil
}

// isMaking tells that another command is making an instance of that name.
func (w *world) isMaking(name string) bool {
	return slices.ContainsFunc(w.making, func(container driver.Container) bool {
		return container.Labels[driver.LabelInstance] == name
	})
}

// addresses are those that the instances of the network have, also of those
// that have no containers now.
func (w *world) addresses(network string) []netip.Addr {
	var addresses []netip.Addr
	for _, found := range w.instances {
		if found.identity.Network == network && found.identity.Address.IsValid() {
			addresses = append(addresses, found.identity.Address)
		}
	}
	return addresses
}

// publishedPorts are the host ports that instances have.
func (w *world) publishedPorts() []int {
	var ports []int
	for _, found := range w.instances {
		for _, published := range found.identity.Publish {
			ports = append(ports, published.HostPort)
		}
	}
	return ports
}

// lookUp observes and returns the instance, or an error that matches
// ErrNoInstance.
func (e *Engine) lookUp(ctx context.Context, name string) (*instance, error) {
	if !plan.ValidInstanceName(name) {
		return nil, invalidName(name)
	}
	w, err := e.observe(ctx)
	if err != nil {
		return nil, err
	}
	return w.find(name)
}

// find returns the instance of that name, or an error that matches
// ErrNoInstance, or tells why the instance cannot be worked with.
func (w *world) find(name string) (*instance, error) {
	if found := w.instance(name); found != nil {
		return found, nil
	}
	if err := w.checkReadable(name); err != nil {
		return nil, err
	}
	return nil, ErrNoInstance
}

// findSame returns the instance of that name if it has that id too; where another
// has taken its name, the instance is no more.
func (w *world) findSame(identity plan.Identity) (*instance, error) {
	found, err := w.find(identity.Name)
	if err == nil && found.identity.ID != identity.ID {
		err = ErrNoInstance
	}
	return found, err
}

func invalidName(name string) error {
	return usagef("a name is a letter or digit, then up to 62 letters, digits, dots, hyphens and underscores, all in lower case",
		"%q is no name for an instance", name)
}

// parallel runs the functions at the same time and returns all their errors, one
// that several of them met once.
func parallel(functions ...func() error) error {
	errs := make([]error, len(functions))
	var group sync.WaitGroup
	for i, function := range functions {
		group.Go(func() { errs[i] = function() })
	}
	group.Wait()
	said := map[string]bool{}
	return errors.Join(slices.DeleteFunc(errs, func(err error) bool {
		if err == nil || said[err.Error()] {
			return true
		}
		said[err.Error()] = true
		return false
	})...)
}
