package integration

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	cliFriendly = regexp.MustCompile(`^[A-Za-z0-9.-]+$`)
	semantic    = regexp.MustCompile(`^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$`)
)

// Section "Catalog Management": what is required is there, ids and names are
// unique, a pack that is broken is left out.
func testCatalog(t *testing.T, p *platform, packs osbPacks) {
	raw := string(p.get(t, "/v2/catalog").Require(t, http.StatusOK).Body)
	if strings.Contains(raw, filepath.Base(packs.broken)) {
		t.Errorf("a broken pack is offered: %s", raw)
	}
	services := p.catalog(t)
	if len(services) != 3 {
		t.Errorf("%d services, want 3: %s", len(services), raw)
	}
	ids, names := map[string]bool{}, map[string]bool{}
	for _, service := range services {
		if !cliFriendly.MatchString(service.Name) || service.ID == "" || service.Description == "" || service.Bindable == nil || len(service.Plans) == 0 {
			t.Errorf("service %s lacks what is required: %+v", service.Name, service)
		}
		if ids[service.ID] || names[service.Name] {
			t.Errorf("the id or the name of service %s is taken", service.Name)
		}
		ids[service.ID], names[service.Name] = true, true
		planNames := map[string]bool{}
		for _, plan := range service.Plans {
			if !cliFriendly.MatchString(plan.Name) || plan.ID == "" || plan.Description == "" {
				t.Errorf("plan %s lacks what is required: %+v", plan.Name, plan)
			}
			if ids[plan.ID] || planNames[plan.Name] {
				t.Errorf("the id or the name of plan %s is taken", plan.Name)
			}
			ids[plan.ID], planNames[plan.Name] = true, true
			if info := plan.MaintenanceInfo; info != nil && !semantic.MatchString(info.Version) {
				t.Errorf("maintenance_info.version %q is no semantic version", info.Version)
			}
		}
	}
	t.Run("schemas", func(t *testing.T) { testSchemas(t, p.service(t, packs.tiny), p.service(t, packs.drain)) })
	t.Run("flags", func(t *testing.T) { testCatalogFlags(t, p, packs) })
}

// Sections "Schemas Object" and "Input Parameters Schema Object": $schema is there,
// no schema is larger than 64 kB or refers to others.
func testSchemas(t *testing.T, service, drain osbService) {
	// That of the log names no version of JSON Schema.
	requireSchema(t, drain.Plans[0].Schemas["service_binding"]["create"].Parameters)
	for _, plan := range service.Plans {
		if plan.Schemas == nil {
			t.Fatalf("plan %s has no schemas", plan.Name)
		}
		for _, place := range [][2]string{{"service_instance", "create"}, {"service_instance", "update"}, {"service_binding", "create"}} {
			requireSchema(t, plan.Schemas[place[0]][place[1]].Parameters)
		}
	}
}

func requireSchema(t *testing.T, text json.RawMessage) {
	t.Helper()
	var schema struct {
		Schema string `json:"$schema"`
	}
	if err := json.Unmarshal(text, &schema); err != nil || schema.Schema == "" || len(text) > 64_000 {
		t.Errorf("a schema: %v, %d bytes: %s", err, len(text), text)
	}
}

// Sections "Service Offering Object" and "Service Plan Object": what a pack says of
// itself is what the platform sees.
func testCatalogFlags(t *testing.T, p *platform, packs osbPacks) {
	tiny, rigid, drain := p.service(t, packs.tiny), p.service(t, packs.rigid), p.service(t, packs.drain)
	if !*tiny.Bindable || !tiny.InstancesRetrievable || !tiny.BindingsRetrievable || !tiny.PlanUpdateable ||
		!slices.Equal(tiny.Tags, []string{"tiny", "test"}) || tiny.Description != "A service for tests" || tiny.Metadata["displayName"] != "Tiny" {
		t.Errorf("the tiny service: %+v", tiny)
	}
	small, large := tiny.Plans[0], tiny.Plans[1]
	if small.Name != "small" || small.Free != nil && !*small.Free || large.Free == nil || *large.Free || !small.BindingRotatable ||
		small.MaintenanceInfo == nil || small.MaintenanceInfo.Version != "1.2.3" {
		t.Errorf("the tiny service's plans: %+v, %+v", small, large)
	}
	if *rigid.Bindable || rigid.PlanUpdateable || rigid.Plans[0].BindingRotatable ||
		rigid.Plans[0].PlanUpdateable != nil && *rigid.Plans[0].PlanUpdateable || rigid.Plans[0].Bindable != nil && *rigid.Plans[0].Bindable {
		t.Errorf("the service that is not to be bound: %+v", rigid)
	}
	if !slices.Equal(drain.Requires, []string{"syslog_drain"}) || len(tiny.Requires) > 0 {
		t.Errorf("permissions: %v of the log, %v of the other", drain.Requires, tiny.Requires)
	}
}
