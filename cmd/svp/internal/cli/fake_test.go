package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"testing"
	"time"

	"github.com/servicepack/svp/engine"
	"github.com/servicepack/svp/engine/driver"
	"github.com/servicepack/svp/engine/envvar"
	"github.com/servicepack/svp/engine/secrets"
)

// fakeBackend records what it is asked to do and gives prepared answers.
type fakeBackend struct {
	config engine.Config
	calls  []string // "Up {…}"
	err    error    // of every call
	status int      // of every script

	instances []engine.Instance
	up        engine.UpResult
	usage     map[string]int64 // by name
	env       envvar.Set
	service   envvar.Service
	pack      engine.PackInfo
	images    []engine.OSImage
	host      driver.Host
	gc        engine.GCResult
	bindings  []engine.Binding
	shared    bool                                                    // the credentials of bindings
	during    func(ctx context.Context, streams engine.Streams) error // runs in place of a script
}

func (f *fakeBackend) record(method string, arguments ...any) {
	call := method
	for _, argument := range arguments {
		call += fmt.Sprintf(" %+v", argument)
	}
	f.calls = append(f.calls, call)
}

func (f *fakeBackend) CheckPack(_ context.Context, pack string, check func(engine.FaultyPack) error) error {
	f.record("CheckPack", pack)
	if f.err != nil {
		return f.err
	}
	return check(engine.FaultyPack{})
}

func (f *fakeBackend) WithPack(_ context.Context, op, pack string, _ func(engine.OpenedPack) error) error {
	f.record("WithPack", op, pack)
	return f.err
}

func (f *fakeBackend) DependencyCache() string { return "cache" }

func (f *fakeBackend) Close() error { return nil }

func (f *fakeBackend) Build(_ context.Context, o engine.BuildOptions) (engine.BuildResult, error) {
	f.record("Build", o)
	return engine.BuildResult{Image: o.Tag, ID: "sha256:1", Reused: true}, f.err
}

func (f *fakeBackend) Setup(_ context.Context, o engine.SetupOptions) (engine.SetupResult, error) {
	f.record("Setup", o)
	return engine.SetupResult{Image: o.Tag, Env: f.env, Service: f.service}, f.err
}

func (f *fakeBackend) Run(_ context.Context, o engine.RunOptions) (engine.UpResult, error) {
	f.record("Run", o)
	return f.up, f.err
}

func (f *fakeBackend) Up(_ context.Context, o engine.UpOptions) (engine.UpResult, error) {
	f.record("Up", o)
	return f.up, f.err
}

func (f *fakeBackend) Update(_ context.Context, o engine.UpdateOptions) (engine.UpResult, error) {
	f.record("Update", o)
	return f.up, f.err
}

func (f *fakeBackend) Usage(_ context.Context, name string) (int64, bool, error) {
	bytes, known := f.usage[name]
	return bytes, known, f.err
}

func (f *fakeBackend) Down(_ context.Context, name string) error {
	f.record("Down", name)
	return f.err
}

func (f *fakeBackend) Bind(_ context.Context, name, consumer string, view engine.View) (engine.BindResult, error) {
	f.record("Bind", name, consumer, view)
	return engine.BindResult{Binding: engine.Binding{Consumer: consumer, Shared: f.shared}, Env: f.env, Service: f.service}, f.err
}

func (f *fakeBackend) Unbind(_ context.Context, name, consumer string) error {
	f.record("Unbind", name, consumer)
	return f.err
}

func (f *fakeBackend) Bindings(_ context.Context, name string) ([]engine.Binding, error) {
	f.record("Bindings", name)
	return f.bindings, f.err
}

func (f *fakeBackend) Destroy(_ context.Context, name string) error {
	f.record("Destroy", name)
	return f.err
}

func (f *fakeBackend) Start(_ context.Context, name string, timeout time.Duration) (engine.UpResult, error) {
	f.record("Start", name, timeout)
	return f.up, f.err
}

func (f *fakeBackend) Stop(_ context.Context, name string) error {
	f.record("Stop", name)
	return f.err
}

func (f *fakeBackend) Restart(_ context.Context, name string, timeout time.Duration) (engine.UpResult, error) {
	f.record("Restart", name, timeout)
	return f.up, f.err
}

func (f *fakeBackend) List(context.Context) ([]engine.Instance, error) { return f.instances, f.err }

func (f *fakeBackend) Info(_ context.Context, name string) (engine.Instance, error) {
	for _, instance := range f.instances {
		if instance.Name == name {
			return instance, f.err
		}
	}
	return engine.Instance{}, &engine.Error{
		Op: "info", Subject: name, Kind: engine.NotFound, Err: engine.ErrNoInstance, Hint: "svp list shows the instances",
	}
}

