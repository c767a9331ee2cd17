package broker

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/servicepack/svp/engine"
	"github.com/servicepack/svp/engine/broker/osb"
	"github.com/servicepack/svp/engine/broker/store"
)

// bind gives a consumer access to an instance (Binding).
func (b *Broker) bind(ctx context.Context, from origin, instanceID, id string, asked *osb.BindRequest) (answer, error) {
	result := answer{status: http.StatusCreated, fetch: b.bound(instanceID, id, http.StatusCreated)}
	var begun *store.Operation
	err := b.config.Store.Transact(ctx, instanceID, false, func(tx *store.Tx) error {
		wanted, err := b.wantedBinding(ctx, tx, id, asked)
		if err != nil {
			return err
		}
		existing, err := tx.Binding(ctx, id)
		if err != nil {
			return err
		}
		if existing != nil {
			result, err = b.bindAgain(ctx, tx, existing, wanted)
			return err
		}
		if err := refuseWhileRunning(ctx, tx, id); err != nil {
			return err
		}
		p, err := b.catalog.Load().plan(wanted.ServiceID, wanted.PlanID)
		if err != nil {
			return err
		}
		if !p.service.offer.Bindable {
			return osb.Unprocessable("service %s cannot be bound", p.service.offer.Pack.Name)
		}
		if asked.PredecessorBindingID == "" {
			if err := check(p.service.schemas.bind, wanted.Parameters); err != nil {
				return err
			}
		}
		begun, err = b.newOperationFor(from, store.Bind, instanceID, id, request{SyslogDrain: p.service.drains()})
		if err != nil {
			return err
		}
		if err := tx.PutBinding(ctx, wanted); err != nil {
			return err
		}
		return tx.PutOperation(ctx, begun)
	})
	if err != nil {
		return answer{}, err
	}
	if begun != nil {
		result.operation = begun
		b.begin(*begun)
	}
	if result.operation != nil {
		result.pending = osb.OperationResponse{Operation: result.operation.ID}
	}
	return result, nil
}

// wantedBinding is the binding that is asked for, on an instance that is ready. A
// successor takes over what its predecessor was asked for (Binding Rotation).
func (b *Broker) wantedBinding(ctx context.Context, tx *store.Tx, id string, asked *osb.BindRequest) (*store.Binding, error) {
	instance, err := tx.Instance(ctx)
	if err != nil {
		return nil, err
	}
	switch {
	case instance == nil, instance.State == store.InstanceFailed:
		return nil, errNoInstance()
	case instance.State != store.InstanceReady:
		return nil, errBusy()
	}
	if cmp.Or(asked.ServiceID, instance.ServiceID) != instance.ServiceID || cmp.Or(asked.PlanID, instance.PlanID) != instance.PlanID {
		return nil, osb.BadRequest("service_id and plan_id are not those of the instance")
	}
	wanted := &store.Binding{
		InstanceID: instance.ID, ID: id, ServiceID: instance.ServiceID, PlanID: instance.PlanID, AppGUID: asked.App(),
		Context: asked.Context, Parameters: asked.Parameters, PredecessorID: asked.PredecessorBindingID,
		Consumer: consumer(instance.ID, id), State: store.BindingCreating, Created: b.now(),
	}
	if asked.BindResource != nil {
		wanted.BindResource = asked.BindResource.Raw
	}
	if asked.PredecessorBindingID == "" {
		return wanted, nil
	}
	predecessor, err := predecessorOf(ctx, tx, id, asked.PredecessorBindingID)
	if err != nil {
		return nil, err
	}
	wanted.AppGUID, wanted.BindResource = predecessor.AppGUID, predecessor.BindResource
	wanted.Context, wanted.Parameters = predecessor.Context, predecessor.Parameters
	return wanted, nil
}

// predecessorOf is the binding from which one takes over what it is for. A
// successor that is on record has done so: the same request comes to the same also
// when the predecessor is gone.
func predecessorOf(ctx context.Context, tx *store.Tx, id, predecessorID string) (*store.Binding, error) {
	successor, err := tx.Binding(ctx, id)
	if err != nil || successor != nil && successor.PredecessorID == predecessorID {
		return successor, err
	}
	predecessor, err := tx.Binding(ctx, predecessorID)
	if err != nil {
		return nil, err
	}
	if predecessor == nil || predecessor.State != store.BindingReady || predecessor.ID == id {
		return nil, osb.BadRequest("predecessor_binding_id is no binding of the instance that could have a successor")
	}
	return predecessor, nil
}

