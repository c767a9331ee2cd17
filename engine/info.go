package engine

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/servicepack/svp/engine/driver"
	"github.com/servicepack/svp/engine/envvar"
	"github.com/servicepack/svp/engine/plan"
)

// The states of an instance.
const (
	StateRunning  = "running"  // every container runs
	StateStarting = "starting" // containers are made and not started yet
	StateStopped  = "stopped"  // no container runs
	StateDown     = "down"     // there are no containers
	StatePaused   = "paused"   // somebody has paused a container
	StateFailed   = "failed"   // some containers run and some do not, or keep restarting
)

// Instance is what svp knows of an instance.
type Instance struct {
	Name        string      `json:"name"`
	ID          string      `json:"id"`
	State       string      `json:"state"`
	Pack        string      `json:"pack"`
	PackVersion string      `json:"pack_version,omitempty"`
	PackDigest  string      `json:"pack_digest"`
	Contract    string      `json:"contract"`
	Plan        string      `json:"plan"`
	Image       string      `json:"image"`
	Network     string      `json:"network"`
	Address     string      `json:"address"`
	Ports       []string    `json:"ports"`     // "5432/tcp"
	Published   []string    `json:"published"` // "127.0.0.1:15432:5432/tcp"
	Components  []Component `json:"components"`
	Volumes     []Volume    `json:"volumes"`
	Created     time.Time   `json:"created"`
}

// Component is one process of an instance.
type Component struct {
	Name      string    `json:"name"` // empty for the only one
	Container string    `json:"container"`
	State     string    `json:"state"`
	ExitCode  int       `json:"exit_code"`
	Started   time.Time `json:"started,omitzero"` // known to Info, and not to List
}

// Volume is one volume of an instance.
type Volume struct {
	Name string `json:"name"`
	Path string `json:"path"`
}

// List gives all instances, by name.
func (e *Engine) List(ctx context.Context) ([]Instance, error) {
	seen, err := e.observe(ctx)
	if err != nil {
		return nil, fail("list", "", err)
	}
	e.warnOfUnreadable(seen)
	list := make([]Instance, 0, len(seen.instances))
	for _, found := range seen.instances {
		list = append(list, found.public())
	}
	return list, nil
}

// Info gives one instance.
func (e *Engine) Info(ctx context.Context, name string) (Instance, error) {
	info, err := e.info(ctx, name)
	return info, fail("info", name, err)
}

func (e *Engine) info(ctx context.Context, name string) (Instance, error) {
	found, err := e.lookUp(ctx, name)
	if err != nil {
		return Instance{}, err
	}
	d, err := e.driver(ctx)
	if err != nil {
		return Instance{}, err
	}
	// A list leaves out how a container ended and when it was started.
	for i, container := range found.containers {
		whole, err := d.Container(ctx, container.ID)
		if err != nil && !errors.Is(err, driver.ErrNotFound) {
			return Instance{}, err
		}
		if err == nil {
			found.containers[i] = whole
		}
	}
	return found.public(), nil
}

// public is the instance as others see it.
func (i *instance) public() Instance {
	shown := Instance{
		Name: i.identity.Name, ID: i.identity.ID, State: i.state(),
		Pack: i.service.Pack, PackVersion: i.service.Version, PackDigest: i.service.Digest,
		Contract: strconv.Itoa(i.service.Contract), Plan: i.service.Plan,
		Image: i.reference(), Network: i.identity.Network,
		Ports: []string{}, Published: []string{}, Components: []Component{}, Volumes: []Volume{},
		Created: i.created(),
	}
	if i.identity.Address.IsValid() {
		shown.Address = i.identity.Address.String()
	}
	for _, port := range i.service.Ports {
		shown.Ports = append(shown.Ports, plan.FormatPort(port))
	}
	for _, published := range i.identity.Publish {
		shown.Published = append(shown.Published, plan.FormatPublished(published))
	}
	for _, path := range i.service.Volumes {
		shown.Volumes = append(shown.Volumes, Volume{Name: plan.VolumeName(i.identity.ID, path), Path: path})
	}
	for _, container := range i.services() {
		shown.Components = append(shown.Components, Component{
			Name: container.Labels[driver.LabelComponent], Container: container.Name,
			State: string(container.State), ExitCode: container.ExitCode, Started: container.Started,
		})
	}
	return shown
}

// created is when the instance was made. Its image may be younger.
func (i *instance) created() time.Time {
	if created, err := time.Parse(time.RFC3339, i.image.Labels[driver.LabelInstanceCreated]); err == nil {
		return created
	}
	return i.image.Created
}

// services are the containers of the components, in the pack's order.
func (i *instance) services() []driver.Container {
	var services []driver.Container
	for _, container := range i.containers {
		if container.Labels[driver.LabelRole] == driver.RoleService {
			services = append(services, container)
		}
	}
	slices.SortStableFunc(services, func(a, b driver.Container) int {
		return cmp.Compare(
			slices.Index(i.service.Components, a.Labels[driver.LabelComponent]),
			slices.Index(i.service.Components, b.Labels[driver.LabelComponent]),
		)
	})
	return services
}

func (i *instance) state() string {
	if len(i.containers) == 0 {
		return StateDown
	}
	counts := map[driver.ContainerState]int{}
	for _, container := range i.containers {
		counts[container.State]++
	}
	expected := len(i.service.ComponentNames())
	if len(i.service.Components) > 0 {
		expected++ // the holder
	}
	switch {
	case counts[driver.Paused] > 0:
		return StatePaused
	case counts[driver.Running] == expected:
		return StateRunning
	case counts[driver.Restarting] > 0:
		return StateFailed
	case counts[driver.Running] == 0 && counts[driver.Exited] > 0:
		return StateStopped
	case counts[driver.Created] > 0:
		return StateStarting
	default:
		return StateFailed
	}
}

// View is from where an instance is seen.
type View string

// The views of an instance's environment.
const (
	ViewHost    View = "host"    // from the host of the command
	ViewNetwork View = "network" // from a container on the instance's network
)

// Env gives the environment of an instance, also of one that is stopped or down.
func (e *Engine) Env(ctx context.Context, name string, view View) (envvar.Set, envvar.Service, error) {
	set, service, err := e.env(ctx, name, view)
	return set, service, fail("env", name, err)
}

func (e *Engine) env(ctx context.Context, name string, view View) (envvar.Set, envvar.Service, error) {
	found, err := e.lookUp(ctx, name)
	if err != nil {
		return nil, envvar.Service{}, err
	}
	template, err := e.templateNow(ctx, found)
	if err != nil {
		return nil, envvar.Service{}, err
	}
	place, err := e.seenFrom(ctx, found.identity, view)
	if err != nil {
		return nil, envvar.Service{}, err
	}
	return template.Expand(place), describe(name, found.service), nil
}

// templateNow reads the instance's environment for a command that makes nothing.
func (e *Engine) templateNow(ctx context.Context, found *instance) (envvar.Set, error) {
	operation, err := e.newOperation(ctx, 0)
	if err != nil {
		return nil, err
	}
	return e.templateOfInstance(ctx, found, operation)
}

// seenFrom is how the instance is reached in that view.
func (e *Engine) seenFrom(ctx context.Context, identity plan.Identity, view View) (envvar.Placeholders, error) {
	switch view {
	case ViewNetwork:
		return onNetwork(identity), nil
	case ViewHost, "":
		reach, err := e.reach(ctx)
		return fromHost(identity, reach), err
	}
	return envvar.Placeholders{}, usagef("", "%q is no view: use host or network", view)
}
