package engine

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/servicepack/svp/engine/driver"
)

// offline is an engine that needs no host.
func offline(t *testing.T, config Config) *Engine {
	t.Helper()
	config.Connect = func(context.Context) (driver.Driver, error) { return nil, driver.ErrUnavailable }
	e, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestOffer(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "shop")
	writePack(t, folder)
	manifest := `id: the-id
version: 1.2.0
tags: [sql]
bindable: false
requires: [syslog_drain]
plans:
- {name: small, id: small-id, description: Small, free: true, limits: {memory: 64m, cpus: 0.5, storage: 1g}, parameters: {size: 1}}
- {name: large, limits: {shm: 1m}}
catalog: {display_name: Shop, support_url: https://example.org/}
schemas: {binding_create: {type: object}}
`
	if err := os.WriteFile(filepath.Join(folder, "servicepack.yaml"), []byte(manifest), 0o600); err != nil {
		t.Fatal(err)
	}
	e := offline(t, Config{})
	offer, err := e.Offer(t.Context(), folder)
	if err != nil {
		t.Fatal(err)
	}
	info, err := e.InspectPack(t.Context(), folder)
	if err != nil {
		t.Fatal(err)
	}
	yes := true
	want := Offer{
		Pack: info, ID: "the-id", Bindable: false, PlanUpdateable: true, Requires: []string{"syslog_drain"},
		Plans: []OfferedPlan{
			{
				ID: "small-id", Name: "small", Description: "Small", Free: &yes, MemoryBytes: 64 << 20, CPUs: 0.5,
				StorageBytes: 1 << 30, Parameters: map[string]string{"size": "1"},
			},
			{Name: "large", ShmBytes: 1 << 20},
		},
		Catalog: OfferMetadata{DisplayName: "Shop", SupportURL: "https://example.org/"},
		Schemas: OfferSchemas{BindingCreate: json.RawMessage(`{"type":"object"}`)},
	}
	if diff := cmp.Diff(want, offer); diff != "" {
		t.Errorf("the offer differs (-want +got):\n%s", diff)
	}
}

func TestOfferOfABrokenPackIsItsFault(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "shop")
	writePack(t, folder)
	if err := os.WriteFile(filepath.Join(folder, "servicepack.yaml"), []byte("requires: [root]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := offline(t, Config{}).Offer(t.Context(), folder)
	var failed *Error
	if !errors.As(err, &failed) || failed.Kind != InvalidPack {
		t.Errorf("the error is %v", err)
	}
	// Where the queries cannot be isolated, nobody knows.
	good := filepath.Join(t.TempDir(), "good")
	writePack(t, good)
	_, err = offline(t, Config{IsolateQueries: true}).Offer(t.Context(), good)
	if !errors.As(err, &failed) || failed.Kind != NoHost || !errors.Is(err, driver.ErrUnavailable) {
		t.Errorf("the error is %v", err)
	}
}

func TestOfferedPacks(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{"b", "a", "c/deeper"} {
		writePack(t, filepath.Join(folder, name))
	}
	if err := os.WriteFile(filepath.Join(folder, "README.md"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	e := offline(t, Config{Locator: &fakeLocator{}})
	for given, want := range map[string][]string{
		"a:package:1":                  {"a:package:1"},
		folder:                         {filepath.Join(folder, "a"), filepath.Join(folder, "b")},
		filepath.Join(folder, "b"):     {filepath.Join(folder, "b")},
		filepath.Join(folder, "c"):     {filepath.Join(folder, "c", "deeper")},
		filepath.Join(folder, "b/bin"): {},
	} {
		got, err := e.OfferedPacks(given)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", given, err, diff)
		}
	}
	_, err := e.OfferedPacks(filepath.Join(folder, "d"))
	var failed *Error
	if !errors.As(err, &failed) || failed.Kind != NotFound || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the error is %v", err)
	}
}