func (f *fakeBackend) Env(_ context.Context, name string, view engine.View) (envvar.Set, envvar.Service, error) {
	f.record("Env", name, view)
	return f.env, f.service, f.err
}

func (f *fakeBackend) Logs(_ context.Context, o engine.LogsOptions, stdout, stderr io.Writer) error {
	f.record("Logs", o)
	fmt.Fprintln(stdout, "written to stdout")
	fmt.Fprintln(stderr, "written to stderr")
	return f.err
}

func (f *fakeBackend) FindPack(_ context.Context, name string) (engine.FoundPack, error) {
	return engine.FoundPack{Folder: name, Origin: "folder"}, nil
}

func (f *fakeBackend) InspectPack(_ context.Context, pack string) (engine.PackInfo, error) {
	f.record("InspectPack", pack)
	return f.pack, f.err
}

func (f *fakeBackend) Packs() ([]string, error) { return []string{"postgresql", "redis"}, f.err }

func (f *fakeBackend) script(ctx context.Context, method string, t engine.Target, args []string, s engine.Streams) (int, error) {
	f.record(method, fmt.Sprintf("%+v", struct{ Name, Component, Container string }(t)), fmt.Sprintf("%q", args))
	if f.during != nil {
		if err := f.during(ctx, s); err != nil {
			return 0, err
		}
	}
	return f.status, f.err
}

func (f *fakeBackend) Client(ctx context.Context, t engine.Target, args []string, s engine.Streams) (int, error) {
	return f.script(ctx, "Client", t, args, s)
}

func (f *fakeBackend) Shell(ctx context.Context, t engine.Target, args []string, s engine.Streams) (int, error) {
	return f.script(ctx, "Shell", t, args, s)
}

func (f *fakeBackend) Extra(ctx context.Context, t engine.Target, args []string, s engine.Streams) (int, error) {
	return f.script(ctx, "Extra", t, args, s)
}

func (f *fakeBackend) Backup(ctx context.Context, t engine.Target, s engine.Streams) (int, error) {
	return f.script(ctx, "Backup", t, nil, s)
}

func (f *fakeBackend) Restore(ctx context.Context, t engine.Target, s engine.Streams) (int, error) {
	return f.script(ctx, "Restore", t, nil, s)
}

func (f *fakeBackend) OSList(context.Context) ([]engine.OSImage, error) { return f.images, f.err }

func (f *fakeBackend) OSPull(_ context.Context, name string) (engine.OSImage, error) {
	f.record("OSPull", name)
	return engine.OSImage{Name: name, Reference: "debian:12"}, f.err
}

func (f *fakeBackend) OSBootstrap(_ context.Context, o engine.OSBootstrapOptions) (engine.OSImage, error) {
	f.record("OSBootstrap", o)
	return engine.OSImage{Name: o.Name, Reference: "debian:12"}, f.err
}

func (f *fakeBackend) GC(_ context.Context, o engine.GCOptions) (engine.GCResult, error) {
	f.record("GC", o)
	return f.gc, f.err
}

func (f *fakeBackend) Host(context.Context) (driver.Host, error) { return f.host, f.err }

var errNobody = errors.New("nobody is at home")

// testNow is the time at which tests take place.
var testNow = time.Date(2026, 3, 4, 15, 0, 0, 0, time.UTC)

// world is svp with a fake engine.
type world struct {
	*wiring
	fake        *fakeBackend
	variables   map[string]string
	out, errOut *bytes.Buffer
}

func newWorld(t *testing.T, in string) *world {
	t.Helper()
	streams, out, errOut := TestStreams(in)
	w := &world{
		fake: &fakeBackend{}, variables: map[string]string{"HOME": t.TempDir()}, out: out, errOut: errOut,
	}
	w.wiring = &wiring{
		streams: streams, version: "v1.2.3",
		getenv:   func(name string) string { return w.variables[name] },
		now:      func() time.Time { return testNow },
		userHome: func() (string, error) { return "", errNobody },
		open: func(config engine.Config) (backend, error) {
			w.fake.config = config
			return w.fake, nil
		},
	}
	return w
}

func (w *world) set(variables map[string]string) { maps.Copy(w.variables, variables) }

// svp runs a command line and returns its exit status.
func (w *world) svp(t *testing.T, args ...string) int {
	t.Helper()
	return w.run(t.Context(), args)
}

// require runs a command line that has to have that exit status.
func (w *world) require(t *testing.T, status int, args ...string) {
	t.Helper()
	if got := w.svp(t, args...); got != status {
		t.Fatalf("svp %q: status %d, want %d\nstdout: %s\nstderr: %s", args, got, status, w.out, w.errOut)
	}
}

func secretVar(name, value string) envvar.Var {
	return envvar.Var{Name: name, Value: secrets.New(value), Secret: true}
}
