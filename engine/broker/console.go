package broker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/servicepack/svp/engine"
	"github.com/servicepack/svp/engine/broker/dashboard"
	"github.com/servicepack/svp/engine/broker/osb"
	"github.com/servicepack/svp/engine/broker/store"
	"github.com/servicepack/svp/engine/envvar"
)

// ConsoleEngine is what the dashboard asks of svp's engine, beside the broker.
type ConsoleEngine interface {
	Info(ctx context.Context, name string) (engine.Instance, error)
	Usage(ctx context.Context, name string) (bytes int64, known bool, err error)
	Consumption(ctx context.Context, name string) (engine.Consumption, error)
	Env(ctx context.Context, name string, view engine.View) (envvar.Set, envvar.Service, error)
	Logs(ctx context.Context, o engine.LogsOptions, stdout, stderr io.Writer) error
}

// Console lets the dashboard look into a broker.
type Console struct {
	broker *Broker
	engine ConsoleEngine

	mu sync.Mutex
	// last are the samples of what instances use, by name; two of them tell of
	// the load.
	last map[string]engine.Consumption
}

var _ dashboard.Source = (*Console)(nil)

// NewConsole makes the console of a broker.
func NewConsole(b *Broker, e ConsoleEngine) *Console {
	return &Console{broker: b, engine: e, last: map[string]engine.Consumption{}}
}

// Instances lists what the store knows; the host is not asked about each.
func (c *Console) Instances(ctx context.Context) ([]dashboard.Instance, error) {
	instances, err := c.broker.config.Store.Instances(ctx)
	if err != nil {
		return nil, err
	}
	shown := make([]dashboard.Instance, 0, len(instances))
	for _, instance := range instances {
		shown = append(shown, c.recorded(instance))
	}
	return shown, nil
}

// recorded is what the store knows of an instance.
func (c *Console) recorded(instance store.Instance) dashboard.Instance {
	service, plan := c.broker.namesOf(instance.ServiceID, instance.PlanID)
	shown := dashboard.Instance{
		ID: instance.ID, Name: instance.Name, Service: service, Plan: plan, State: string(instance.State),
		Created: instance.Created, Organization: instance.OrganizationGUID, Space: instance.SpaceGUID,
	}
	if p, err := c.broker.catalog.Load().plan(instance.ServiceID, instance.PlanID); err == nil {
		shown.Service = cmp.Or(p.service.offer.Catalog.DisplayName, service)
		shown.Memory.Limit, shown.Storage.Limit = float64(p.offered.MemoryBytes), float64(p.offered.StorageBytes)
		shown.CPUs.Limit = p.offered.CPUs
	}
	return shown
}

// Instance gives one instance, as it runs now.
func (c *Console) Instance(ctx context.Context, id string) (dashboard.Instance, error) {
	instance, err := c.find(ctx, id)
	if err != nil {
		return dashboard.Instance{}, err
	}
	shown := c.recorded(*instance)
	if instance.State != store.InstanceReady {
		return shown, nil
	}
	found, err := c.engine.Info(ctx, instance.Name)
	if errors.Is(err, engine.ErrNoInstance) {
		shown.State, shown.Health = "missing", "not ready"
		return shown, nil
	}
	if err != nil {
		return dashboard.Instance{}, err
	}
	shown.State, shown.Address, shown.Ports = found.State, found.Address, found.Ports
	for _, component := range found.Components {
		shown.Components = append(shown.Components, dashboard.Component{Name: component.Name, State: component.State})
	}
	shown.Health = "not ready"
	if found.State == engine.StateRunning {
		shown.Health = "ready"
		c.measure(ctx, instance.Name, &shown)
	}
	return shown, nil
}

// measure asks how much is in use; a pack need not be able to tell.
func (c *Console) measure(ctx context.Context, name string, shown *dashboard.Instance) {
	used, known, err := c.engine.Usage(ctx, name)
	if err != nil {
		c.broker.log.WarnContext(ctx, "could not ask how much is in use", "instance", name, "error", err)
		return
	}
	shown.Storage.Used, shown.Storage.Measured = float64(used), known
	sample, err := c.engine.Consumption(ctx, name)
	if err != nil {
		return // it has just been stopped
	}
	shown.Memory.Used, shown.Memory.Measured = float64(sample.MemoryBytes), true
	shown.CPUs.Used, shown.CPUs.Measured = c.load(name, sample)
}

// maxSamples bounds how many instances are remembered at which somebody looked.
const maxSamples = 1000

