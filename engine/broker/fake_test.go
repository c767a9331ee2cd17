package broker_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/servicepack/svp/engine"
	"github.com/servicepack/svp/engine/envvar"
	"github.com/servicepack/svp/engine/secrets"
)

// fakeEngine keeps instances and bindings in memory. What a gate is set for waits
// there until the test opens it.
type fakeEngine struct {
	mu        sync.Mutex
	instances map[string]map[string]bool // consumers by instance
	plans     map[string]string
	used      int64
	fail      map[string]error // by method
	failLate  map[string]error // as fail, when the method has done its work
	gates     map[string]chan struct{}
	waiting   map[string]int
	schema    string
	digest    string
	version   string
	password  string
}

func newFakeEngine() *fakeEngine {
	return &fakeEngine{
		instances: map[string]map[string]bool{}, plans: map[string]string{}, fail: map[string]error{}, failLate: map[string]error{},
		gates: map[string]chan struct{}{}, waiting: map[string]int{}, digest: "d1", version: "1.2.3", password: "hush-hush",
	}
}

// gate lets calls of the method wait until the returned function is called.
func (f *fakeEngine) gate(method string) (open func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	gate := make(chan struct{})
	f.gates[method] = gate
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.gates[method] == gate {
			delete(f.gates, method)
			close(gate)
		}
	}
}

// pass waits at the gate of the method, and gives the method's error.
func (f *fakeEngine) pass(ctx context.Context, method string) error {
	f.mu.Lock()
	gate, err := f.gates[method], f.fail[method]
	f.waiting[method]++
	f.mu.Unlock()
	if gate == nil {
		return err
	}
	select {
	case <-gate:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// failAfter lets the method fail when it has done its work.
func (f *fakeEngine) failAfter(method string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failLate[method] = err
}

// release makes another version of the packs.
func (f *fakeEngine) release(version string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.version, f.digest = version, "d"+version
}

// secret is the password of the bindings to come.
func (f *fakeEngine) secret(password string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.password = password
}

// consumers are those of all instances.
func (f *fakeEngine) consumers() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []string
	for _, bound := range f.instances {
		all = slices.AppendSeq(all, maps.Keys(bound))
	}
	return all
}

func (f *fakeEngine) calls(method string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.waiting[method]
}

func (f *fakeEngine) names() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var names []string
	for name := range f.instances {
		names = append(names, name)
	}
	return names
}

func (f *fakeEngine) OfferedPacks(text string) ([]string, error) {
	return (&engine.Engine{}).OfferedPacks(text)
}

func (f *fakeEngine) Offer(_ context.Context, pack string) (engine.Offer, error) {
	name := filepath.Base(pack)
	if name == "broken" {
		return engine.Offer{}, &engine.Error{Op: "inspect pack", Subject: pack, Kind: engine.InvalidPack, Err: fmt.Errorf("bin/query os: no answer")}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	offer := engine.Offer{
		Pack: engine.PackInfo{
			Name: name, Group: "org.example", Version: f.version, Description: "A test.", Digest: f.digest, Tags: []string{},
		},
		Bindable: true, PlanUpdateable: true, Requires: []string{},
		Plans: []engine.OfferedPlan{{Name: "small", StorageBytes: 1 << 20}, {Name: "large"}},
	}
	if f.schema != "" {
		offer.Schemas.InstanceCreate = []byte(f.schema)
	}
	return offer, f.failLate["Offer"]
}

func (f *fakeEngine) Prepare(context.Context, string) error { return nil }

func (f *fakeEngine) Up(ctx context.Context, o engine.UpOptions) (engine.UpResult, error) {
	if err := f.pass(ctx, "Up"); err != nil {
		return engine.UpResult{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.instances[o.Name] == nil {
		f.instances[o.Name] = map[string]bool{}
	}
	f.plans[o.Name] = o.Plan
	return engine.UpResult{}, f.failLate["Up"]
}

func (f *fakeEngine) Update(ctx context.Context, o engine.UpdateOptions) (engine.UpResult, error) {
	if err := f.pass(ctx, "Update"); err != nil {
		return engine.UpResult{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.plans[o.Name] = o.Plan
	return engine.UpResult{}, nil
}

func (f *fakeEngine) Start(ctx context.Context, _ string, _ time.Duration) (engine.UpResult, error) {
	return engine.UpResult{}, f.pass(ctx, "Start")
}

func (f *fakeEngine) Restart(ctx context.Context, _ string, _ time.Duration) (engine.UpResult, error) {
	return engine.UpResult{}, f.pass(ctx, "Restart")
}

func (f *fakeEngine) Destroy(ctx context.Context, name string) error {
	if err := f.pass(ctx, "Destroy"); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.instances[name] == nil {
		return engine.ErrNoInstance
	}
	delete(f.instances, name)
	return nil
}

func (f *fakeEngine) Bind(ctx context.Context, name, consumer string, _ engine.View) (engine.BindResult, error) {
	if err := f.pass(ctx, "Bind"); err != nil {
		return engine.BindResult{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.instances[name] == nil {
		return engine.BindResult{}, engine.ErrNoInstance
	}
	f.instances[name][consumer] = true
	return engine.BindResult{
		Binding: engine.Binding{Consumer: consumer},
		Env:     envvar.Set{{Name: "URL", Value: secrets.New("test://" + consumer + ":" + f.password + "@192.0.2.7:80/")}},
	}, f.failLate["Bind"]
}

func (f *fakeEngine) Unbind(ctx context.Context, name, consumer string) error {
	if err := f.pass(ctx, "Unbind"); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.instances[name][consumer] {
		return engine.ErrNoBinding
	}
	delete(f.instances[name], consumer)
	return nil
}

func (f *fakeEngine) Usage(ctx context.Context, _ string) (int64, bool, error) {
	err := f.pass(ctx, "Usage")
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.used, true, err
}

func (f *fakeEngine) Info(_ context.Context, name string) (engine.Instance, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.instances[name] == nil {
		return engine.Instance{}, engine.ErrNoInstance
	}
	return engine.Instance{Name: name, State: engine.StateRunning}, nil
}

// packFolder makes a folder of packs that the fake engine offers.
func packFolder(t testing.TB, names ...string) string {
	t.Helper()
	folder := t.TempDir()
	for _, name := range names {
		if err := os.MkdirAll(filepath.Join(folder, name, "bin"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, name, "bin", "query"), []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}
