package integration

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/servicepack/svp/integration/svptest"
)

// Sections "Synchronous Operations", "Provisioning" and "Fetching a Service
// Instance": 201 when it is there, and then it can be fetched.
func testProvisionSynchronously(t *testing.T, p *platform, packs osbPacks) {
	service, id := p.service(t, packs.tiny), newName(t)
	body := service.provisionBody(t, "small").with(fields{
		"parameters": fields{"color": "red", "level": 3}, "x-vendor-extension": fields{"a": 1}, // unknown fields are ignored
		"maintenance_info": fields{"version": "1.2.3", "description": "of no matter"},
	})
	answer := p.put(t, instancePath(id), body).Require(t, http.StatusCreated)
	if operation, sent := answer.Fields(t)["operation"]; sent && operation != nil {
		t.Errorf("an operation although all is done: %s", answer)
	}
	fetched := p.Do(t, svptest.Request{
		Method: http.MethodGet, Path: instancePath(id), Query: service.ids(t, "small"),
	}).Require(t, http.StatusOK)
	told := fetched.Fields(t)
	parameters, _ := told["parameters"].(map[string]any)
	if told["service_id"] != service.ID || told["plan_id"] != service.plan(t, "small") || parameters["color"] != "red" || parameters["level"] != 3.0 {
		t.Errorf("the instance that was made: %s", fetched)
	}
	if info, sent := told["maintenance_info"].(map[string]any); sent && info["version"] != "1.2.3" {
		t.Errorf("the instance's version: %s", fetched)
	}
	if state, _ := lastOperation(t, p.poll(t, instancePath(id), "")); state != succeeded {
		t.Errorf("the last operation is %s", state)
	}
	p.delete(t, instancePath(id), service.ids(t, "small")).Require(t, http.StatusOK)
}

// Sections "Asynchronous Operations", "Polling Last Operation for Service
// Instances", "Blocking Operations" and "Fetching a Service Instance": what a
// broker answers while it is provisioning.
func testProvisionAsynchronously(t *testing.T, p *platform, packs osbPacks) {
	service, id := p.service(t, packs.tiny), newName(t)
	held, release := hold(t, packs.tiny)
	body, path := service.provisionBody(t, "small").with(held), instancePath(id)
	first := p.async(t, http.MethodPut, path, nil, body)
	task := operation(t, first)
	for _, field := range []string{"credentials", "parameters"} {
		if _, sent := first.Fields(t)[field]; sent {
			t.Errorf("%s before it is there: %s", field, first)
		}
	}
	described := map[string]bool{}
	eventually(t, startDeadline, "a description of the step", func() bool {
		state, description := lastOperation(t, p.poll(t, path, task))
		if state != inProgress {
			t.Fatalf("an instance that is held back is %s: %s", state, description)
		}
		described[description] = true
		return strings.Contains(strings.ToLower(description), "ready")
	})
	// The same again, in another order: 202 with the same operation.
	if again := operation(t, p.async(t, http.MethodPut, path, nil, body.with(fields{"unknown": true}))); again != task {
		t.Errorf("asked again, it is operation %s and was %s", again, task)
	}
	// Other attributes: 409, also of a client that waits.
	refused(t, p.async(t, http.MethodPut, path, nil, body.with(fields{"plan_id": service.plan(t, "large")})), http.StatusConflict, "")
	refused(t, p.put(t, path, body.with(fields{"parameters": fields{"color": "blue"}})), http.StatusConflict, "")
	// Not to be fetched, bound or changed yet.
	p.get(t, path).Require(t, http.StatusNotFound)
	refused(t, p.async(t, http.MethodPut, bindingPath(id, "b"), nil, service.bindBody(t, "small")), http.StatusUnprocessableEntity, "ConcurrencyError")
	refused(t, p.async(t, http.MethodPatch, path, nil, fields{"service_id": service.ID, "plan_id": service.plan(t, "large")}),
		http.StatusUnprocessableEntity, "ConcurrencyError")
	p.poll(t, path, "another-operation").Require(t, http.StatusBadRequest, http.StatusNotFound)
	// One who waits gets the end of the same operation.
	var waiting sync.WaitGroup
	waiting.Go(func() { p.put(t, path, body).Require(t, http.StatusCreated, http.StatusOK) })
	release()
	if state, description := p.await(t, path, task); state != succeeded {
		t.Fatalf("the instance is %s: %s", state, description)
	}
	// At once, and as long as a platform may ask.
	p.get(t, path).Require(t, http.StatusOK)
	waiting.Wait()
	for _, polled := range []string{task, ""} {
		if state, _ := lastOperation(t, p.poll(t, path, polled)); state != succeeded {
			t.Errorf("operation %q, asked for again, is %s", polled, state)
		}
	}
	// The ids are hints: those of the plan are taken as well.
	p.Do(t, svptest.Request{
		Method: http.MethodGet, Path: path + "/last_operation", Query: url.Values{
			"operation": {task}, "service_id": {service.ID}, "plan_id": {service.plan(t, "small")},
		},
	}).Require(t, http.StatusOK)
	task = operation(t, p.async(t, http.MethodDelete, path, service.ids(t, "small"), nil))
	if state, description := p.await(t, path, task); state != succeeded {
		t.Errorf("the deprovisioning is %s: %s", state, description)
	}
}

