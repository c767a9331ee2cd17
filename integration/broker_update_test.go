package integration

import (
	"net/http"
	"strings"
	"testing"

	"github.com/servicepack/svp/integration/svptest"
)

// Section "Updating a Service Instance": a change of the plan; without plan_id the
// plan stays. What is stored, and the credentials, stay too.
func testUpdatePlan(t *testing.T, p *platform, packs osbPacks) {
	service := p.service(t, packs.tiny)
	id := p.instance(t, service, "small", fields{"parameters": fields{"color": "red"}})
	_, credentials := p.bind(t, service, "small", id)
	inside(t, credentials, "echo kept >/srv/data/file")
	path := instancePath(id)
	change := fields{
		"service_id": service.ID, "plan_id": service.plan(t, "large"), "previous_values": fields{"plan_id": service.plan(t, "small")},
		"maintenance_info": fields{"version": "1.2.3"}, "unknown": true,
	}
	p.patch(t, path, change).Require(t, http.StatusOK)
	fetched := p.get(t, path).Require(t, http.StatusOK)
	told := fetched.Fields(t)
	if parameters, _ := told["parameters"].(map[string]any); told["plan_id"] != service.plan(t, "large") || parameters["color"] != "red" {
		t.Errorf("after the change of the plan: %s", fetched)
	}
	if kept := inside(t, credentials, "cat /srv/data/file"); kept != "kept\n" {
		t.Errorf("what was stored is now %q", kept)
	}
	// Once more has no effect, and neither has nothing.
	p.patch(t, path, change).Require(t, http.StatusOK)
	p.patch(t, path, fields{"service_id": service.ID}).Require(t, http.StatusOK)
	p.patch(t, path, fields{"service_id": service.ID, "context": fields{"platform": "x", "instance_name": "new"}}).Require(t, http.StatusOK)
	if plan := p.get(t, path).Fields(t)["plan_id"]; plan != service.plan(t, "large") {
		t.Errorf("a request without plan_id changed the plan to %v", plan)
	}
	// Provisioned again as it is now, it is there; as it was, it is not.
	body := service.provisionBody(t, "large").with(fields{"parameters": fields{"color": "red"}})
	p.put(t, path, body).Require(t, http.StatusOK)
	refused(t, p.put(t, path, body.with(fields{"plan_id": service.plan(t, "small")})), http.StatusConflict, "")
}

// Section "Updating a Service Instance": a change of the parameters; without the
// field they stay.
func testUpdateParameters(t *testing.T, p *platform, packs osbPacks) {
	service := p.service(t, packs.tiny)
	id := p.instance(t, service, "small", fields{"parameters": fields{"color": "red"}})
	path := instancePath(id)
	color := func() any {
		parameters, _ := p.get(t, path).Require(t, http.StatusOK).Fields(t)["parameters"].(map[string]any)
		return parameters["color"]
	}
	p.patch(t, path, fields{"service_id": service.ID, "parameters": fields{"color": "blue"}}).Require(t, http.StatusOK)
	if got := color(); got != "blue" {
		t.Errorf("after the change the color is %v", got)
	}
	p.patch(t, path, fields{"service_id": service.ID, "plan_id": service.plan(t, "large")}).Require(t, http.StatusOK)
	if got := color(); got != "blue" {
		t.Errorf("a request without parameters changed the color to %v", got)
	}
	_, credentials := p.bind(t, service, "large", id)
	if seen := inside(t, credentials, "echo $SVP_PLAN $PLAN_COLOR"); seen != "large blue\n" {
		t.Errorf("the pack's scripts see %q", seen)
	}
}

