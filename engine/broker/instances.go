package broker

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/servicepack/svp/engine"
	"github.com/servicepack/svp/engine/broker/osb"
	"github.com/servicepack/svp/engine/broker/store"
)

// origin is who asks, for the record.
type origin struct{ requestID, user string }

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
		State: store.InstanceCreating, Created: b.now(), Updated: b.now(),
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

func (s *service) version() string {
	if s.maintenance == nil {
		return ""
	}
	return s.maintenance.Version
}

// checkMaintenance refuses a request that was made for another version of the pack
// (Provisioning, Updating a Service Instance: 422).
func (s *service) checkMaintenance(asked *osb.MaintenanceInfo) error {
	if asked == nil || asked.Version == s.version() {
		return nil
	}
	return osb.Coded(osb.MaintenanceInfoConflict, "the service's version has changed; fetch the catalog again")
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
		if quota.limit == 0 {
			continue
		}
		count, err := tx.Count(ctx, quota.filter)
		if err != nil {
			return err
		}
		if count >= quota.limit {
			return osb.Unprocessable("the quota of %s is used up: it allows %d instances", quota.what, quota.limit)
		}
	}
	return nil
}

func (b *Broker) newOperationFor(from origin, kind store.OperationKind, instanceID, bindingID string, asked request) (*store.Operation, error) {
	text, err := encodeRequest(asked)
	if err != nil {
		return nil, err
	}
	operation := newOperation(kind, instanceID, bindingID, b.owner, b.now())
	operation.Request, operation.RequestID, operation.User = text, from.requestID, from.user
	return operation, nil
}

func (b *Broker) dashboardURL(id string) string {
	if b.config.DashboardURL == nil {
		return ""
	}
	return b.config.DashboardURL(id)
}

// performProvision makes the instance, or makes sure that one of the pool runs.
func (b *Broker) performProvision(ctx context.Context, operation store.Operation, instance store.Instance, asked request) (change, error) {
	ready := func(ctx context.Context, tx *store.Tx) error {
		instance.State, instance.Updated = store.InstanceReady, b.now()
		return tx.PutInstance(ctx, &instance)
	}
	if asked.Warm && b.runs(ctx, instance.Name) {
		return ready, nil
	}
	_, err := b.config.Engine.Up(ctx, engine.UpOptions{
		Pack: asked.Folder, Name: instance.Name, Plan: asked.Plan, Parameters: asked.Parameters, Timeout: b.config.Timeout,
	})
	b.prepare(asked.Folder)
	if err != nil {
		return nil, errors.Join(err, b.removeIfOurs(operation, instance.Name))
	}
	return ready, nil
}

// runs tells whether an instance of the pool is still as it was left.
func (b *Broker) runs(ctx context.Context, name string) bool {
	found, err := b.config.Engine.Info(ctx, name)
	return err == nil && found.State == engine.StateRunning
}

// removeIfOurs removes what may be left of an instance that could not be made,
// unless another broker makes it by now, or the next one will.
func (b *Broker) removeIfOurs(operation store.Operation, name string) error {
	ctx, cancel := context.WithTimeout(b.work, b.config.Timeout) // the operation's own time may be up
	defer cancel()
	_, current, err := b.recorded(ctx, operation)
	if err != nil || current.Owner != b.owner {
		return err
	}
	err = b.config.Engine.Destroy(ctx, name)
	if errors.Is(err, engine.ErrNoInstance) {
		return nil
	}
	return err
}

// fetchInstance tells of an instance (Fetching a Service Instance).
func (b *Broker) fetchInstance(ctx context.Context, id string) (answer, error) {
	var result answer
	err := b.config.Store.Transact(ctx, id, false, func(tx *store.Tx) error {
		instance, err := tx.Instance(ctx)
		if err != nil {
			return err
		}
		if instance == nil || instance.State == store.InstanceCreating || instance.State == store.InstanceFailed {
			return osb.NotFound("there is no such instance, or it is not ready")
		}
		if err := refuseWhileRunning(ctx, tx, ""); err != nil {
			return err
		}
		body := osb.InstanceResponse{
			ServiceID: instance.ServiceID, PlanID: instance.PlanID, Parameters: instance.Parameters,
			DashboardURL: b.dashboardURL(id),
		}
		if instance.MaintenanceVersion != "" {
			body.MaintenanceInfo = &osb.MaintenanceInfo{Version: instance.MaintenanceVersion}
		}
		result = answer{status: http.StatusOK, body: body}
		return nil
	})
	return result, err
}

// refuseWhileRunning refuses what cannot be done during an operation on the
// instance itself, and, for that binding, on the binding (Blocking Operations).
func refuseWhileRunning(ctx context.Context, tx *store.Tx, bindingID string) error {
	running, err := tx.Running(ctx)
	if err != nil {
		return err
	}
	for _, operation := range running {
		if operation.BindingID == "" || operation.BindingID == bindingID {
			return errBusy()
		}
	}
	return nil
}

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

func errNoInstance() *osb.Error { return osb.NotFound("there is no such instance") }

func (b *Broker) instance(ctx context.Context, id string) (*store.Instance, error) {
	var instance *store.Instance
	err := b.config.Store.Transact(ctx, id, false, func(tx *store.Tx) (err error) {
		instance, err = tx.Instance(ctx)
		return err
	})
	if err == nil && (instance == nil || instance.State == store.InstanceFailed) {
		return nil, errNoInstance()
	}
	return instance, err
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

// checkUsage refuses a plan in which there is no room for what is stored.
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
		return fmt.Errorf("ask how much is in use: %w", err)
	}
	if known && used > p.offered.StorageBytes {
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
	instance.State, instance.Updated = store.InstanceDeleting, b.now()
	if err := tx.PutInstance(ctx, instance); err != nil {
		return err
	}
	return tx.PutOperation(ctx, operation)
}

func (b *Broker) performDeprovision(ctx context.Context, instance store.Instance) (change, error) {
	err := b.config.Engine.Destroy(ctx, instance.Name)
	if err != nil && !errors.Is(err, engine.ErrNoInstance) {
		return nil, err
	}
	return func(ctx context.Context, tx *store.Tx) error { return tx.DeleteInstance(ctx) }, nil
}