// consumer names the consumer of a binding to the engine. Ids of a platform need
// not be names, and the same id may be used on two instances.
func consumer(instanceID, id string) string {
	digest := sha256.Sum256([]byte(fmt.Sprintf("%d:%s%s", len(instanceID), instanceID, id)))
	return "b" + strings.ToLower(base32.StdEncoding.EncodeToString(digest[:])[:24])
}

// drains tells that applications send their log streams to the service.
func (s *service) drains() bool { return slices.Contains(s.offer.Requires, osb.RequiresSyslogDrain) }

// bindAgain answers a request for a binding that is on record.
func (b *Broker) bindAgain(ctx context.Context, tx *store.Tx, existing, wanted *store.Binding) (answer, error) {
	if existing.State == store.BindingDeleting {
		return answer{}, errBusy()
	}
	if !sameBinding(existing, wanted) {
		return answer{}, osb.Conflict("a binding of this id exists, and was asked for differently")
	}
	if existing.State == store.BindingReady {
		return bindAnswer(existing, http.StatusOK)
	}
	running, err := tx.Running(ctx)
	if err != nil {
		return answer{}, err
	}
	for i := range running {
		if running[i].BindingID == existing.ID {
			return answer{operation: &running[i], fetch: b.bound(existing.InstanceID, existing.ID, http.StatusOK)}, nil
		}
	}
	return answer{}, errBusy()
}

// sameBinding leaves the plan out: that of the instance may have changed since.
func sameBinding(a, b *store.Binding) bool {
	return a.ServiceID == b.ServiceID && a.AppGUID == b.AppGUID &&
		a.PredecessorID == b.PredecessorID && osb.Equal(a.BindResource, b.BindResource) && osb.Equal(a.Parameters, b.Parameters)
}

// credentialsOf are what was handed out.
func credentialsOf(binding *store.Binding) (osb.BindResponse, error) {
	var body osb.BindResponse
	if err := json.Unmarshal(binding.Answer, &body); err != nil {
		return body, fmt.Errorf("read the binding: %w", err)
	}
	return body, nil
}

// bindAnswer hands out the credentials.
func bindAnswer(binding *store.Binding, status int) (answer, error) {
	body, err := credentialsOf(binding)
	return answer{status: status, body: body}, err
}

// bound reads the binding that an operation has made.
func (b *Broker) bound(instanceID, id string, status int) func(context.Context) (answer, error) {
	return func(ctx context.Context) (answer, error) {
		binding, err := b.readyBinding(ctx, instanceID, id)
		if err != nil {
			return answer{}, err
		}
		return bindAnswer(binding, status)
	}
}

// fetchBinding tells of a binding (Fetching a Service Binding).
func (b *Broker) fetchBinding(ctx context.Context, instanceID, id string) (answer, error) {
	binding, err := b.readyBinding(ctx, instanceID, id)
	if err != nil {
		return answer{}, err
	}
	body, err := credentialsOf(binding)
	return answer{status: http.StatusOK, body: osb.BindingResponse{BindResponse: body, Parameters: binding.Parameters}}, err
}

// readyBinding reads a binding that has its credentials; there is no other to be
// seen.
func (b *Broker) readyBinding(ctx context.Context, instanceID, id string) (binding *store.Binding, err error) {
	err = b.config.Store.View(ctx, instanceID, func(tx *store.Tx) error {
		binding, err = tx.Binding(ctx, id)
		return err
	})
	if err == nil && (binding == nil || binding.State != store.BindingReady) {
		return nil, osb.NotFound("there is no such binding, or it is not ready")
	}
	return binding, err
}

// performBind makes the credentials. Done again, after a crash, it comes to the
// same.
func (b *Broker) performBind(ctx context.Context, operation store.Operation, instance store.Instance, asked request) (change, error) {
	id := operation.BindingID
	name := consumer(instance.ID, id)
	var text json.RawMessage
	made, err := b.config.Engine.Bind(ctx, instance.Name, name, b.config.View)
	if err == nil {
		text, err = bindingOf(made, asked.SyslogDrain)
	}
	if err != nil {
		// Also when the engine has made nothing: the broker before may have.
		return nil, errors.Join(err, b.undo(ctx, operation, func(ctx context.Context) error { return b.takeAway(ctx, instance.Name, name) }))
	}
	return func(ctx context.Context, tx *store.Tx) error {
		binding, err := tx.Binding(ctx, id)
		if err != nil || binding == nil {
			return err
		}
		binding.Answer, binding.State = text, store.BindingReady
		return tx.PutBinding(ctx, binding)
	}, nil
}

