package broker

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"github.com/servicepack/svp/engine/broker/osb"
	"github.com/servicepack/svp/engine/broker/store"
)

// origin is who asks, for the record.
type origin struct{ requestID, user string }

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

func (b *Broker) newOperationFor(from origin, kind store.OperationKind, instanceID, bindingID string, asked request) (*store.Operation, error) {
	text, err := encodeRequest(asked)
	if err != nil {
		return nil, err
	}
	return &store.Operation{
		ID: uuid.NewString(), Kind: kind, State: store.InProgress, InstanceID: instanceID, BindingID: bindingID,
		Request: text, Owner: b.owner, RequestID: from.requestID, User: from.user,
	}, nil
}

func (b *Broker) dashboardURL(id string) string {
	if b.config.DashboardURL == nil {
		return ""
	}
	return b.config.DashboardURL(id)
}

// fetchInstance tells of an instance (Fetching a Service Instance).
func (b *Broker) fetchInstance(ctx context.Context, id string) (answer, error) {
	var result answer
	err := b.config.Store.View(ctx, id, func(tx *store.Tx) error {
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

func errNoInstance() *osb.Error { return osb.NotFound("there is no such instance") }

func (b *Broker) instance(ctx context.Context, id string) (*store.Instance, error) {
	var instance *store.Instance
	err := b.config.Store.View(ctx, id, func(tx *store.Tx) (err error) {
		instance, err = tx.Instance(ctx)
		return err
	})
	if err == nil && (instance == nil || instance.State == store.InstanceFailed) {
		return nil, errNoInstance()
	}
	return instance, err
}
