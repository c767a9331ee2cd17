package osb

import "encoding/json"

// ProvisionResponse answers provision and update requests.
type ProvisionResponse struct {
	DashboardURL string            `json:"dashboard_url,omitempty"`
	Operation    string            `json:"operation,omitempty"`
	Metadata     *InstanceMetadata `json:"metadata,omitempty"`
}

// InstanceMetadata is the ServiceInstanceMetadata object.
type InstanceMetadata struct {
	Labels     map[string]string `json:"labels,omitempty"`
	Attributes map[string]string `json:"attributes,omitempty"`
}

// InstanceResponse is an instance that is fetched.
type InstanceResponse struct {
	ServiceID       string            `json:"service_id"`
	PlanID          string            `json:"plan_id"`
	DashboardURL    string            `json:"dashboard_url,omitempty"`
	Parameters      json.RawMessage   `json:"parameters,omitempty"`
	MaintenanceInfo *MaintenanceInfo  `json:"maintenance_info,omitempty"`
	Metadata        *InstanceMetadata `json:"metadata,omitempty"`
}

// BindResponse answers a bind request that is done.
type BindResponse struct {
	Metadata        *BindingMetadata `json:"metadata,omitempty"`
	Credentials     json.RawMessage  `json:"credentials,omitempty"` // an object
	SyslogDrainURL  string           `json:"syslog_drain_url,omitempty"`
	RouteServiceURL string           `json:"route_service_url,omitempty"`
	VolumeMounts    []VolumeMount    `json:"volume_mounts,omitempty"`
	Endpoints       []Endpoint       `json:"endpoints,omitempty"`
}

// BindingResponse is a binding that is fetched.
type BindingResponse struct {
	BindResponse
	Parameters json.RawMessage `json:"parameters,omitempty"`
}

// BindingMetadata is the BindingMetadata object. The times are as
// 2006-01-02T15:04:05.0Z.
type BindingMetadata struct {
	ExpiresAt   string `json:"expires_at,omitempty"`
	RenewBefore string `json:"renew_before,omitempty"`
}

// VolumeMount is a volume for an application.
type VolumeMount struct {
	Driver       string `json:"driver"`
	ContainerDir string `json:"container_dir"`
	Mode         string `json:"mode"`
	DeviceType   string `json:"device_type"`
	Device       Device `json:"device"`
}

// Device is a shared device of a volume mount.
type Device struct {
	VolumeID    string          `json:"volume_id"`
	MountConfig json.RawMessage `json:"mount_config,omitempty"`
}

// Endpoint is where an application connects to.
type Endpoint struct {
	Host     string   `json:"host"`
	Ports    []string `json:"ports"`
	Protocol string   `json:"protocol,omitempty"` // tcp, udp or all; empty: tcp
}

// OperationResponse answers with 202: the operation that is under way.
type OperationResponse struct {
	Operation string `json:"operation,omitempty"`
}

// State is how far an operation is.
type State string

// The states of an operation.
const (
	InProgress State = "in progress"
	Succeeded  State = "succeeded"
	Failed     State = "failed"
)

// LastOperation tells how far an operation is.
type LastOperation struct {
	State            State  `json:"state"`
	Description      string `json:"description,omitempty"`
	InstanceUsable   *bool  `json:"instance_usable,omitempty"`   // of a failed update or deprovisioning
	UpdateRepeatable *bool  `json:"update_repeatable,omitempty"` // of a failed update
}
