package engine

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/servicepack/svp/engine/driver"
	"github.com/servicepack/svp/engine/envvar"
	"github.com/servicepack/svp/engine/plan"
)

// DefaultReadyTimeout bounds how long svp waits for a service to be ready.
const DefaultReadyTimeout = 2 * time.Minute

// PublishOption asks for a port of an instance to be published on the host.
type PublishOption struct {
	HostPort  int // 0: svp chooses one
	Container driver.Port
}

// ParsePublish reads [HOST:]CONTAINER[/PROTOCOL], as "5432" or "15432:5432".
func ParsePublish(text string) (PublishOption, error) {
	var option PublishOption
	container := text
	if host, rest, found := strings.Cut(text, ":"); found {
		number, err := strconv.Atoi(host)
		if err != nil || number < 1 || number > 65535 {
			return option, fail("publish", text, usagef("publish with -p [HOST:]CONTAINER, as 15432:5432",
				"%q is no port: a port is a number from 1 to 65535", host))
		}
		option.HostPort, container = number, rest
	}
	port, err := plan.ParsePort(container)
	if err != nil {
		return option, fail("publish", text, usagef("publish with -p [HOST:]CONTAINER, as 15432:5432", "%v", err))
	}
	option.Container = port
	return option, nil
}

// creation is an instance to be made.
type creation struct {
	name      string
	service   plan.Service
	template  envvar.Set
	image     string // what its containers are made from
	base      string // the base image
	firstTime bool   // image is the base image; the instance is still to be set up
	stored    bool   // the template is to be read from the image
	copied    bool   // image is another instance's; its labels tell of that one
	publish   []PublishOption
	public    bool
	reach     driver.Reach
	operation plan.Operation
	timeout   time.Duration // to be ready; 0 means DefaultReadyTimeout
	temporary bool
}

// takenAttempts bounds how often an address or port is chosen anew.
const takenAttempts = 8

// create makes an instance and waits until it is ready. When it fails, nothing
// of the instance is left. An error that matches driver.ErrNameInUse tells that
// somebody else is making, or has made, an instance of that name.
func (e *Engine) create(ctx context.Context, c creation, seen *world) (*instance, envvar.Set, error) {
	id, err := e.randomID()
	if err != nil {
		return nil, nil, err
	}
	for _, orphan := range seen.orphans {
		if orphan.Labels[driver.LabelInstance] == c.name {
			e.warnOfOrphan(orphan)
		}
	}
	var taken []netip.Addr
	for attempt := range takenAttempts {
		identity, err := e.place(ctx, c, id, attempt, taken, seen)
		if err != nil {
			return nil, nil, err
		}
		made, template, err := e.createAt(ctx, c, identity)
		if !isTaken(err) || attempt == takenAttempts-1 || portWasNamed(err, c.publish) {
			return made, template, err
		}
		taken = append(taken, identity.Address)
	}
	return nil, nil, fmt.Errorf("find a free address: %w", driver.ErrAddressInUse)
}

func portWasNamed(err error, publish []PublishOption) bool {
	if !errors.Is(err, driver.ErrPortInUse) {
		return false
	}
	for _, option := range publish {
		if option.HostPort != 0 {
			return true
		}
	}
	return false
}

// place decides where the instance will be reached.
func (e *Engine) place(ctx context.Context, c creation, id string, attempt int, taken []netip.Addr, seen *world) (plan.Identity, error) {
	d, err := e.driver(ctx)
	if err != nil {
		return plan.Identity{}, err
	}
	network, err := d.EnsureNetwork(ctx, e.config.Network, driver.Labels{driver.LabelPhase: driver.PhaseInstance})
	if err != nil {
		return plan.Identity{}, err
	}
	address, err := plan.ChooseAddress(network, append(taken, seen.addresses(network.Name)...), id)
	if err != nil {
		return plan.Identity{}, err
	}
	published := plan.ChoosePublished(plan.PublishInput{
		Requests: publishRequests(c), Public: c.public, ID: id, Attempt: attempt,
		Taken: seen.publishedPorts(), SamePort: !usesPorts(c),
	})
	return plan.Identity{
		Name: c.name, ID: id, Network: network.Name, Address: address, Publish: published,
	}, nil
}

// publishRequests are the ports that the user wants published; where the
// instance could not be reached otherwise, they are all that it has.
func publishRequests(c creation) []plan.PublishRequest {
	requests := make([]plan.PublishRequest, 0, len(c.publish))
	for _, option := range c.publish {
		requests = append(requests, plan.PublishRequest(option))
	}
	if len(requests) > 0 || c.reach.Reachable {
		return requests
	}
	for _, port := range c.service.Ports {
		requests = append(requests, plan.PublishRequest{Container: port})
	}
	return requests
}

