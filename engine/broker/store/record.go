package store

import (
	"encoding/json"
	"time"
)

// InstanceState is how far an instance is.
type InstanceState string

// The states of an instance.
const (
	InstanceCreating InstanceState = "creating"
	InstanceReady    InstanceState = "ready"
	InstanceFailed   InstanceState = "failed" // a provision that failed and was undone
	InstanceDeleting InstanceState = "deleting"
)

// Instance is a service instance as the platform knows it.
type Instance struct {
	ID                 string
	ServiceID          string
	PlanID             string
	OrganizationGUID   string
	SpaceGUID          string
	Context            json.RawMessage
	Parameters         json.RawMessage // sealed
	MaintenanceVersion string
	Name               string // of svp's instance
	Pack               string
	PackDigest         string
	State              InstanceState
	Created            time.Time // set by the store, as Updated is
	Updated            time.Time
}

// BindingState is how far a binding is.
type BindingState string

// The states of a binding.
const (
	BindingCreating BindingState = "creating"
	BindingReady    BindingState = "ready"
	BindingFailed   BindingState = "failed"
	BindingDeleting BindingState = "deleting"
)

// Binding is a service binding as the platform knows it.
type Binding struct {
	InstanceID    string
	ID            string
	ServiceID     string
	PlanID        string
	AppGUID       string
	BindResource  json.RawMessage
	Context       json.RawMessage
	Parameters    json.RawMessage // sealed
	PredecessorID string
	Consumer      string // for whom svp made the credentials
	// Answer is the body that the platform was given, with the credentials; nil
	// until there are some. It is sealed.
	Answer  json.RawMessage
	State   BindingState
	Created time.Time // set by the store
}

// OperationKind is what an operation does.
type OperationKind string

// The kinds of operations.
const (
	Provision   OperationKind = "provision"
	Update      OperationKind = "update"
	Deprovision OperationKind = "deprovision"
	Bind        OperationKind = "bind"
	Unbind      OperationKind = "unbind"
)

// OperationState is how far an operation is, in the specification's words.
type OperationState string

// The states of an operation.
const (
	InProgress OperationState = "in progress"
	Succeeded  OperationState = "succeeded"
	Failed     OperationState = "failed"
)

// Operation is work on an instance, or on a binding of it, that outlives the
// request.
type Operation struct {
	ID         string
	InstanceID string
	BindingID  string // empty for one of the instance itself
	Kind       OperationKind
	State      OperationState
	// Description is for the user: the current step, or why it failed.
	Description string
	// Request is what is needed to carry the operation on. It is sealed.
	Request   json.RawMessage
	Owner     string    // the broker that runs it
	RequestID string    // of the request that began it, for the logs
	User      string    // who asked for it, as the platform says
	Started   time.Time // set by the store, as Updated is
	Updated   time.Time
}

// Pooled is an instance of the warm pool, set up ahead for whoever comes.
type Pooled struct {
	Name       string // of svp's instance
	ServiceID  string
	PlanID     string
	Pack       string
	PackDigest string
	Ready      bool
	Owner      string    // the broker that makes it
	Created    time.Time // set by the store
}

// Filter chooses instances; what is empty chooses all.
type Filter struct {
	PlanID           string
	OrganizationGUID string
}
