package broker

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/servicepack/svp/engine"
	"github.com/servicepack/svp/engine/broker/osb"
	"github.com/servicepack/svp/engine/broker/store"
)

// provision makes an instance (Provisioning).
func (b *Broker) provision(ctx context.Context, from origin, id string, asked *osb.ProvisionRequest) (answer, error) {
	p, err := b.catalog.Load().plan(asked.ServiceID, asked.PlanID)
	if err != nil {
		return answer{}, err
	}
	if err := p.service.checkMaintenance(asked.MaintenanceInfo); err != nil {
		return answer{}, err
	}
	if err := check(p.service.schemas.create, asked.Parameters); err != nil {
		return answer{}, err
	}
	parameters, err := planParameters(asked.Parameters)
	if err != nil {
		return answer{}, err
	}
	wanted := &store.Instance{
		ID: id, ServiceID: asked.ServiceID, PlanID: asked.PlanID,
		OrganizationGUID: asked.OrganizationGUID, SpaceGUID: asked.SpaceGUID,
		Context: asked.Context, Parameters: asked.Parameters,
		MaintenanceVersion: p.service.version(), Name: instanceName(p.service.offer.Pack.Name),
		Pack: p.service.offer.Pack.Name, PackDigest: p.service.offer.Pack.Digest,
		State: store.InstanceCreating,
	}
	made := provisioning{plan: p, instance: wanted, request: request{
		Folder: p.service.pack, PlanID: p.id, Plan: p.offered.Name, Parameters: parameters,
	}}
	var result answer
	err = b.config.Store.Transact(ctx, id, b.config.Quotas.any(), func(tx *store.Tx) error {
		existing, err := tx.Instance(ctx)
		if err != nil {
			return err
		}
		if existing != nil && existing.State != store.InstanceFailed {
			result, err = b.provisionAgain(ctx, tx, existing, wanted)
			return err
		}
		if err := b.checkQuotas(ctx, tx, p, wanted.OrganizationGUID); err != nil {
			return err
		}
		if existing != nil {
			made.request.Leftover = existing.Name
		}
		return b.insert(ctx, tx, from, &made)
	})
	if err != nil {
		return answer{}, err
	}
	if made.operation == nil {
		return result, nil
	}
	b.begin(*made.operation)
	body := osb.ProvisionResponse{DashboardURL: b.dashboardURL(id)}
	pending := body
	pending.Operation = made.operation.ID
	result = answer{status: http.StatusCreated, body: body, operation: made.operation, pending: pending}
	if made.request.Warm {
		result.prompt = prompt
		b.wakePool()
	}
	return result, nil
}

// provisioning is an instance that is to be made.
type provisioning struct {
	plan      *servicePlan
	instance  *store.Instance
	request   request
	operation *store.Operation // nil: nothing is to be made
}

// insert records the instance and the operation that makes it: of the pool, where
// the pool has one and nothing else is asked for.
func (b *Broker) insert(ctx context.Context, tx *store.Tx, from origin, made *provisioning) error {
	wanted := made.instance
	if len(made.request.Parameters) == 0 {
		pooled, err := tx.TakePooled(ctx, wanted.ServiceID, wanted.PlanID, wanted.PackDigest)
		if err != nil {
			return err
		}
		if pooled != nil {
			wanted.Name, made.request.Warm = pooled.Name, true
		}
	}
	operation, err := b.newOperationFor(from, store.Provision, wanted.ID, "", made.request)
	if err != nil {
		return err
	}
	if err := tx.PutInstance(ctx, wanted); err != nil {
		return err
	}
	made.operation = operation
	return tx.PutOperation(ctx, operation)
}

// provisionAgain answers a request for an instance that is on record.
func (b *Broker) provisionAgain(ctx context.Context, tx *store.Tx, existing, wanted *store.Instance) (answer, error) {
	running, err := tx.Running(ctx)
	if err != nil {
		return answer{}, err
	}
	if existing.State == store.InstanceDeleting {
		return answer{}, errBusy()
	}
	if !sameInstance(existing, wanted) {
		return answer{}, osb.Conflict("an instance of this id exists, and was asked for differently")
	}
	body := osb.ProvisionResponse{DashboardURL: b.dashboardURL(existing.ID)}
	for i := range running {
		if running[i].Kind == store.Provision {
			pending := body
			pending.Operation = running[i].ID
			return answer{status: http.StatusOK, body: body, operation: &running[i], pending: pending}, nil
		}
		if running[i].BindingID == "" {
			return answer{}, errBusy()
		}
	}
	return answer{status: http.StatusOK, body: body}, nil
}

