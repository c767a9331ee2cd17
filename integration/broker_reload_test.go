package integration

import (
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/servicepack/svp/integration/svptest"
)

// addPack writes a pack into a folder of packs.
func addPack(t *testing.T, folder string, files ...map[string]string) string {
	t.Helper()
	written := brokerPack(t, files...)
	path := filepath.Join(folder, filepath.Base(written))
	change(t, os.Rename(written, path))
	return path
}

// offered are the names in the catalog.
func (p *platform) offered(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, service := range p.catalog(t) {
		names = append(names, service.Name)
	}
	slices.Sort(names)
	return names
}

// Section "Catalog Management": a catalog changes while the broker runs, and no id
// of what stays changes. A broken pack is left out, and shown.
func TestBrokerReload(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	one, broken := addPack(t, folder, brokerTiny), addPack(t, folder, brokerBroken)
	options := svptest.BrokerOptions{Packs: []string{folder}, Store: filepath.Join(t.TempDir(), "broker.db")}
	p := startPlatform(t, options)
	if names := p.offered(t); !slices.Equal(names, []string{filepath.Base(one)}) {
		t.Errorf("offered: %v", names)
	}
	if !strings.Contains(p.Stderr(), filepath.Base(broken)) {
		t.Error("the log does not tell of the broken pack")
	}
	t.Run("check", func(t *testing.T) { testBrokerCheck(t, folder, one, broken) })
	before := p.service(t, one)
	id := p.instance(t, before, "small")

	// By a signal, and by itself.
	two := addPack(t, folder, brokerRigid)
	p.Signal(syscall.SIGHUP)
	eventually(t, startDeadline, "the catalog has the second pack", func() bool { return slices.Contains(p.offered(t), filepath.Base(two)) })
	files := maps.Clone(brokerTiny)
	change(t, os.WriteFile(filepath.Join(one, "servicepack.yaml"), []byte(strings.Replace(files["servicepack.yaml"], "1.2.3", "1.3.0", 1)), 0o600))
	eventually(t, startDeadline, "the catalog has the new version", func() bool {
		for _, service := range p.catalog(t) {
			if service.Name == before.Name && service.Plans[0].MaintenanceInfo.Version == "1.3.0" {
				if service.ID != before.ID || service.Plans[0].ID != before.Plans[0].ID {
					t.Fatalf("the ids have changed: %+v", service)
				}
				return true
			}
		}
		return false
	})
	path := instancePath(id)
	update := fields{"service_id": before.ID, "maintenance_info": fields{"version": "1.2.3"}}
	refused(t, p.patch(t, path, update), http.StatusUnprocessableEntity, "MaintenanceInfoConflict")
	// The instance stays what it was made from, and nobody is told otherwise.
	refused(t, p.patch(t, path, update.with(fields{"maintenance_info": fields{"version": "1.3.0"}})), http.StatusUnprocessableEntity, "")

	// A pack that gets broken is offered no more; what was made of it stays, can be
	// unbound, and removed.
	binding, _ := p.bind(t, before, "small", id)
	change(t, os.Rename(one, filepath.Join(t.TempDir(), filepath.Base(one))))
	eventually(t, startDeadline, "the first pack is gone from the catalog", func() bool { return !slices.Contains(p.offered(t), filepath.Base(one)) })
	p.put(t, instancePath(newName(t)), before.provisionBody(t, "small")).Require(t, http.StatusBadRequest)
	p.get(t, path).Require(t, http.StatusOK)
	p.delete(t, bindingPath(id, binding), before.ids(t, "small")).Require(t, http.StatusOK)
	p.delete(t, path, before.ids(t, "small")).Require(t, http.StatusOK)

	// Ids are the same after a restart.
	rigid := p.catalog(t)[0]
	p.Stop().Require(t, 0)
	p = startPlatform(t, options)
	if again := p.service(t, two); again.ID != rigid.ID || again.Plans[0].ID != rigid.Plans[0].ID {
		t.Errorf("the ids have changed from %+v to %+v", rigid, again)
	}
}

