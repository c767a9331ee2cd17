package osb

import "encoding/json"

// ProvisionRequest asks for an instance. Objects that were not sent are nil.
type ProvisionRequest struct {
	ServiceID, PlanID           string
	OrganizationGUID, SpaceGUID string
	Context, Parameters         json.RawMessage
	MaintenanceInfo             *MaintenanceInfo
}

// UpdateRequest asks for a change of an instance. What was not sent stays.
type UpdateRequest struct {
	ServiceID           string // empty where a client before 2.6 has left it out
	PlanID              string // empty: stays
	Context, Parameters json.RawMessage
	PreviousValues      *PreviousValues
	MaintenanceInfo     *MaintenanceInfo
}

// PreviousValues are what the platform takes to be the state before an update.
type PreviousValues struct {
	ServiceID, PlanID           string
	OrganizationGUID, SpaceGUID string
	MaintenanceInfo             *MaintenanceInfo
}

// BindRequest asks for a binding, or with a predecessor for the one that
// follows it; then the ids of service and plan may be empty.
type BindRequest struct {
	ServiceID, PlanID    string
	AppGUID              string // of the deprecated field
	BindResource         *BindResource
	Context, Parameters  json.RawMessage
	PredecessorBindingID string
}

// BindResource is what is bound.
type BindResource struct {
	AppGUID, Route string
	Raw            json.RawMessage // the whole object
}

// App is the application that is bound, whichever field names it.
func (r *BindRequest) App() string {
	if r.BindResource != nil && r.BindResource.AppGUID != "" {
		return r.BindResource.AppGUID
	}
	return r.AppGUID
}