// usesPorts tells that the environment can say at which ports the instance is
// published.
func usesPorts(c creation) bool {
	for _, port := range c.service.Ports {
		if c.template.UsesPort(port.Number) {
			return true
		}
	}
	return false
}

// createAt makes the instance at that place, or nothing.
func (e *Engine) createAt(ctx context.Context, c creation, identity plan.Identity) (made *instance, template envvar.Set, err error) {
	input := plan.InstanceInput{
		Service: c.service, Identity: identity, Image: c.image, Base: c.base, Operation: c.operation, Temporary: c.temporary,
	}
	if c.firstTime {
		input.Token = fmt.Sprintf("svp: %s is set up (%s)", c.name, c.operation.ID)
	}
	planned, err := plan.PlanInstance(input)
	if err != nil {
		return nil, nil, err
	}
	l, err := e.newLaunch(ctx, planned, c.service, identity)
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil {
			l.rollBack(ctx)
		}
	}()
	image, primary, err := l.createInstance(ctx, c, input.Token)
	if err != nil {
		return nil, nil, err
	}
	made = &instance{identity: identity, service: c.service, image: driver.Image{ID: image, Created: e.now()}}
	err = parallel(
		func() error { return l.keepRunning(ctx, l.containerIDs(primary)...) },
		func() (err error) { made.containers, err = l.containers(ctx); return err },
	)
	if err != nil {
		return nil, nil, err
	}
	return made, l.template, l.unmark(ctx)
}

// createInstance makes an instance that is ready, and returns the ids of its image
// and its primary container. The token is that of a first start.
func (l *launch) createInstance(ctx context.Context, c creation, token string) (image, primary string, err error) {
	if err := l.mark(ctx); err != nil {
		return "", "", err
	}
	if err := l.createVolumes(ctx); err != nil {
		return "", "", err
	}
	primary, err = l.createEmpty(ctx, l.plan.Primary)
	if err != nil {
		return "", "", err
	}
	err = parallel(
		func() error { return l.equip(ctx, primary, c) },
		func() error { return l.checkName(ctx) },
	)
	if err != nil {
		return "", "", err
	}
	image, err = l.firstStart(ctx, primary, c, token)
	if err != nil {
		return "", "", err
	}
	// An image that was made from the primary container has its environment.
	if err := l.startComponents(ctx, image, image != c.image); err != nil {
		return "", "", err
	}
	return image, primary, l.ready(ctx, c.timeout)
}

// equip gives the primary container its environment, unless it is a first start,
// which receives it.
func (l *launch) equip(ctx context.Context, primary string, c creation) (err error) {
	template := c.template
	if c.stored {
		if template, err = l.engine.templateOf(ctx, primary); err != nil {
			return err
		}
	}
	if err := l.use(template); err != nil || c.firstTime {
		return err
	}
	return l.bring(ctx, primary)
}

// checkName looks whether an instance of the name was made since we looked. One
// that is down has no container, and so no lock on its name; from now on, this
// one has.
func (l *launch) checkName(ctx context.Context) error {
	images, err := l.driver.Images(ctx, driver.Labels{driver.LabelPhase: driver.PhaseInstance})
	if err != nil {
		return err
	}
	for _, image := range images {
		for _, tag := range image.Tags {
			if _, name, ok := plan.ParseInstanceReference(tag); ok && name == l.identity.Name {
				return fmt.Errorf("instance %s: %w", name, driver.ErrNameInUse)
			}
		}
	}
	return nil
}

// firstStart records the instance and starts its primary container. It returns
// the id of the instance's image.
func (l *launch) firstStart(ctx context.Context, primary string, c creation, token string) (string, error) {
	if token != "" {
		return l.setUpAndCommit(ctx, primary, token)
	}
	reference := l.plan.Commit.Reference
	l.onFailure(func(ctx context.Context) error { return l.engine.removeRecord(ctx, reference) })
	if !l.needsOwnImage(c) {
		// The record needs a name alone, which the container need not wait for.
		return c.image, parallel(
			func() error { return l.driver.TagImage(ctx, c.image, reference) },
			func() error { return l.startPrimary(ctx, primary) },
		)
	}
	recorded, err := l.driver.Commit(ctx, primary, l.plan.Commit)
	if err != nil {
		return "", err
	}
	return recorded, l.startPrimary(ctx, primary)
}

// needsOwnImage tells that the record is to be an image of the instance's own, made
// from its container as long as nothing has happened in it: where labels must tell of
// this instance when its containers are gone, of its published ports above all.
func (l *launch) needsOwnImage(c creation) bool {
	return len(l.identity.Publish) > 0 || c.copied || c.temporary
}