func sameInstance(a, b *store.Instance) bool {
	return a.ServiceID == b.ServiceID && a.PlanID == b.PlanID && a.OrganizationGUID == b.OrganizationGUID &&
		a.SpaceGUID == b.SpaceGUID && osb.Equal(a.Parameters, b.Parameters)
}

// instanceName is a new name in the engine: whoever looks at the host sees what it
// is, and no id of a platform, which need not be a name, is part of it.
func instanceName(pack string) string {
	name := strings.Trim(strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '-'
	}, strings.ToLower(pack)), "-")
	return cmp.Or(name[:min(len(name), 30)], "service") + "-" + strings.ToLower(rand.Text()[:12])
}

// planParameters are the parameters as the pack's scripts see them: one that is no
// text as its JSON.
func planParameters(parameters json.RawMessage) (map[string]string, error) {
	if len(parameters) == 0 {
		return nil, nil
	}
	var values map[string]json.RawMessage
	if err := json.Unmarshal(parameters, &values); err != nil {
		return nil, osb.BadRequest("parameters must be an object")
	}
	texts := make(map[string]string, len(values))
	for name, value := range values {
		var text string
		if json.Unmarshal(value, &text) != nil {
			text = string(value)
		}
		texts[name] = text
	}
	if err := engine.CheckParameters(texts); err != nil {
		return nil, osb.BadRequest("%v", err)
	}
	return texts, nil
}

func (b *Broker) checkQuotas(ctx context.Context, tx *store.Tx, p *servicePlan, organization string) error {
	for _, quota := range []struct {
		limit  int
		filter store.Filter
		what   string
	}{
		{b.config.Quotas.Instances, store.Filter{}, "the broker"},
		{b.config.Quotas.PerPlan, store.Filter{PlanID: p.id}, "the plan"},
		{b.config.Quotas.PerOrganization, store.Filter{OrganizationGUID: organization}, "the organization"},
	} {
		if err := checkQuota(ctx, tx, quota.limit, quota.filter, quota.what); err != nil {
			return err
		}
	}
	return nil
}

// checkQuota refuses one more instance than the limit allows; 0 allows any number.
func checkQuota(ctx context.Context, tx *store.Tx, limit int, filter store.Filter, what string) error {
	if limit == 0 {
		return nil
	}
	count, err := tx.Count(ctx, filter)
	if err != nil {
		return err
	}
	if count >= limit {
		return osb.Unprocessable("the quota of %s is used up: it allows %d instances", what, limit)
	}
	return nil
}

// performProvision makes the instance, or makes sure that one of the pool runs.
func (b *Broker) performProvision(ctx context.Context, operation store.Operation, instance store.Instance, asked request) (change, error) {
	ready := func(ctx context.Context, tx *store.Tx) error { return setState(ctx, tx, store.InstanceReady) }
	if asked.Leftover != "" {
		if err := b.destroy(ctx, asked.Leftover); err != nil {
			return nil, err
		}
	}
	if asked.Warm && b.runs(ctx, instance.Name) {
		return ready, nil
	}
	_, err := b.config.Engine.Up(ctx, engine.UpOptions{
		Pack: asked.Folder, Name: instance.Name, Plan: asked.Plan, Parameters: asked.Parameters, Timeout: b.config.Timeout,
	})
	b.prepare(asked.Folder)
	if err != nil {
		return nil, errors.Join(err, b.undo(ctx, operation, func(ctx context.Context) error { return b.destroy(ctx, instance.Name) }))
	}
	return ready, nil
}

// runs tells whether an instance of the pool is still as it was left.
func (b *Broker) runs(ctx context.Context, name string) bool {
	found, err := b.config.Engine.Info(ctx, name)
	return err == nil && found.State == engine.StateRunning
}

// undo removes what may be left of what could not be made, unless another broker
// makes it by now, or the next one will.
func (b *Broker) undo(ctx context.Context, operation store.Operation, remove func(context.Context) error) error {
	if b.work.Err() != nil {
		return nil
	}
	// The operation's own time may be up.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), b.config.Timeout)
	defer cancel()
	_, current, err := b.recorded(ctx, operation)
	if err != nil || !b.isOurs(current) {
		return err
	}
	return remove(ctx)
}

// destroy removes an instance, if there is one.
func (b *Broker) destroy(ctx context.Context, name string) error {
	err := b.config.Engine.Destroy(ctx, name)
	if errors.Is(err, engine.ErrNoInstance) {
		return nil
	}
	return err
}
