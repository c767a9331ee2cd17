package broker

import (
	"context"
	"net/http"

	"github.com/servicepack/svp/engine/broker/osb"
	"github.com/servicepack/svp/engine/broker/store"
)

// lastOperation tells how far an operation is on an instance, or with an id on a
// binding (Polling Last Operation). The operations of what is gone are remembered
// for a while, so that who polls a deletion learns that it succeeded.
func (b *Broker) lastOperation(ctx context.Context, instanceID, bindingID, operationID string) (answer, error) {
	operation, instance, err := b.findOperation(ctx, instanceID, bindingID, operationID)
	if err == nil && operation != nil && b.holds(*operation) && b.endsWithin(ctx, *operation, heldPoll) {
		operation, instance, err = b.findOperation(ctx, instanceID, bindingID, operationID)
	}
	if err != nil {
		return answer{}, err
	}
	if operation == nil {
		return answer{}, osb.NotFound("there has been no such operation")
	}
	body := osb.LastOperation{State: osb.State(operation.State), Description: operation.Description}
	body.InstanceUsable, body.UpdateRepeatable = b.usability(ctx, *operation)
	result := answer{status: http.StatusOK}
	if operation.State == store.InProgress {
		body.Description = b.step(operation, instance)
		result.polls, result.retryAfter = true, b.retryAfter(*operation)
	}
	result.body = body
	return result, nil
}

// findOperation finds the operation of that id on the instance or the binding, or
// the latest where the client does not say which; nil when there was none.
func (b *Broker) findOperation(ctx context.Context, instanceID, bindingID, operationID string) (operation *store.Operation, instance *store.Instance, err error) {
	err = b.config.Store.View(ctx, instanceID, func(tx *store.Tx) (err error) {
		if instance, err = tx.Instance(ctx); err != nil {
			return err
		}
		if operation, err = tx.LastOperation(ctx, bindingID); err != nil || operationID == "" {
			return err
		}
		named, err := tx.Operation(ctx, operationID)
		if err != nil {
			return err
		}
		if named == nil || named.BindingID != bindingID {
			if operation == nil {
				return nil
			}
			return osb.BadRequest("operation is none of this resource")
		}
		operation = named
		return nil
	})
	return operation, instance, err
}

// step tells a user of the platform what is being done.
func (b *Broker) step(operation *store.Operation, instance *store.Instance) string {
	if instance != nil {
		if words := b.stepOf(operation.Kind, instance); words != "" {
			return words
		}
	}
	if operation.Description != "" {
		return operation.Description
	}
	return map[store.OperationKind]string{
		store.Provision: "creating the instance", store.Update: "changing the instance",
		store.Deprovision: "removing the instance", store.Bind: "creating the credentials",
		store.Unbind: "removing the credentials", restart: "restarting the instance",
	}[operation.Kind]
}

// stepOf is what the engine is doing for the operation. Building a pack's base image
// is a step of those alone that make an instance of it.
func (b *Broker) stepOf(kind store.OperationKind, instance *store.Instance) string {
	if kind == store.Provision {
		return b.steps.of(instance.Name, instance.Pack)
	}
	return b.steps.of(instance.Name)
}
