package broker

import (
	"log/slog"
	"time"

	"github.com/servicepack/svp/engine"
	"github.com/servicepack/svp/engine/broker/store"
)

// Config is what a Broker works with. Engine, Store, Packs and Credentials are
// required.
type Config struct {
	Engine Engine
	Store  *store.Store
	// Packs are folders: each a pack, or one that holds packs.
	Packs []string
	// Credentials are who may use the broker.
	Credentials *Credentials
	// View is from where the consumers of bindings see the instances.
	View engine.View
	// Warm is how many instances of each plan are kept ready.
	Warm int
	// Quotas bound how many instances there are; 0 means no bound.
	Quotas Quotas
	// Timeout bounds an operation; 0 means DefaultTimeout.
	Timeout time.Duration
	// DashboardURL gives the dashboard's address of an instance; nil means that
	// there is none.
	DashboardURL func(instanceID string) string
	// DashboardClient, when its Service is not empty, is announced in the catalog.
	DashboardClient DashboardClient
	// Log is told what happens; nil means that nobody listens.
	Log *slog.Logger
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// DashboardClient is how the dashboard signs its users on with the platform. A
// platform that makes such a client wants its id to be that of one service alone
// (Catalog Management, "Dashboard Client Object").
type DashboardClient struct {
	Service                 string // whose entry of the catalog announces it
	ID, Secret, RedirectURI string
}

// Quotas bound how many instances there are; 0 means no bound.
type Quotas struct {
	Instances       int // in all
	PerPlan         int
	PerOrganization int
}

func (q Quotas) any() bool { return q.Instances > 0 || q.PerPlan > 0 || q.PerOrganization > 0 }

// DefaultTimeout bounds an operation unless configured.
const DefaultTimeout = 30 * time.Minute
