// Package engine is what svp does, one use case a file: it asks a pack what it
// needs, observes the container host, plans, and executes the plan. It prints
// nothing; whoever wants to know listens to its events.
package engine

import (
	"context"
	"io"
	"io/fs"
	"sync"
	"time"

	"github.com/servicepack/svp/engine/driver"
	"github.com/servicepack/svp/engine/secrets"
)

// DefaultNetwork is the network that instances sit on unless configured.
const DefaultNetwork = "svp"

// DefaultTimeout bounds how long an operation may take when its options do not
// say.
const DefaultTimeout = 30 * time.Minute

// Config is what an Engine works with. Connect is required.
type Config struct {
	// Connect reaches the container host; it is called once, at the first
	// operation that needs the host.
	Connect func(context.Context) (driver.Driver, error)
	// Events is told what happens, from several goroutines in turn but never
	// from two at once; nil means nobody listens.
	Events func(Event)
	// PackPath are the folders in which a pack is looked up by its name.
	PackPath []string
	// Embedded holds the reference packs, a folder each.
	Embedded fs.FS
	// CacheDir is where embedded packs are unpacked so that they can run.
	CacheDir string
	// LogDir is where the logs of builds are kept, 0700.
	LogDir string
	// Network is the network of the instances; empty means DefaultNetwork.
	Network string
	// OSImages maps names as "debian/12" to image references.
	OSImages map[string]string
	// CABundle is a PEM file with certificate authorities that build scripts
	// should trust; empty means none.
	CABundle string
	// Random is where ids and secrets come from; nil means crypto/rand.
	Random io.Reader
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Engine runs the use cases. It is safe for concurrent use.
type Engine struct {
	config    Config
	generator *secrets.Generator

	connectOnce sync.Once
	connected   driver.Driver
	connectErr  error

	eventMu sync.Mutex
}