// Section "Provisioning", status codes 200 and 409: the same again is 200 and
// makes nothing; with other attributes it is 409.
func testProvisionAgain(t *testing.T, p *platform, packs osbPacks) {
	service := p.service(t, packs.tiny)
	body := service.provisionBody(t, "small").with(fields{"parameters": fields{"color": "red", "level": 1}})
	id := newName(t)
	path := instancePath(id)
	p.put(t, path, body).Require(t, http.StatusCreated)
	p.put(t, path, body).Require(t, http.StatusOK)
	p.async(t, http.MethodPut, path, nil, body).Require(t, http.StatusOK)
	p.put(t, path, fmt.Sprintf(`{"space_guid":"space-1", "parameters":{"level":1.0,"color":"\u0072ed"},"plan_id":%q,"organization_guid":"org-1",
		"context":{"platform":"cloudfoundry"},"service_id":%q}`, service.plan(t, "small"), service.ID)).Require(t, http.StatusOK)
	other := p.service(t, packs.rigid)
	for what, changed := range map[string]fields{
		"plan":         {"plan_id": service.plan(t, "large")},
		"service":      {"service_id": other.ID, "plan_id": other.plan(t, "one")},
		"parameter":    {"parameters": fields{"color": "red", "level": 2}},
		"type":         {"parameters": fields{"color": "red", "level": 1, "more": "1"}},
		"parameters":   {"parameters": fields{}},
		"organization": {"organization_guid": "org-2"},
		"space":        {"space_guid": "space-2"},
	} {
		if answer := p.put(t, path, body.with(changed)); answer.Status != http.StatusConflict {
			t.Errorf("with another %s: %s", what, answer)
		}
	}
	refused(t, p.put(t, path, body.without("parameters")), http.StatusConflict, "")
	p.get(t, path).Require(t, http.StatusOK)
	p.delete(t, path, service.ids(t, "small")).Require(t, http.StatusOK)
	// The id is free again.
	p.put(t, path, body.without("parameters")).Require(t, http.StatusCreated)
	p.put(t, path, body.with(fields{"parameters": fields{}})).Require(t, http.StatusOK)
	p.delete(t, path, service.ids(t, "small")).Require(t, http.StatusOK)
}

// Section "Provisioning", status codes 400 and 422, and "Error Codes": what is
// refused makes nothing.
func testProvisionRefused(t *testing.T, p *platform, packs osbPacks) {
	service, other, id := p.service(t, packs.tiny), p.service(t, packs.rigid), newName(t)
	body, path := service.provisionBody(t, "small"), instancePath(id)
	for _, field := range []string{"service_id", "plan_id", "organization_guid", "space_guid"} {
		for what, bad := range map[string]fields{
			"missing": body.without(field), "null": body.with(fields{field: nil}), "a number": body.with(fields{field: 7}),
			"an object": body.with(fields{field: fields{}}), "empty": body.with(fields{field: ""}),
		} {
			if description := refused(t, p.put(t, path, bad), http.StatusBadRequest, ""); !strings.Contains(description, field) {
				t.Errorf("%s is %s, and the refusal does not say so: %s", field, what, description)
			}
		}
	}
	for what, changed := range map[string]fields{
		"an unknown service":      {"service_id": "none"},
		"an unknown plan":         {"plan_id": "none"},
		"another service's plan":  {"plan_id": other.plan(t, "one")},
		"ids in another case":     {"service_id": strings.ToUpper(service.ID)},
		"parameters in a list":    {"parameters": []string{}},
		"parameters as text":      {"parameters": "{}"},
		"context as text":         {"context": "x"},
		"a parameter's type":      {"parameters": fields{"color": 7}},
		"a parameter's range":     {"parameters": fields{"level": -1}},
		"a parameter's name":      {"parameters": fields{"a b": "1"}},
		"a parameter's lines":     {"parameters": fields{"note": "a\nb"}},
		"a parameter's length":    {"parameters": fields{"note": strings.Repeat("x", 500_000)}},
		"a parameter's bytes":     {"parameters": fields{"note": "a\x00b"}},
		"a parameter given twice": {"parameters": fields{"note": "a", "NOTE": "b"}},
		"maintenance as text":     {"maintenance_info": "1.2.3"},
		"maintenance of no value": {"maintenance_info": fields{"version": nil}},
	} {
		if answer := p.put(t, path, body.with(changed)); answer.Status != http.StatusBadRequest {
			t.Errorf("%s: %s", what, answer)
		}
	}
	for _, version := range []string{"1.2.4", "1.2.3+build", "v1.2.3"} {
		for _, accepts := range []string{"true", "false"} {
			answer := p.Do(t, svptest.Request{
				Method: http.MethodPut, Path: path, Query: url.Values{"accepts_incomplete": {accepts}},
				Body: body.with(fields{"maintenance_info": fields{"version": version}}),
			})
			refused(t, answer, http.StatusUnprocessableEntity, "MaintenanceInfoConflict")
		}
	}
	p.Do(t, svptest.Request{
		Method: http.MethodPut, Path: path, Query: url.Values{"accepts_incomplete": {"maybe"}}, Body: body,
	}).Require(t, http.StatusBadRequest)
	p.nothingMade(t, service, "small", id)
}