// syslogDrain is the variable of a log service that says where logs are sent to.
const syslogDrain = "SYSLOG_DRAIN_URL"

func bindingOf(made engine.BindResult, drains bool) (json.RawMessage, error) {
	credentials := made.Credentials()
	for name, value := range credentials {
		if !utf8.ValidString(value) {
			return nil, &engine.Error{Op: "bind", Kind: engine.InvalidPack,
				Err: fmt.Errorf("the value of %s is not valid UTF-8, which JSON demands; the pack should encode it, as with base64", name)}
		}
	}
	var body osb.BindResponse
	if drains {
		body.SyslogDrainURL = credentials[syslogDrain]
	}
	for _, endpoint := range made.Endpoints() {
		body.Endpoints = append(body.Endpoints, osb.Endpoint{Host: endpoint.Host, Ports: endpoint.Ports, Protocol: endpoint.Protocol})
	}
	var err error
	if body.Credentials, err = json.Marshal(credentials); err != nil {
		return nil, fmt.Errorf("write the credentials: %w", err)
	}
	text, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("write the binding: %w", err)
	}
	return text, nil
}

// unbind takes a consumer's access away (Unbinding).
func (b *Broker) unbind(ctx context.Context, from origin, instanceID, id, serviceID, planID string) (answer, error) {
	operation, err := b.newOperationFor(from, store.Unbind, instanceID, id, request{})
	if err != nil {
		return answer{}, err
	}
	result := answer{status: http.StatusOK, body: osb.Empty{}}
	err = b.config.Store.Transact(ctx, instanceID, false, func(tx *store.Tx) error {
		binding, err := tx.Binding(ctx, id)
		if err != nil {
			return err
		}
		if binding == nil {
			result = gone
			return nil
		}
		if binding.ServiceID != serviceID || !isPlan(ctx, tx, binding, planID) {
			return osb.BadRequest("service_id and plan_id are not those of the binding")
		}
		result.operation, err = b.beginUnbind(ctx, tx, binding, operation)
		return err
	})
	if err != nil {
		return answer{}, err
	}
	if result.operation == operation {
		b.begin(*operation)
	}
	if result.operation != nil {
		result.pending = osb.OperationResponse{Operation: result.operation.ID}
	}
	return result, nil
}

// isPlan tells whether the plan is that of the binding, or the one that its
// instance has now.
func isPlan(ctx context.Context, tx *store.Tx, binding *store.Binding, planID string) bool {
	if binding.PlanID == planID {
		return true
	}
	instance, err := tx.Instance(ctx)
	return err == nil && instance != nil && instance.PlanID == planID
}

func (b *Broker) beginUnbind(ctx context.Context, tx *store.Tx, binding *store.Binding, operation *store.Operation) (*store.Operation, error) {
	running, err := tx.Running(ctx)
	if err != nil {
		return nil, err
	}
	for i := range running {
		if running[i].BindingID == binding.ID && running[i].Kind == store.Unbind {
			return &running[i], nil
		}
		if running[i].BindingID == binding.ID || running[i].BindingID == "" {
			return nil, errBusy()
		}
	}
	binding.State = store.BindingDeleting
	if err := tx.PutBinding(ctx, binding); err != nil {
		return nil, err
	}
	return operation, tx.PutOperation(ctx, operation)
}

// performUnbind takes the access away. An instance that was stopped is started for
// it: the credentials would work again with its next start.
func (b *Broker) performUnbind(ctx context.Context, instance store.Instance, id string) (change, error) {
	name := consumer(instance.ID, id)
	err := b.takeAway(ctx, instance.Name, name)
	if errors.Is(err, engine.ErrNotRunning) {
		if _, err = b.config.Engine.Start(ctx, instance.Name, b.config.Timeout); err == nil {
			err = b.takeAway(ctx, instance.Name, name)
		}
	}
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, tx *store.Tx) error { return tx.DeleteBinding(ctx, id) }, nil
}

// takeAway takes a consumer's access away, if it has any.
func (b *Broker) takeAway(ctx context.Context, name, consumer string) error {
	err := b.config.Engine.Unbind(ctx, name, consumer)
	if errors.Is(err, engine.ErrNoBinding) || errors.Is(err, engine.ErrNoInstance) {
		return nil
	}
	return err
}