// Section "Updating a Service Instance", status codes 400 and 422: what is refused
// changes nothing.
func testUpdateRefused(t *testing.T, p *platform, packs osbPacks) {
	service, rigid := p.service(t, packs.tiny), p.service(t, packs.rigid)
	id := p.instance(t, service, "small", fields{"parameters": fields{"color": "red"}})
	path := instancePath(id)
	large := fields{"service_id": service.ID, "plan_id": service.plan(t, "large")}
	for what, body := range map[string]fields{
		"no service_id":          large.without("service_id"),
		"service_id null":        large.with(fields{"service_id": nil}),
		"an unknown service":     large.with(fields{"service_id": "none"}),
		"another service":        large.with(fields{"service_id": rigid.ID}),
		"an unknown plan":        large.with(fields{"plan_id": "none"}),
		"another service's plan": large.with(fields{"plan_id": rigid.plan(t, "one")}),
		"a plan that is empty":   large.with(fields{"plan_id": ""}),
		"a plan of a wrong type": large.with(fields{"plan_id": 1}),
		"parameters as a list":   large.with(fields{"parameters": []int{1}}),
		"a parameter's type":     large.with(fields{"parameters": fields{"color": 7}}),
		"a parameter's name":     large.with(fields{"parameters": fields{"": "x"}}),
		"previous values a list": large.with(fields{"previous_values": []int{1}}),
	} {
		if answer := p.patch(t, path, body); answer.Status != http.StatusBadRequest {
			t.Errorf("%s: %s", what, answer)
		}
	}
	refused(t, p.patch(t, path, large.with(fields{"maintenance_info": fields{"version": "0.0.1"}})),
		http.StatusUnprocessableEntity, "MaintenanceInfoConflict")
	fetched := p.get(t, path).Require(t, http.StatusOK)
	if parameters, _ := fetched.Fields(t)["parameters"].(map[string]any); fetched.Fields(t)["plan_id"] != service.plan(t, "small") || parameters["color"] != "red" {
		t.Errorf("what was refused has changed the instance: %s", fetched)
	}
	// A plan that is not to be changed; and an instance that is not there.
	other := p.instance(t, rigid, "one")
	refused(t, p.patch(t, instancePath(other), fields{"service_id": rigid.ID, "plan_id": rigid.plan(t, "two")}), http.StatusUnprocessableEntity, "")
	p.patch(t, instancePath(other), fields{"service_id": rigid.ID, "plan_id": rigid.plan(t, "one")}).Require(t, http.StatusOK)
	p.patch(t, instancePath(newName(t)), large).Require(t, http.StatusBadRequest, http.StatusNotFound, http.StatusGone)
}

// Sections "Updating a Service Instance", status code 202, "Blocking Operations" and
// "Fetching a Service Instance", status code 422: what a broker answers while it is
// updating.
func testUpdateHeld(t *testing.T, p *platform, packs osbPacks) {
	service := p.service(t, packs.tiny)
	id := p.instance(t, service, "small")
	binding, credentials := p.bind(t, service, "small", id)
	path := instancePath(id)
	inside(t, credentials, "touch /srv/data/hold-ready")
	large := fields{"service_id": service.ID, "plan_id": service.plan(t, "large")}
	task := operation(t, p.async(t, http.MethodPatch, path, nil, large))
	eventually(t, startDeadline, "a description of the step", func() bool {
		state, description := lastOperation(t, p.poll(t, path, task))
		if state != inProgress {
			t.Fatalf("an update that is held back is %s: %s", state, description)
		}
		return strings.Contains(strings.ToLower(description), "ready")
	})
	if again := operation(t, p.async(t, http.MethodPatch, path, nil, large)); again != task {
		t.Errorf("asked again, it is operation %s and was %s", again, task)
	}
	const concurrency = "ConcurrencyError"
	refused(t, p.async(t, http.MethodPatch, path, nil, large.with(fields{"parameters": fields{"color": "x"}})), http.StatusUnprocessableEntity, concurrency)
	refused(t, p.async(t, http.MethodDelete, path, service.ids(t, "small"), nil), http.StatusUnprocessableEntity, concurrency)
	refused(t, p.async(t, http.MethodPut, bindingPath(id, "other"), nil, service.bindBody(t, "small")), http.StatusUnprocessableEntity, concurrency)
	refused(t, p.async(t, http.MethodDelete, bindingPath(id, binding), service.ids(t, "small"), nil), http.StatusUnprocessableEntity, concurrency)
	refused(t, p.get(t, path), http.StatusUnprocessableEntity, concurrency)
	inContainers(t, packs.tiny, "rm -f /srv/data/hold-ready")
	if state, description := p.await(t, path, task); state != succeeded {
		t.Fatalf("the update is %s: %s", state, description)
	}
	// The platform asks with the plan's id from before the update.
	p.Do(t, svptest.Request{
		Method: http.MethodGet, Path: path + "/last_operation", Query: service.ids(t, "small"),
	}).Require(t, http.StatusOK)
	if plan := p.get(t, path).Require(t, http.StatusOK).Fields(t)["plan_id"]; plan != service.plan(t, "large") {
		t.Errorf("after the update the plan is %v", plan)
	}
}

