package broker

import (
	"cmp"
	"context"
	"net/http"

	"github.com/servicepack/svp/engine"
	"github.com/servicepack/svp/engine/broker/osb"
	"github.com/servicepack/svp/engine/broker/store"
)

// update changes the plan, the parameters or the context of an instance (Updating
// a Service Instance).
func (b *Broker) update(ctx context.Context, from origin, id string, asked *osb.UpdateRequest) (answer, error) {
	current, err := b.instance(ctx, id)
	if err != nil {
		return answer{}, err
	}
	wanted, err := b.wantedUpdate(current, asked)
	if err != nil {
		return answer{}, err
	}
	text, err := b.newOperationFor(from, store.Update, id, "", wanted)
	if err != nil {
		return answer{}, err
	}
	if err := b.checkUsage(ctx, current, wanted); err != nil {
		return answer{}, err
	}
	body := osb.ProvisionResponse{DashboardURL: b.dashboardURL(id)}
	result := answer{status: http.StatusOK, body: body}
	err = b.config.Store.Transact(ctx, id, false, func(tx *store.Tx) error {
		instance, running, err := forUpdate(ctx, tx)
		if err != nil {
			return err
		}
		if running != nil {
			if running.Kind == store.Update && osb.Equal(running.Request, text.Request) {
				result.operation = running
				return nil
			}
			return errBusy()
		}
		if asked.Context != nil {
			instance.Context = asked.Context
		}
		if wanted.PlanID == instance.PlanID && (wanted.Given == nil || osb.Equal(wanted.Given, instance.Parameters)) {
			return tx.PutInstance(ctx, instance)
		}
		result.operation = text
		if err := tx.PutInstance(ctx, instance); err != nil {
			return err
		}
		return tx.PutOperation(ctx, text)
	})
	if err != nil {
		return answer{}, err
	}
	if result.operation == text {
		b.begin(*text)
	}
	if result.operation != nil {
		pending := body
		pending.Operation = result.operation.ID
		result.pending = pending
	}
	return result, nil
}

// forUpdate is the instance that is to be changed, and the operation that is in
// progress on it or its bindings.
func forUpdate(ctx context.Context, tx *store.Tx) (*store.Instance, *store.Operation, error) {
	instance, err := tx.Instance(ctx)
	if err != nil {
		return nil, nil, err
	}
	if instance == nil || instance.State == store.InstanceFailed {
		return nil, nil, errNoInstance()
	}
	running, err := tx.Running(ctx)
	if err != nil || len(running) == 0 {
		return instance, nil, err
	}
	return instance, &running[0], nil
}

// wantedUpdate checks the request against the catalog.
func (b *Broker) wantedUpdate(current *store.Instance, asked *osb.UpdateRequest) (request, error) {
	if asked.ServiceID != "" && asked.ServiceID != current.ServiceID {
		return request{}, osb.BadRequest("service_id is not that of the instance")
	}
	p, err := b.catalog.Load().plan(current.ServiceID, cmp.Or(asked.PlanID, current.PlanID))
	if err != nil {
		return request{}, err
	}
	if p.id != current.PlanID && !p.service.offer.PlanUpdateable {
		return request{}, osb.Unprocessable("the plan of this service cannot be changed")
	}
	if err := p.service.checkMaintenance(asked.MaintenanceInfo); err != nil {
		return request{}, err
	}
	wanted := request{
		Folder: p.service.pack, PlanID: p.id, Plan: p.offered.Name, Maintenance: current.MaintenanceVersion, Given: asked.Parameters,
	}
	if asked.MaintenanceInfo != nil {
		wanted.Maintenance = asked.MaintenanceInfo.Version
	}
	if asked.Parameters == nil {
		return wanted, nil
	}
	if err := check(p.service.schemas.update, asked.Parameters); err != nil {
		return request{}, err
	}
	wanted.Parameters, err = planParameters(asked.Parameters)
	return wanted, err
}

// checkUsage refuses a plan in which there is no room for what is stored. Where
// that cannot be asked, as while another operation makes the containers anew, the
// request goes on: it is refused because of that operation, or the engine asks
// again.
func (b *Broker) checkUsage(ctx context.Context, current *store.Instance, wanted request) error {
	p, err := b.catalog.Load().plan(current.ServiceID, wanted.PlanID)
	if err != nil {
		return err
	}
	if p.id == current.PlanID || p.offered.StorageBytes == 0 || current.State != store.InstanceReady {
		return nil
	}
	used, known, err := b.config.Engine.Usage(ctx, current.Name)
	if err != nil {
		b.log.WarnContext(ctx, "could not ask how much is in use", "instance", current.ID, "error", err)
	}
	if err == nil && known && used > p.offered.StorageBytes {
		return osb.Unprocessable("plan %s allows %s of storage, and %s are in use",
			p.offered.Name, formatBytes(p.offered.StorageBytes), formatBytes(used))
	}
	return nil
}

func (b *Broker) performUpdate(ctx context.Context, instance store.Instance, asked request) (change, error) {
	_, err := b.config.Engine.Update(ctx, engine.UpdateOptions{
		Name: instance.Name, Pack: asked.Folder, Plan: asked.Plan, Parameters: asked.Parameters, Timeout: b.config.Timeout,
	})
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, tx *store.Tx) error {
		changed, err := tx.Instance(ctx)
		if err != nil || changed == nil {
			return err
		}
		changed.PlanID, changed.MaintenanceVersion, changed.Updated = asked.PlanID, asked.Maintenance, b.now()
		if asked.Given != nil {
			changed.Parameters = asked.Given
		}
		return tx.PutInstance(ctx, changed)
	}, nil
}
