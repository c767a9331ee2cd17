package broker

import (
	"context"
	"net/http"
	"strings"

	"github.com/servicepack/svp/engine/broker/osb"
	"github.com/servicepack/svp/engine/broker/store"
)

// deprovision removes an instance (Deprovisioning).
func (b *Broker) deprovision(ctx context.Context, from origin, id, serviceID, planID string) (answer, error) {
	var begun *store.Operation
	result := answer{status: http.StatusOK, body: osb.Empty{}}
	err := b.config.Store.Transact(ctx, id, false, func(tx *store.Tx) error {
		instance, err := tx.Instance(ctx)
		if err != nil {
			return err
		}
		if instance == nil {
			result = gone
			return nil
		}
		if instance.ServiceID != serviceID || instance.PlanID != planID {
			return osb.BadRequest("service_id and plan_id are not those of the instance")
		}
		result.operation, err = runningDeprovision(ctx, tx)
		if err != nil || result.operation != nil {
			return err
		}
		begun, err = b.newOperationFor(from, store.Deprovision, id, "", request{Failed: instance.State == store.InstanceFailed})
		if err != nil {
			return err
		}
		result.operation = begun
		return b.beginDeprovision(ctx, tx, instance, begun)
	})
	if err != nil {
		return answer{}, err
	}
	if begun != nil {
		b.begin(*begun)
	}
	if result.operation != nil {
		result.pending = osb.OperationResponse{Operation: result.operation.ID}
	}
	return result, nil
}

// gone answers a DELETE of what is not there (410).
var gone = answer{status: http.StatusGone, body: osb.Empty{}}

// runningDeprovision is the operation that removes the instance already, or nil.
func runningDeprovision(ctx context.Context, tx *store.Tx) (*store.Operation, error) {
	running, err := tx.Running(ctx)
	if err != nil || len(running) == 0 {
		return nil, err
	}
	if running[0].Kind == store.Deprovision {
		return &running[0], nil
	}
	return nil, errBusy()
}

// beginDeprovision records that the instance, which must not be bound, is being
// removed.
func (b *Broker) beginDeprovision(ctx context.Context, tx *store.Tx, instance *store.Instance, operation *store.Operation) error {
	bindings, err := tx.Bindings(ctx)
	if err != nil {
		return err
	}
	if len(bindings) > 0 {
		ids := make([]string, 0, len(bindings))
		for _, binding := range bindings {
			ids = append(ids, binding.ID)
		}
		return osb.Unprocessable("the instance is bound; unbind first: %s", strings.Join(ids, ", "))
	}
	instance.State = store.InstanceDeleting
	if err := tx.PutInstance(ctx, instance); err != nil {
		return err
	}
	return tx.PutOperation(ctx, operation)
}

func (b *Broker) performDeprovision(ctx context.Context, instance store.Instance) (change, error) {
	if err := b.destroy(ctx, instance.Name); err != nil {
		return nil, err
	}
	return func(ctx context.Context, tx *store.Tx) error { return tx.DeleteInstance(ctx) }, nil
}
