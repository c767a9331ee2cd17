package dashboard

import (
	"context"
	"errors"
	"io"
	"time"
)

var (
	// ErrNotFound is the answer of a Source that knows no instance of that id.
	ErrNotFound = errors.New("no such instance")
	// ErrBusy is the answer of a Source to a restart while another operation
	// on the instance is under way.
	ErrBusy = errors.New("another operation on the instance is under way")
)

// Source is what the dashboard shows. Its methods are called concurrently. Their
// errors are logged and never shown, except that ErrNotFound and ErrBusy, and
// what wraps them, get pages of their own.
type Source interface {
	// Instances gives all instances, for the operator's index.
	Instances(ctx context.Context) ([]Instance, error)
	// Instance gives one instance. Every viewer of an instance's page asks
	// every few seconds.
	Instance(ctx context.Context, id string) (Instance, error)
	// Bindings gives names and dates, and no credentials.
	Bindings(ctx context.Context, id string) ([]Binding, error)
	// Operations gives the last few operations, the latest first.
	Operations(ctx context.Context, id string) ([]Operation, error)
	// Credentials gives what a consumer connects with, in the order to be shown.
	Credentials(ctx context.Context, id string) ([]Variable, error)
	// Logs writes the last few hundred lines of a component and, with follow,
	// what comes after until ctx ends. It returns when a write fails.
	Logs(ctx context.Context, id, component string, follow bool, w io.Writer) error
	// Restart starts an operation and does not wait for its end.
	Restart(ctx context.Context, id string) error
}

// Instance is what is shown of an instance.
type Instance struct {
	ID            string
	Name          string
	Service, Plan string // as the catalog calls them to people

	State   string // "running", "stopped", "failed", or what is being done to it
	Health  string // "ready", "not ready", or empty where nobody knows
	Address string
	Ports   []string // "5432/tcp"

	// Components has one of no name where the service is one process.
	Components []Component

	Memory, Storage Resource // in bytes
	CPUs            Resource // in processors

	Created             time.Time
	Organization, Space string
}

// Component is one process of an instance.
type Component struct {
	Name  string
	State string
}

// Resource is a limit and the use against it.
type Resource struct {
	Limit    float64 // 0 where there is none
	Used     float64
	Measured bool // Used is known
}

// Binding is one consumer of an instance.
type Binding struct {
	ID      string
	Name    string // of the consumer, where it is known
	Created time.Time
}

// Operation is something that was done to an instance, or is being done.
type Operation struct {
	Kind        string // "provision", "update", …
	State       string // "in progress", "succeeded" or "failed"
	Description string
	Started     time.Time
	Finished    time.Time // zero while it goes on
}

// Variable is one value that a consumer connects with.
type Variable struct {
	Name, Value string
	// Secret values are masked until they are asked for, and so is every value
	// that contains one.
	Secret bool
}
