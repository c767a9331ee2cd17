// Package engine is what svp does, one use case a file: it asks a pack what it
// needs, observes the container host, plans, and executes the plan. It prints
// nothing; whoever wants to know listens to its events.
package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
	"time"

	"github.com/servicepack/svp/engine/driver"
	"github.com/servicepack/svp/engine/plan"
	"github.com/servicepack/svp/engine/secrets"
)

// DefaultNetwork is the network that instances sit on unless configured.
const DefaultNetwork = "svp"

// DefaultQueryOS is the operating system in which queries are isolated unless
// configured.
const DefaultQueryOS = "debian/12"

// DefaultTimeout bounds how long an operation may take when its options do not
// say.
const DefaultTimeout = 30 * time.Minute

// Config is what an Engine works with. Connect is required.
type Config struct {
	// Connect reaches the container host; it is called by the first operation
	// that needs the host, and again until it has succeeded once.
	Connect func(context.Context) (driver.Driver, error)
	// Events is told what happens, from several goroutines in turn but never
	// from two at once; nil means nobody listens.
	Events func(Event)
	// PackPath are the folders in which a pack is looked up by its name.
	PackPath []string
	// Locator finds packs that are no folders; nil means that there are none.
	Locator Locator
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
	// IsolateQueries asks every pack in throw-away containers instead of running
	// its queries on this machine. Packs that were fetched are always asked so.
	IsolateQueries bool
	// QueryOS is the operating system, as "debian/12", in whose image queries are
	// isolated; empty means DefaultQueryOS.
	QueryOS string
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
	stock     stock
	answers   answers

	warned sync.Map // instances that it was told of that they are left out

	background sync.WaitGroup // removals that nothing but Close waits for

	connectMu  sync.Mutex
	connected  driver.Driver // nil: not yet
	connectErr error         // of the last attempt, which ended at connectEnd
	connectEnd time.Time

	eventMu sync.Mutex

	finished finished
}

// New makes an engine; it does not connect yet.
func New(config Config) (*Engine, error) {
	if config.Connect == nil {
		return nil, errors.New("engine: Connect is required")
	}
	if config.Network == "" {
		config.Network = DefaultNetwork
	}
	if !plan.ValidNetwork(config.Network) {
		return nil, fail("use network", config.Network, usagef("name a network of svp's own, as svp",
			"%q is no name for it: letters, digits, dots, hyphens and underscores, and none of Docker's own networks", config.Network))
	}
	if config.Random == nil {
		config.Random = rand.Reader
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	generator, err := secrets.NewGenerator(config.Random)
	if err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	return &Engine{config: config, generator: generator}, nil
}

// Close waits until what was to be removed is, and releases the connection to the
// container host.
func (e *Engine) Close() error {
	e.background.Wait()
	e.connectMu.Lock()
	defer e.connectMu.Unlock()
	if e.connected == nil {
		return nil
	}
	return e.connected.Close()
}

// Host describes the container host.
func (e *Engine) Host(ctx context.Context) (driver.Host, error) {
	d, err := e.driver(ctx)
	var host driver.Host
	if err == nil {
		host, err = d.Host(ctx)
	}
	return host, fail("reach the container host", "", err)
}

// reach is how instances are reached from here.
func (e *Engine) reach(ctx context.Context) (driver.Reach, error) {
	d, err := e.driver(ctx)
	if err != nil {
		return driver.Reach{}, err
	}
	return d.Reach(ctx, e.config.Network)
}

func (e *Engine) driver(ctx context.Context) (driver.Driver, error) {
	asked := time.Now()
	e.connectMu.Lock()
	defer e.connectMu.Unlock()
	switch {
	case e.connected != nil:
		return e.connected, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(e.connectErr, driver.ErrUnavailable) && e.connectEnd.After(asked):
		return nil, e.connectErr // several asked at the same time: one has tried for all
	}
	connected, err := e.config.Connect(ctx)
	e.connectErr, e.connectEnd = err, time.Now()
	if err != nil {
		return nil, err
	}
	e.connected = connected
	return connected, nil
}

func (e *Engine) now() time.Time { return e.config.Now() }

// withTimeout bounds an operation; the error of an operation that ran out of
// time matches ErrTimeout.
func (e *Engine) withTimeout(ctx context.Context, timeout, otherwise time.Duration) (context.Context, context.CancelFunc) {
	if timeout <= 0 {
		timeout = otherwise
	}
	return context.WithTimeoutCause(ctx, timeout, fmt.Errorf("%w: %s", ErrTimeout, timeout))
}

// causeOf gives an error caused by the context its true cause.
func causeOf(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil {
		return err
	}
	cause := context.Cause(ctx)
	var told *outputError
	if errors.As(err, &told) && errors.Is(told.err, cause) {
		return err // with the log
	}
	var late *notReadyError
	if errors.As(err, &late) && !errors.Is(cause, context.Canceled) {
		return err // it says more
	}
	if errors.Is(cause, ErrTimeout) || errors.Is(cause, context.Canceled) {
		return cause
	}
	return err
}

// cleanupTimeout bounds the removal of what a failed operation made.
const cleanupTimeout = time.Minute

// cleanupContext lets a clean-up go on when the operation's context has ended.
func cleanupContext(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
}