// Section "Updating a Service Instance", status code 422: "utilization is over the
// quota of the requested Service Plan".
func testUpdateUsage(t *testing.T, p *platform, packs osbPacks) {
	service := p.service(t, packs.tiny)
	id := p.instance(t, service, "large")
	_, credentials := p.bind(t, service, "large", id)
	small := fields{"service_id": service.ID, "plan_id": service.plan(t, "small")}
	inside(t, credentials, "echo 2000000 >/srv/data/usage")
	for _, accepts := range []string{"true", "false"} {
		answer := p.Do(t, svptest.Request{
			Method: http.MethodPatch, Path: instancePath(id), Query: map[string][]string{"accepts_incomplete": {accepts}}, Body: small,
		})
		refused(t, answer, http.StatusUnprocessableEntity, "")
	}
	if plan := p.get(t, instancePath(id)).Require(t, http.StatusOK).Fields(t)["plan_id"]; plan != service.plan(t, "large") {
		t.Errorf("after the refusal the plan is %v", plan)
	}
	inside(t, credentials, "echo 1000 >/srv/data/usage")
	p.patch(t, instancePath(id), small).Require(t, http.StatusOK)
}

// Section "Updating a Service Instance": after a failure nothing has changed, and
// the answer tells whether the instance can be used and the update repeated.
func testUpdateFailed(t *testing.T, p *platform, packs osbPacks) {
	service := p.service(t, packs.tiny)
	id := p.instance(t, service, "small", fields{"parameters": fields{"color": "red"}})
	_, credentials := p.bind(t, service, "small", id)
	inside(t, credentials, "echo kept >/srv/data/file")
	path := instancePath(id)
	bad := fields{"service_id": service.ID, "plan_id": service.plan(t, "large"), "parameters": fields{"fail": "run"}}
	check := func(told map[string]any) {
		t.Helper()
		if told["instance_usable"] != true {
			t.Errorf("an update that failed: %v", told)
		}
		if _, ok := told["update_repeatable"].(bool); !ok {
			t.Errorf("it is not told whether the update can be repeated: %v", told)
		}
		fetched := p.get(t, path).Require(t, http.StatusOK)
		if parameters, _ := fetched.Fields(t)["parameters"].(map[string]any); fetched.Fields(t)["plan_id"] != service.plan(t, "small") || parameters["color"] != "red" {
			t.Errorf("the update that failed has changed the instance: %s", fetched)
		}
		if seen := inside(t, credentials, "cat /srv/data/file; echo $SVP_PLAN $PLAN_COLOR"); seen != "kept\nsmall red\n" {
			t.Errorf("the update that failed has changed what the scripts see: %q", seen)
		}
	}
	task := operation(t, p.async(t, http.MethodPatch, path, nil, bad))
	if state, description := p.await(t, path, task); state != failed || description == "" {
		t.Errorf("an update that fails is %s: %q", state, description)
	}
	check(p.poll(t, path, task).Fields(t))
	answer, err := p.TryDo(t.Context(), svptest.Request{Method: http.MethodPatch, Path: path, Body: bad})
	if err != nil || answer.Status != http.StatusInternalServerError {
		t.Fatalf("a client that waits is not told that it failed: %v, %s", err, answer)
	}
	check(answer.Fields(t))
	p.patch(t, path, fields{"service_id": service.ID, "plan_id": service.plan(t, "large")}).Require(t, http.StatusOK)
}
