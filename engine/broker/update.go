package broker

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/servicepack/svp/engine"
	"github.com/servicepack/svp/engine/broker/osb"
	"github.com/servicepack/svp/engine/broker/store"
)

// decisions bounds how often an update is decided anew because the instance changed
// meanwhile.
const decisions = 5

// errOutdated tells that an instance changed while an update of it was decided.
var errOutdated = errors.New("the instance has changed meanwhile")

// update changes the plan, the parameters or the context of an instance (Updating
// a Service Instance).
func (b *Broker) update(ctx context.Context, from origin, id string, asked *osb.UpdateRequest) (answer, error) {
	for range decisions {
		a, err := b.decideUpdate(ctx, from, id, asked)
		if !errors.Is(err, errOutdated) {
			return a, err
		}
	}
	return answer{}, errBusy()
}

// decideUpdate looks at the instance, which may take a while, and records what is
// to be done. An error that is errOutdated tells to look again.
func (b *Broker) decideUpdate(ctx context.Context, from origin, id string, asked *osb.UpdateRequest) (answer, error) {
	current, err := b.instance(ctx, id)
	if err != nil {
		return answer{}, err
	}
	p, wanted, err := b.wantedUpdate(current, asked)
	if err != nil {
		return answer{}, err
	}
	operation, err := b.newOperationFor(from, store.Update, id, "", wanted)
	if err != nil {
		return answer{}, err
	}
	if err := b.checkUsage(ctx, current, p); err != nil {
		return answer{}, err
	}
	body := osb.ProvisionResponse{DashboardURL: b.dashboardURL(id)}
	result := answer{status: http.StatusOK, body: body}
	counts := b.config.Quotas.PerPlan > 0 && p.id != current.PlanID
	err = b.config.Store.Transact(ctx, id, counts, func(tx *store.Tx) (err error) {
		result.operation, err = beginUpdate(ctx, tx, updating{current, asked.Context, wanted, operation})
		if err != nil || result.operation != operation || !counts {
			return err
		}
		return checkQuota(ctx, tx, b.config.Quotas.PerPlan, store.Filter{PlanID: p.id}, "the plan")
	})
	if err != nil {
		return answer{}, err
	}
	if result.operation == operation {
		b.begin(*operation)
	}
	if result.operation != nil {
		pending := body
		pending.Operation = result.operation.ID
		result.pending = pending
	}
	return result, nil
}

// updating is a change that is to be made of an instance.
type updating struct {
	before    *store.Instance // as it was when the change was decided
	context   json.RawMessage // nil: it stays
	wanted    request
	operation *store.Operation
}

// beginUpdate records the change, and returns the operation that carries it out,
// which may be in progress already; nil when there is nothing to carry out.
func beginUpdate(ctx context.Context, tx *store.Tx, u updating) (*store.Operation, error) {
	instance, running, err := forUpdate(ctx, tx)
	switch {
	case err != nil:
		return nil, err
	case running != nil && running.Kind == store.Update && osb.Equal(running.Request, u.operation.Request):
		return running, nil
	case running != nil:
		return nil, errBusy()
	case !instance.Updated.Equal(u.before.Updated):
		return nil, errOutdated
	}
	if u.context != nil {
		instance.Context = u.context
	}
	if err := tx.PutInstance(ctx, instance); err != nil {
		return nil, err
	}
	if u.wanted.PlanID == instance.PlanID && osb.Equal(u.wanted.Given, instance.Parameters) {
		return nil, nil //nolint:nilnil // nothing to carry out is no error
	}
	return u.operation, tx.PutOperation(ctx, u.operation)
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
func (b *Broker) wantedUpdate(current *store.Instance, asked *osb.UpdateRequest) (*servicePlan, request, error) {
	if asked.ServiceID != "" && asked.ServiceID != current.ServiceID {
		return nil, request{}, osb.BadRequest("service_id is not that of the instance")
	}
	p, err := b.catalog.Load().plan(current.ServiceID, cmp.Or(asked.PlanID, current.PlanID))
	if err != nil {
		return nil, request{}, err
	}
	if p.id != current.PlanID && !p.service.offer.PlanUpdateable {
		return nil, request{}, osb.Unprocessable("the plan of this service cannot be changed")
	}
	if err := p.service.checkMaintenance(asked.MaintenanceInfo); err != nil {
		return nil, request{}, err
	}
	// A platform that changes the plan names the version of the new one along.
	if asked.MaintenanceInfo != nil && asked.MaintenanceInfo.Version != current.MaintenanceVersion && p.id == current.PlanID {
		return nil, request{}, osb.Unprocessable("the instance was made from version %s of the pack, and cannot be moved to version %s; make a new one",
			cmp.Or(current.MaintenanceVersion, "none"), asked.MaintenanceInfo.Version)
	}
	if asked.Parameters != nil {
		if err := check(p.service.schemas.update, asked.Parameters); err != nil {
			return nil, request{}, err
		}
	}
	wanted := request{Folder: p.service.pack, PlanID: p.id, Plan: p.offered.Name}
	if wanted.Parameters, err = planParameters(asked.Parameters); err != nil {
		return nil, request{}, err
	}
	wanted.Given, err = withParameters(current.Parameters, asked.Parameters)
	return p, wanted, err
}

// withParameters are the parameters that an instance has when it is given more of
// them: those that are not named stay, as in the engine.
func withParameters(before, given json.RawMessage) (json.RawMessage, error) {
	if len(given) == 0 {
		return before, nil
	}
	merged := map[string]json.RawMessage{}
	for _, text := range []json.RawMessage{before, given} {
		if len(text) == 0 {
			continue
		}
		if err := json.Unmarshal(text, &merged); err != nil {
			return nil, fmt.Errorf("read parameters: %w", err)
		}
	}
	text, err := json.Marshal(merged)
	if err != nil {
		return nil, fmt.Errorf("write parameters: %w", err)
	}
	return text, nil
}

// checkUsage refuses a plan in which there is no room for what is stored. Where
// that cannot be asked, as while another operation makes the containers anew, the
// request goes on: it is refused because of that operation, or the engine asks
// again.
func (b *Broker) checkUsage(ctx context.Context, current *store.Instance, p *servicePlan) error {
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
		changed.PlanID, changed.Parameters = asked.PlanID, asked.Given
		return tx.PutInstance(ctx, changed)
	}, nil
}
