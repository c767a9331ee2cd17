package osb

import "encoding/json"

// CatalogResponse is the body of the catalog.
type CatalogResponse struct {
	Services []Service `json:"services"`
}

// Service is a Service Offering Object.
type Service struct {
	ID                   string           `json:"id"`
	Name                 string           `json:"name"`
	Description          string           `json:"description"`
	Tags                 []string         `json:"tags,omitempty"`
	Requires             []string         `json:"requires,omitempty"`
	Bindable             bool             `json:"bindable"`
	InstancesRetrievable bool             `json:"instances_retrievable"`
	BindingsRetrievable  bool             `json:"bindings_retrievable"`
	AllowContextUpdates  bool             `json:"allow_context_updates"`
	PlanUpdateable       bool             `json:"plan_updateable"`
	Metadata             map[string]any   `json:"metadata,omitempty"`
	DashboardClient      *DashboardClient `json:"dashboard_client,omitempty"`
	Plans                []Plan           `json:"plans"`
}

// DashboardClient is the client with which the dashboard signs its users on.
type DashboardClient struct {
	ID          string `json:"id"`
	Secret      string `json:"secret"`
	RedirectURI string `json:"redirect_uri,omitempty"`
}

// Plan is a Service Plan Object.
type Plan struct {
	ID                     string           `json:"id"`
	Name                   string           `json:"name"`
	Description            string           `json:"description"`
	Metadata               map[string]any   `json:"metadata,omitempty"`
	Free                   *bool            `json:"free,omitempty"` // nil: as true
	Bindable               *bool            `json:"bindable,omitempty"`
	BindingRotatable       bool             `json:"binding_rotatable"`
	PlanUpdateable         *bool            `json:"plan_updateable,omitempty"`
	Schemas                *Schemas         `json:"schemas,omitempty"`
	MaximumPollingDuration int              `json:"maximum_polling_duration,omitempty"` // seconds
	MaintenanceInfo        *MaintenanceInfo `json:"maintenance_info,omitempty"`
}

// Schemas are the schemas of the parameters that a plan takes.
type Schemas struct {
	ServiceInstance *InstanceSchema `json:"service_instance,omitempty"`
	ServiceBinding  *BindingSchema  `json:"service_binding,omitempty"`
}

// InstanceSchema is a Service Instance Schema Object.
type InstanceSchema struct {
	Create *InputParameters `json:"create,omitempty"`
	Update *InputParameters `json:"update,omitempty"`
}

// BindingSchema is a Service Binding Schema Object.
type BindingSchema struct {
	Create *InputParameters `json:"create,omitempty"`
}

// InputParameters is an Input Parameters Schema Object: a JSON Schema.
type InputParameters struct {
	Parameters json.RawMessage `json:"parameters"`
}

// MaintenanceInfo is the version of what an instance is made from.
type MaintenanceInfo struct {
	Version     string `json:"version"`
	Description string `json:"description,omitempty"`
}
