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
	own      *plan.VolumePlan // nil: the consumer was bound before
}

// errUnbound tells that somebody unbound the consumer while it was being bound.
var errUnbound = errors.New("the consumer was unbound meanwhile")

// recordBinding makes sure that there is a record of the consumer.
func (e *Engine) recordBinding(ctx context.Context, found *instance, consumer string, operation plan.Operation) (*bindingRecords, error) {
	d, err := e.driver(ctx)
	if err != nil {
		return nil, err
	}
	records := &bindingRecords{driver: d, instance: found.identity.ID, consumer: consumer}
	if slices.ContainsFunc(found.bindingsOf(consumer), e.isSettled) {
		return records, nil
	}
	own := plan.PlanBinding(found.service, found.identity, consumer, operation)
	records.own = &own
	return records, d.CreateVolume(ctx, own.Name, own.Labels)
}

// isSettled tells that the bind which made the record has ended: it takes nothing back
// any more.
func (e *Engine) isSettled(record driver.Volume) bool {
	operation, ok := plan.OperationFromLabels(record.Labels)
	return !ok || e.ended(operation)
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
	isThere := len(volumes) > 0
	if r.own != nil {
		isThere = slices.ContainsFunc(volumes, func(volume driver.Volume) bool { return volume.Name == r.own.Name })
	}
	if !isThere {
		return errUnbound
	}
	return nil
}

// withdraw takes the own record back, and then drops the login if nobody else has a
// record. A login that cannot be dropped is recorded again, for svp unbind.
func (r *bindingRecords) withdraw(ctx context.Context, drop func() error) error {
	if r.own != nil {
		if err := r.driver.RemoveVolume(ctx, r.own.Name); err != nil {
			return err
		}
	}
	others, err := r.list(ctx)
	if err == nil && len(others) == 0 {
		err = drop()
	}
	if err != nil && r.own != nil {
		err = errors.Join(err, r.driver.CreateVolume(ctx, r.own.Name, r.own.Labels))
	}
	return err
}

// removeAll also removes what binds add that run at the same time.
func (r *bindingRecords) removeAll(ctx context.Context) error {
	for {
		volumes, err := r.list(ctx)
		if err != nil || len(volumes) == 0 {
			return err
		}
		for _, volume := range volumes {
			if err := r.driver.RemoveVolume(ctx, volume.Name); err != nil {
				return err
			}
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