// load is how many processors were busy since the last sample, where there is one.
func (c *Console) load(name string, sample engine.Consumption) (processors float64, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before, known := c.last[name]
	if !known && len(c.last) >= maxSamples {
		clear(c.last)
	}
	c.last[name] = sample
	elapsed := sample.Taken.Sub(before.Taken)
	if !known || elapsed <= 0 || sample.Processor < before.Processor {
		return 0, false // the first, or it was restarted meanwhile
	}
	return float64(sample.Processor-before.Processor) / float64(elapsed), true
}

func (c *Console) find(ctx context.Context, id string) (*store.Instance, error) {
	var instance *store.Instance
	err := c.broker.config.Store.View(ctx, id, func(tx *store.Tx) (err error) {
		instance, err = tx.Instance(ctx)
		return err
	})
	if err == nil && instance == nil {
		return nil, dashboard.ErrNotFound
	}
	return instance, err
}

// Bindings lists who is bound.
func (c *Console) Bindings(ctx context.Context, id string) ([]dashboard.Binding, error) {
	var bindings []store.Binding
	err := c.broker.config.Store.View(ctx, id, func(tx *store.Tx) (err error) {
		bindings, err = tx.Bindings(ctx)
		return err
	})
	shown := make([]dashboard.Binding, 0, len(bindings))
	for _, binding := range bindings {
		shown = append(shown, dashboard.Binding{ID: binding.ID, Name: binding.AppGUID, Created: binding.Created})
	}
	return shown, err
}

// operationsShown is how many of the last operations the dashboard lists.
const operationsShown = 20

// Operations lists the last operations.
func (c *Console) Operations(ctx context.Context, id string) ([]dashboard.Operation, error) {
	operations, err := c.broker.config.Store.Operations(ctx, id, operationsShown)
	shown := make([]dashboard.Operation, 0, len(operations))
	for _, operation := range operations {
		told := dashboard.Operation{
			Kind: string(operation.Kind), State: string(operation.State), Description: operation.Description, Started: operation.Started,
		}
		if operation.State != store.InProgress {
			told.Finished = operation.Updated
		}
		shown = append(shown, told)
	}
	return shown, err
}

// Credentials are the instance's own.
func (c *Console) Credentials(ctx context.Context, id string) ([]dashboard.Variable, error) {
	instance, err := c.find(ctx, id)
	if err != nil {
		return nil, err
	}
	set, _, err := c.engine.Env(ctx, instance.Name, c.broker.config.View)
	if err != nil {
		return nil, fmt.Errorf("read the credentials: %w", err)
	}
	variables := make([]dashboard.Variable, 0, len(set))
	for _, variable := range set {
		variables = append(variables, dashboard.Variable{
			Name: variable.Name, Value: variable.Value.Reveal(), Secret: variable.Secret,
		})
	}
	return variables, nil
}

// linesShown is how much of a log there is at first.
const linesShown = 300

// Logs copies what the instance's processes wrote.
func (c *Console) Logs(ctx context.Context, id, component string, follow bool, w io.Writer) error {
	instance, err := c.find(ctx, id)
	if err != nil {
		return err
	}
	return c.engine.Logs(ctx, engine.LogsOptions{Name: instance.Name, Component: component, Follow: follow, Tail: linesShown}, w, w)
}

// Restart restarts the instance.
func (c *Console) Restart(ctx context.Context, id string) error {
	operation, err := c.broker.newOperationFor(origin{}, restart, id, "", request{})
	if err != nil {
		return err
	}
	err = c.broker.config.Store.Transact(ctx, id, false, func(tx *store.Tx) error {
		instance, running, err := forUpdate(ctx, tx)
		var refusal *osb.Error
		if errors.As(err, &refusal) {
			return fmt.Errorf("%w: %w", dashboard.ErrNotFound, err)
		}
		if err != nil {
			return err
		}
		if running != nil || instance.State != store.InstanceReady {
			return dashboard.ErrBusy
		}
		return tx.PutOperation(ctx, operation)
	})
	if err == nil {
		c.broker.begin(*operation)
	}
	return err
}

// restart is an operation that only the dashboard asks for.
const restart store.OperationKind = "restart"

func (b *Broker) performRestart(ctx context.Context, instance store.Instance) (change, error) {
	_, err := b.config.Engine.Restart(ctx, instance.Name, b.config.Timeout)
	return func(context.Context, *store.Tx) error { return nil }, err
}