// testBrokerCheck shows what would be offered without a broker.
func testBrokerCheck(t *testing.T, folder, good, broken string) {
	result := svp(t, "broker", "check", "--packs", folder, "--json").Require(t, 3)
	var checked struct {
		Services []struct{ Name string }
		Broken   []struct{ Path, Error string }
	}
	if err := json.Unmarshal([]byte(result.Stdout), &checked); err != nil {
		t.Fatalf("%v: %s", err, result)
	}
	if len(checked.Services) != 1 || checked.Services[0].Name != filepath.Base(good) || len(checked.Broken) != 1 ||
		filepath.Base(checked.Broken[0].Path) != filepath.Base(broken) || checked.Broken[0].Error == "" {
		t.Errorf("checked: %s", result)
	}
	table := svp(t, "broker", "check", "--packs", folder).Require(t, 3)
	for _, want := range []string{filepath.Base(good), filepath.Base(broken), "left out"} {
		if !strings.Contains(table.Stdout, want) {
			t.Errorf("the table lacks %q: %s", want, table)
		}
	}
	svp(t, "broker", "check", "--packs", good).Require(t, 0)
}

// Sections "Input Parameters Schema Object", "Service Offering Object" and "Service
// Plan Object": a pack with which the catalog would be invalid is left out.
func TestBrokerLeftOut(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	yaml := func(text string) map[string]string { return map[string]string{"servicepack.yaml": text} }
	const id = "0b4c2c4e-2d1c-4f5e-9a55-3a1c5d0f7e11"
	left := map[string]string{}
	for what, text := range map[string]string{
		"an external reference":  "schemas: {instance_create: {$ref: \"http://example.com/schema.json\"}}\n",
		"a schema that is none":  "schemas: {instance_create: {type: nothing}}\n",
		"a schema of 64 kB":      "schemas: {instance_create: {description: \"" + strings.Repeat("x", 66_000) + "\"}}\n",
		"plans of one name":      "plans: [{name: one}, {name: one}]\n",
		"a plan of another's id": "plans: [{name: one, id: " + id + "}, {name: two, id: " + id + "}]\n",
		"an unknown permission":  "requires: [everything]\n",
	} {
		left[filepath.Base(addPack(t, folder, yaml(text)))] = what
	}
	first, second := addPack(t, folder, yaml("id: "+id+"\n")), addPack(t, folder, yaml("id: "+id+"\n"))
	result := svp(t, "broker", "check", "--packs", folder, "--json").Require(t, 3)
	var checked struct {
		Services []struct{ Name string }
		Broken   []struct{ Path, Error string }
	}
	if err := json.Unmarshal([]byte(result.Stdout), &checked); err != nil {
		t.Fatalf("%v: %s", err, result)
	}
	if len(checked.Services) != 1 || checked.Services[0].Name != filepath.Base(first) && checked.Services[0].Name != filepath.Base(second) {
		t.Errorf("of two services with one id, these are offered: %v", checked.Services)
	}
	for _, broken := range checked.Broken {
		delete(left, filepath.Base(broken.Path))
		if broken.Error == "" {
			t.Errorf("it is not told what is wrong with %s", broken.Path)
		}
	}
	for _, what := range left {
		t.Errorf("a pack with %s is offered: %s", what, result)
	}
}

// Every reference pack is offered.
func TestBrokerReferencePacks(t *testing.T) {
	t.Parallel()
	queries, err := filepath.Glob("../packs/*/bin/query")
	change(t, err)
	result := svp(t, "broker", "check", "--packs", "../packs", "--json").Require(t, 0)
	var checked struct {
		Services []struct {
			Name  string
			Plans []string
		}
	}
	if err := json.Unmarshal([]byte(result.Stdout), &checked); err != nil {
		t.Fatalf("%v: %s", err, result)
	}
	if len(checked.Services) != len(queries) || len(queries) == 0 {
		t.Errorf("%d packs, and these services: %s", len(queries), result)
	}
	for _, service := range checked.Services {
		if len(service.Plans) == 0 {
			t.Errorf("service %s has no plan", service.Name)
		}
	}
}
