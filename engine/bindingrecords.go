package engine

import (
	"context"
	"errors"
	"slices"

	"github.com/servicepack/svp/engine/driver"
	"github.com/servicepack/svp/engine/plan"
)

// bindingRecords are the volumes that record one consumer of an instance, as a bind or
// unbind sees them. Binds of one consumer may run at the same time. Each that finds none
// of an earlier one makes a record of its own: when it fails, it can tell whether the
// login is its alone.
type bindingRecords struct {
	driver   driver.Driver
	instance string // id
	consumer string
	own      plan.VolumePlan
	settled  bool // the consumer was bound before: the own record is not made
}

// errUnbound tells that somebody unbound the consumer while it was being bound.
var errUnbound = errors.New("the consumer was unbound meanwhile")

// recordBinding makes sure that there is a record of the consumer.
func (e *Engine) recordBinding(ctx context.Context, found *instance, consumer string, operation plan.Operation) (*bindingRecords, error) {
	d, err := e.driver(ctx)
	if err != nil {
		return nil, err
	}
	records := &bindingRecords{
		driver: d, instance: found.identity.ID, consumer: consumer,
		own:     plan.PlanBinding(found.service, found.identity, consumer, operation),
		settled: slices.ContainsFunc(found.bindingsOf(consumer), e.isSettled),
	}
	if records.settled {
		return records, nil
	}
	return records, d.CreateVolume(ctx, records.own.Name, records.own.Labels)
}

// isSettled tells that the bind which made the record has ended: it takes nothing back
// any more.
func (e *Engine) isSettled(record driver.Volume) bool {
	operation, ok := plan.OperationFromLabels(record.Labels)
	return !plan.IsWithdrawnBinding(record.Name) && (!ok || e.ended(operation))
}

func (r *bindingRecords) list(ctx context.Context) ([]driver.Volume, error) {
	return r.driver.Volumes(ctx, driver.Labels{driver.LabelInstanceID: r.instance, driver.LabelBinding: r.consumer})
}

// check looks whether the consumer is still recorded. Nobody else could take a login
// away of which there is no record.
func (r *bindingRecords) check(ctx context.Context) error {
	volumes, err := r.list(ctx)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(volumes, func(volume driver.Volume) bool {
		return volume.Name == r.own.Name || r.settled && !plan.IsWithdrawnBinding(volume.Name)
	}) {
		return errUnbound
	}
	return nil
}

// withdraw takes the own record back, and then drops the login if nobody else has a
// record. There is one at any moment until the login is dropped.
func (r *bindingRecords) withdraw(ctx context.Context, drop func() error) error {
	withdrawn := plan.WithdrawnBindingName(r.own.Name)
	if err := r.driver.CreateVolume(ctx, withdrawn, r.own.Labels); err != nil {
		return err
	}
	if err := r.driver.RemoveVolume(ctx, r.own.Name); err != nil {
		return err
	}
	volumes, err := r.list(ctx)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(volumes, func(volume driver.Volume) bool { return !plan.IsWithdrawnBinding(volume.Name) }) {
		if err := drop(); err != nil {
			return err
		}
	}
	return r.driver.RemoveVolume(ctx, withdrawn)
}

// removeAll also removes what binds add that run at the same time. It tells how many
// records there were.
func (r *bindingRecords) removeAll(ctx context.Context) (removed int, err error) {
	for {
		volumes, err := r.list(ctx)
		if err != nil || len(volumes) == 0 {
			return removed, err
		}
		for _, volume := range volumes {
			if err := r.driver.RemoveVolume(ctx, volume.Name); err != nil {
				return removed, err
			}
			removed++
		}
	}
}

// bindingsOf returns the records of the consumer.
func (i *instance) bindingsOf(consumer string) []driver.Volume {
	var records []driver.Volume
	for _, record := range i.bindings {
		if record.Labels[driver.LabelBinding] == consumer {
			records = append(records, record)
		}
	}
	return records
}
