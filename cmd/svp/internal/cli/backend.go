package cli

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/servicepack/svp/engine"
	"github.com/servicepack/svp/engine/driver"
	"github.com/servicepack/svp/engine/driver/docker"
	"github.com/servicepack/svp/packs"
)

// backend is the engine as all commands together see it; each command asks for
// its own part only.
type backend interface {
	io.Closer
	builder
	setupper
	runner
	upper
	updater
	lifecycle
	destroyer
	lister
	inspector
	usageTeller
	environmenter
	binder
	logger
	packInspector
	packOpener
	packLister
	packTester
	packChecker
	clienter
	sheller
	extraRunner
	backupper
	restorer
	osKeeper
	collector
	hoster
	packFinder
}

var _ backend = (*engine.Engine)(nil)

func openEngine(config engine.Config) (backend, error) { return engine.New(config) }

// session is an engine with the settings of one command.
type session struct {
	backend
	settings settings
	events   renderer
	now      func() time.Time
}

// note says something to the user in the way that events are shown.
func (s session) note(format string, args ...any) {
	s.events.Event(engine.Event{Time: s.now(), Kind: engine.Note, Text: fmt.Sprintf(format, args...)})
}

// engine lets do use an engine whose events are shown.
func (w *wiring) engine(do func(s session) error) error {
	chosen, err := w.settings()
	if err != nil {
		return err
	}
	events := w.newRenderer(chosen.Progress)
	defer events.Close()
	config, err := w.engineConfig(chosen, events.Event)
	if err != nil {
		return err
	}
	opened, err := w.open(config)
	if err != nil {
		return err
	}
	defer opened.Close()
	return cacheProblem(config.CacheDir, do(session{backend: opened, settings: chosen, events: events, now: w.now}))
}

func (w *wiring) engineConfig(chosen settings, events func(engine.Event)) (engine.Config, error) {
	cache, err := w.cacheDir()
	if err != nil {
		return engine.Config{}, err
	}
	logs, err := w.logDir()
	if err != nil {
		return engine.Config{}, err
	}
	locator, err := w.newLocator(chosen, events)
	if err != nil {
		return engine.Config{}, err
	}
	return engine.Config{
		Events:   events,
		Locator:  locator,
		Connect:  func(ctx context.Context) (driver.Driver, error) { return w.connect(ctx, chosen.Host) },
		PackPath: chosen.PackPath,
		Embedded: packs.FS,
		CacheDir: cache,
		LogDir:   logs,
		Network:  chosen.Network,
		OSImages: chosen.OSImages,
		CABundle: chosen.CABundle,
		Now:      w.now,

		IsolateQueries: chosen.Isolate,
	}, nil
}

// fromDockerContext stands for the host of the Docker context in use.
const fromDockerContext = "context:"

// connect reaches the Docker host.
func (w *wiring) connect(ctx context.Context, host string) (driver.Driver, error) {
	endpoint, err := w.endpoint(host)
	if err != nil {
		return nil, err
	}
	connected, err := docker.Connect(ctx, endpoint)
	if err != nil {
		return nil, err // and not a driver that is nil inside of an interface
	}
	return connected, nil
}

func (w *wiring) endpoint(host string) (docker.Endpoint, error) {
	if host == "" || host == fromDockerContext || host == w.getenv("DOCKER_HOST") {
		return docker.EndpointFromEnvironment()
	}
	endpoint := docker.Endpoint{Host: host}
	if w.getenv("DOCKER_TLS_VERIFY") != "" {
		endpoint.CertDir = w.getenv("DOCKER_CERT_PATH")
	}
	return endpoint, nil
}