// Sections "Polling Last Operation for Service Instances" and "Orphan Mitigation":
// a provision that fails says so, to both kinds of clients, tells no secret, and
// leaves nothing; the platform's DELETE finds nothing to be done.
func testProvisionFailed(t *testing.T, p *platform, _ osbPacks) {
	// A pack of its own, so that what is left behind can be told apart.
	pack := brokerPack(t, brokerTiny)
	own := startPlatform(t, svptest.BrokerOptions{Packs: []string{pack}})
	service, id := own.service(t, pack), newName(t)
	body, path := service.provisionBody(t, "small").with(fields{"parameters": fields{"fail": "setup"}}), instancePath(id)
	task := operation(t, own.async(t, http.MethodPut, path, nil, body))
	state, description := own.await(t, path, task)
	if state != failed || description == "" {
		t.Errorf("a provision that fails is %s: %q", state, description)
	}
	answer := own.poll(t, path, task)
	if again, _ := lastOperation(t, answer); again != failed {
		t.Errorf("asked for again, it is %s", again)
	}
	for _, field := range []string{"instance_usable", "update_repeatable"} {
		if _, sent := answer.Fields(t)[field]; sent {
			t.Errorf("%s of an instance that was not made: %s", field, answer)
		}
	}
	own.get(t, path).Require(t, http.StatusNotFound)
	onlyBase(t, pack)
	own.delete(t, path, service.ids(t, "small")).Require(t, http.StatusOK, http.StatusGone)
	own.delete(t, path, service.ids(t, "small")).Require(t, http.StatusGone)

	answer, err := own.TryDo(t.Context(), svptest.Request{Method: http.MethodPut, Path: path, Body: body})
	if err != nil || answer.Status != http.StatusInternalServerError {
		t.Fatalf("a client that waits is not told that it failed: %v, %s", err, answer)
	}
	if answer.Fields(t)["description"] == "" {
		t.Errorf("it is not told why: %s", answer)
	}
	own.delete(t, path, service.ids(t, "small")).Require(t, http.StatusOK, http.StatusGone)
	onlyBase(t, pack)
	// The id can be used once more.
	own.put(t, path, body.without("parameters")).Require(t, http.StatusCreated)
	own.delete(t, path, service.ids(t, "small")).Require(t, http.StatusOK)
	own.requireSilence(t)
}

// Section "Provisioning", status codes 202 and 409, of requests that come at the
// same moment: one instance is made.
func testProvisionAtOnce(t *testing.T, p *platform, packs osbPacks) {
	const clients = 8
	service, id := p.service(t, packs.tiny), newName(t)
	held, release := hold(t, packs.tiny)
	body, path := service.provisionBody(t, "small").with(held), instancePath(id)
	tasks := make([]string, clients)
	var group sync.WaitGroup
	for i := range clients {
		group.Go(func() { tasks[i] = operation(t, p.async(t, http.MethodPut, path, nil, body)) })
	}
	group.Wait()
	for _, task := range tasks[1:] {
		if task != tasks[0] {
			t.Errorf("the same request, at the same moment, has more than one operation: %v", tasks)
			break
		}
	}
	eventually(t, startDeadline, "that it waits to be ready", func() bool {
		_, description := lastOperation(t, p.poll(t, path, tasks[0]))
		return strings.Contains(strings.ToLower(description), "ready")
	})
	release()
	if state, description := p.await(t, path, tasks[0]); state != succeeded {
		t.Errorf("the instance is %s: %s", state, description)
	}
	p.delete(t, path, service.ids(t, "small")).Require(t, http.StatusOK)

	// Of two different requests one wins, and the other is refused.
	path = instancePath(newName(t))
	plans, statuses := []string{"small", "large"}, make([]int, clients)
	for i := range clients {
		group.Go(func() {
			statuses[i] = p.put(t, path, service.provisionBody(t, plans[i%2])).Require(t,
				http.StatusCreated, http.StatusOK, http.StatusConflict).Status
		})
	}
	group.Wait()
	if (statuses[0] == http.StatusConflict) == (statuses[1] == http.StatusConflict) {
		t.Errorf("of two different requests, not one has won: %v", statuses)
	}
	for i, status := range statuses {
		if (status == http.StatusConflict) != (statuses[i%2] == http.StatusConflict) {
			t.Errorf("the same request was answered differently: %v", statuses)
		}
	}
	winner := plans[0]
	if statuses[0] == http.StatusConflict {
		winner = plans[1]
	}
	p.delete(t, path, service.ids(t, winner)).Require(t, http.StatusOK)
}

// Clients of 2.4 and 2.5 wait for every answer, send fewer fields, and know no
// accepts_incomplete (release notes, 2.6 and 2.7).
func testOldClients(t *testing.T, p *platform, packs osbPacks) {
	service := p.service(t, packs.tiny)
	for _, version := range []string{"2.4", "2.5"} {
		id := newName(t)
		old := func(method, path string, query url.Values, body any) svptest.Answer {
			return p.Do(t, svptest.Request{Method: method, Path: path, Query: query, Body: body, Version: version})
		}
		body := fields{
			"service_id": service.ID, "plan_id": service.plan(t, "small"), "organization_guid": "org-1", "space_guid": "space-1",
		}
		old(http.MethodPut, instancePath(id), nil, body).Require(t, http.StatusCreated)
		old(http.MethodPut, instancePath(id), nil, body).Require(t, http.StatusOK)
		bind := fields{"service_id": service.ID, "plan_id": service.plan(t, "small"), "app_guid": "app-1"}
		bound := old(http.MethodPut, bindingPath(id, "b"), nil, bind).Require(t, http.StatusCreated)
		p.credentials(t, bound)
		old(http.MethodPut, bindingPath(id, "b"), nil, bind).Require(t, http.StatusOK)
		old(http.MethodDelete, bindingPath(id, "b"), service.ids(t, "small"), nil).Require(t, http.StatusOK)
		updated := old(http.MethodPatch, instancePath(id), nil, fields{"plan_id": service.plan(t, "large")}).Require(t, http.StatusOK)
		updated.Fields(t)
		if plan := p.get(t, instancePath(id)).Fields(t)["plan_id"]; plan != service.plan(t, "large") {
			t.Errorf("after a %s client's update the plan is %v", version, plan)
		}
		gone := old(http.MethodDelete, instancePath(id), service.ids(t, "large"), nil).Require(t, http.StatusOK)
		again := old(http.MethodDelete, instancePath(id), service.ids(t, "large"), nil).Require(t, http.StatusGone)
		if string(gone.Body) != "{}" || string(again.Body) != "{}" {
			t.Errorf("deleted: %s, again: %s", gone.Body, again.Body)
		}
	}
}

// Section "Orphan Mitigation": a client that does not wait for the answer finds the
// operation under way, and can ask again.
func testClientGone(t *testing.T, p *platform, packs osbPacks) {
	service := p.service(t, packs.tiny)
	path := instancePath(newName(t))
	held, release := hold(t, packs.tiny)
	body := service.provisionBody(t, "small").with(held)
	impatient, leave := context.WithCancel(t.Context())
	left := make(chan error, 1)
	go func() {
		_, err := p.TryDo(impatient, svptest.Request{Method: http.MethodPut, Path: path, Body: body})
		left <- err
	}()
	eventually(t, startDeadline, "that it waits to be ready", func() bool {
		answer := p.poll(t, path, "")
		if answer.Status == http.StatusNotFound {
			return false
		}
		_, description := lastOperation(t, answer)
		return strings.Contains(strings.ToLower(description), "ready")
	})
	leave()
	if err := <-left; err == nil {
		t.Error("the client got an answer to what is held back")
	}
	if state, description := lastOperation(t, p.poll(t, path, "")); state != inProgress {
		t.Errorf("without its client, it is %s: %s", state, description)
	}
	release()
	p.put(t, path, body).Require(t, http.StatusOK, http.StatusCreated)
	p.delete(t, path, service.ids(t, "small")).Require(t, http.StatusOK)
}
