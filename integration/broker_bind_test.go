package integration

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/servicepack/svp/integration/svptest"
)

// Sections "Binding", "Credentials", "Endpoint Object" and "Fetching a Service
// Binding": 201 with credentials of its own and the endpoints; the same again 200
// with the same ones; with other parameters 409.
func testBind(t *testing.T, p *platform, packs osbPacks) {
	service := p.service(t, packs.tiny)
	instance := p.instance(t, service, "small")
	body := service.bindBody(t, "small").with(fields{"parameters": fields{"note": "x"}, "unknown": []int{1}})
	one, two := newName(t), newName(t)
	path := bindingPath(instance, one)
	first := p.put(t, path, body).Require(t, http.StatusCreated)
	credentials := p.credentials(t, first)
	if uri := fmt.Sprint(credentials["uri"]); uri != credentials["URL"] || credentials["password"] != credentials["TOKEN"] || credentials["port"] == nil {
		t.Errorf("the credentials lack the conventional entries: %v", slices.Sorted(keysOf(credentials)))
	}
	requireEndpoint(t, first, credentials)
	if inside(t, credentials, "cat /srv/data/user-*") != credentials["TOKEN"] {
		t.Error("the credentials are not those that the pack made")
	}

	again := p.put(t, path, body).Require(t, http.StatusOK)
	if diff := cmp.Diff(credentials, p.credentials(t, again)); diff != "" {
		t.Errorf("the same again has other credentials: %d differences", strings.Count(diff, "\n"))
	}
	p.async(t, http.MethodPut, path, nil, body).Require(t, http.StatusOK)
	fetched := p.get(t, path).Require(t, http.StatusOK)
	if diff := cmp.Diff(credentials, p.credentials(t, fetched)); diff != "" {
		t.Errorf("fetched, it has other credentials: %d differences", strings.Count(diff, "\n"))
	}
	requireEndpoint(t, fetched, credentials)
	if parameters, sent := fetched.Fields(t)["parameters"].(map[string]any); sent && parameters["note"] != "x" {
		t.Errorf("fetched, it has other parameters: %v", parameters)
	}
	if state, _ := lastOperation(t, p.poll(t, path, "")); state != succeeded {
		t.Errorf("the last operation is %s", state)
	}
	for what, changed := range map[string]fields{
		"parameters":  {"parameters": fields{"note": "y"}},
		"application": {"bind_resource": fields{"app_guid": "app-2"}},
	} {
		if answer := p.put(t, path, body.with(changed)); answer.Status != http.StatusConflict {
			t.Errorf("with another %s: %s", what, answer)
		}
	}

	second := p.put(t, bindingPath(instance, two), body).Require(t, http.StatusCreated)
	if p.credentials(t, second)["TOKEN"] == credentials["TOKEN"] {
		t.Error("two bindings have the same credentials")
	}
	// The application need not be named.
	p.put(t, bindingPath(instance, newName(t)), body.without("bind_resource")).Require(t, http.StatusCreated)
}

// requireEndpoint checks that the endpoints hold that of the credentials.
func requireEndpoint(t *testing.T, answer svptest.Answer, credentials map[string]any) {
	t.Helper()
	endpoints, _ := answer.Fields(t)["endpoints"].([]any)
	want := map[string]any{"host": credentials["host"], "ports": []any{credentials["port"]}}
	for _, endpoint := range endpoints {
		got, _ := endpoint.(map[string]any)
		if protocol := got["protocol"]; protocol == nil || protocol == "tcp" {
			delete(got, "protocol")
			if cmp.Equal(want, got) {
				return
			}
		}
	}
	t.Errorf("the endpoints are %v, want %v", endpoints, want)
}

// keysOf are the names, which are no secret.
func keysOf(credentials map[string]any) func(func(string) bool) {
	return func(yield func(string) bool) {
		for name := range credentials {
			if !yield(name) {
				return
			}
		}
	}
}

// Sections "Binding", status code 202, "Polling Last Operation for Service Bindings"
// and "Blocking Operations": what a broker answers while it is binding, and
// unbinding.
func testBindAsynchronously(t *testing.T, p *platform, packs osbPacks) {
	service := p.service(t, packs.tiny)
	instance := p.instance(t, service, "small")
	_, credentials := p.bind(t, service, "small", instance)
	binding := newName(t)
	body, path := service.bindBody(t, "small"), bindingPath(instance, binding)
	inside(t, credentials, "touch /srv/data/hold-bind")
	first := p.async(t, http.MethodPut, path, nil, body)
	task := operation(t, first)
	if _, sent := first.Fields(t)["credentials"]; sent {
		t.Error("credentials in an answer 202")
	}
	if state, _ := lastOperation(t, p.poll(t, path, task)); state != inProgress {
		t.Errorf("a binding that is held back is %s", state)
	}
	if again := operation(t, p.async(t, http.MethodPut, path, nil, body)); again != task {
		t.Errorf("asked again, it is operation %s and was %s", again, task)
	}
	refused(t, p.async(t, http.MethodPut, path, nil, body.with(fields{"parameters": fields{"note": "y"}})), http.StatusConflict, "")
	p.get(t, path).Require(t, http.StatusNotFound)
	// It can have no successor yet.
	p.async(t, http.MethodPut, bindingPath(instance, newName(t)), nil, fields{"predecessor_binding_id": binding}).Require(t,
		http.StatusBadRequest, http.StatusUnprocessableEntity)
	const concurrency = "ConcurrencyError"
	refused(t, p.async(t, http.MethodPatch, instancePath(instance), nil,
		fields{"service_id": service.ID, "plan_id": service.plan(t, "large")}), http.StatusUnprocessableEntity, concurrency)
	refused(t, p.async(t, http.MethodDelete, instancePath(instance), service.ids(t, "small"), nil), http.StatusUnprocessableEntity, concurrency)
	refused(t, p.async(t, http.MethodDelete, path, service.ids(t, "small"), nil), http.StatusUnprocessableEntity, concurrency)
	inside(t, credentials, "rm /srv/data/hold-bind")
	if state, description := p.await(t, path, task); state != succeeded {
		t.Fatalf("the binding is %s: %s", state, description)
	}
	p.credentials(t, p.get(t, path).Require(t, http.StatusOK))

	inside(t, credentials, "touch /srv/data/hold-unbind")
	task = operation(t, p.async(t, http.MethodDelete, path, service.ids(t, "small"), nil))
	if again := operation(t, p.async(t, http.MethodDelete, path, service.ids(t, "small"), nil)); again != task {
		t.Errorf("deleted again, it is operation %s and was %s", again, task)
	}
	refused(t, p.async(t, http.MethodPut, path, nil, body), http.StatusUnprocessableEntity, concurrency)
	inside(t, credentials, "rm /srv/data/hold-unbind")
	if state, description := p.await(t, path, task); state != succeeded {
		t.Fatalf("the unbinding is %s: %s", state, description)
	}
	// A platform that asks again is told that it succeeded, or that it is gone.
	p.poll(t, path, task).Require(t, http.StatusOK, http.StatusGone)
	p.get(t, path).Require(t, http.StatusNotFound)
	p.delete(t, path, service.ids(t, "small")).Require(t, http.StatusGone)
}

// Section "Binding", status codes 400 and 422: what is refused makes nothing.
func testBindRefused(t *testing.T, p *platform, packs osbPacks) {
	service, rigid := p.service(t, packs.tiny), p.service(t, packs.rigid)
	instance := p.instance(t, service, "small")
	binding := newName(t)
	body, path := service.bindBody(t, "small"), bindingPath(instance, binding)
	for what, bad := range map[string]fields{
		"no service_id":              body.without("service_id"),
		"no plan_id":                 body.without("plan_id"),
		"plan_id null":               body.with(fields{"plan_id": nil}),
		"service_id a number":        body.with(fields{"service_id": 1}),
		"plan_id empty":              body.with(fields{"plan_id": ""}),
		"an unknown service":         body.with(fields{"service_id": "none"}),
		"an unknown plan":            body.with(fields{"plan_id": "none"}),
		"another service":            body.with(fields{"service_id": rigid.ID, "plan_id": rigid.plan(t, "one")}),
		"an empty application":       body.with(fields{"app_guid": ""}),
		"a resource that is a list":  body.with(fields{"bind_resource": []int{}}),
		"an application's type":      body.with(fields{"bind_resource": fields{"app_guid": 7}}),
		"parameters as text":         body.with(fields{"parameters": "x"}),
		"a parameter's type":         body.with(fields{"parameters": fields{"note": 7}}),
		"an unknown predecessor":     body.with(fields{"predecessor_binding_id": "none"}),
		"an empty predecessor":       body.with(fields{"predecessor_binding_id": ""}),
		"a predecessor's type":       body.with(fields{"predecessor_binding_id": 1}),
		"a route, not being a proxy": body.with(fields{"bind_resource": fields{"route": 7}}),
	} {
		if answer := p.put(t, path, bad); answer.Status != http.StatusBadRequest {
			t.Errorf("%s: %s", what, answer)
		}
	}
	p.get(t, path).Require(t, http.StatusNotFound)
	p.poll(t, path, "").Require(t, http.StatusNotFound)
	p.delete(t, path, service.ids(t, "small")).Require(t, http.StatusGone)
	// There is no such instance.
	p.put(t, bindingPath(newName(t), "b"), body).Require(t, http.StatusBadRequest, http.StatusNotFound)
}

// Section "Binding": the same binding asked for at the same moment is made once.
func testBindAtOnce(t *testing.T, p *platform, packs osbPacks) {
	const clients = 6
	service := p.service(t, packs.tiny)
	instance := p.instance(t, service, "small")
	path := bindingPath(instance, newName(t))
	tokens := make([]any, clients)
	statuses := make([]int, clients)
	var group sync.WaitGroup
	for i := range clients {
		group.Go(func() {
			answer := p.put(t, path, service.bindBody(t, "small")).Require(t, http.StatusCreated, http.StatusOK)
			tokens[i], statuses[i] = p.credentials(t, answer)["TOKEN"], answer.Status
		})
	}
	group.Wait()
	if len(slices.Compact(tokens)) != 1 {
		t.Error("one binding has several credentials")
	}
	if !slices.Contains(statuses, http.StatusCreated) {
		t.Errorf("nobody is told that it was created: %v", statuses)
	}
}

// Section "Binding Rotation": the successor has a binding id and credentials of its
// own, and takes over the predecessor's parameters; both are valid.
func testRotation(t *testing.T, p *platform, packs osbPacks) {
	service := p.service(t, packs.tiny)
	instance := p.instance(t, service, "small")
	old, fresh, third := newName(t), newName(t), newName(t)
	made := p.put(t, bindingPath(instance, old), service.bindBody(t, "small").with(fields{"parameters": fields{"note": "kept"}})).Require(t, http.StatusCreated)
	before := p.credentials(t, made)
	rotate := fields{"predecessor_binding_id": old}
	answer := p.put(t, bindingPath(instance, fresh), rotate).Require(t, http.StatusCreated)
	after := p.credentials(t, answer)
	if before["TOKEN"] == after["TOKEN"] {
		t.Error("the successor has the predecessor's credentials")
	}
	valid := inside(t, after, "cat /srv/data/user-*")
	for _, credentials := range []map[string]any{before, after} {
		if token := fmt.Sprint(credentials["TOKEN"]); !strings.Contains(valid, token) {
			t.Error("one of the two is not valid")
		}
	}
	if parameters, sent := p.get(t, bindingPath(instance, fresh)).Require(t, http.StatusOK).Fields(t)["parameters"].(map[string]any); sent && parameters["note"] != "kept" {
		t.Errorf("the successor's parameters: %v", parameters)
	}
	p.put(t, bindingPath(instance, fresh), rotate).Require(t, http.StatusOK)
	// With the ids as well, and of the successor in turn.
	p.put(t, bindingPath(instance, third), fields{
		"predecessor_binding_id": fresh, "service_id": service.ID, "plan_id": service.plan(t, "small"),
	}).Require(t, http.StatusCreated)
	p.delete(t, bindingPath(instance, old), service.ids(t, "small")).Require(t, http.StatusOK)
	if valid := inside(t, after, "cat /srv/data/user-*"); strings.Contains(valid, fmt.Sprint(before["TOKEN"])) || !strings.Contains(valid, fmt.Sprint(after["TOKEN"])) {
		t.Error("the predecessor's end is not the predecessor's alone")
	}
	p.put(t, bindingPath(instance, fresh), fields{"predecessor_binding_id": fresh}).Require(t, http.StatusBadRequest, http.StatusConflict)
	// One that is gone, or another instance's, is no predecessor.
	p.put(t, bindingPath(instance, newName(t)), rotate).Require(t, http.StatusBadRequest)
	other := p.instance(t, service, "small")
	p.put(t, bindingPath(other, newName(t)), fields{"predecessor_binding_id": fresh}).Require(t, http.StatusBadRequest)
}

// Section "Log Drain": the answer holds a syslog_drain_url, as the catalog said.
func testLogDrain(t *testing.T, p *platform, packs osbPacks) {
	service := p.service(t, packs.drain)
	plan := service.Plans[0].Name
	instance := p.instance(t, service, plan)
	path := bindingPath(instance, newName(t))
	for _, answer := range []svptest.Answer{
		p.put(t, path, service.bindBody(t, plan)).Require(t, http.StatusCreated), p.get(t, path).Require(t, http.StatusOK),
	} {
		text, _ := answer.Fields(t)["syslog_drain_url"].(string)
		if drain, err := url.Parse(text); err != nil || drain.Scheme != "syslog" || drain.Port() != "601" {
			t.Errorf("the drain's URL is %q: %v", text, err)
		}
	}
	// And no other service answers with one, whatever its variables are.
	tiny := p.service(t, packs.tiny)
	answer := p.put(t, bindingPath(p.instance(t, tiny, "small"), "b"), tiny.bindBody(t, "small")).Require(t, http.StatusCreated)
	for _, field := range []string{"syslog_drain_url", "route_service_url", "volume_mounts"} {
		if _, sent := answer.Fields(t)[field]; sent {
			t.Errorf("%s although the catalog does not require it", field)
		}
	}
}

// Section "Binding": a service that says that it cannot be bound is not.
func testNotBindable(t *testing.T, p *platform, packs osbPacks) {
	service := p.service(t, packs.rigid)
	instance := p.instance(t, service, "one")
	path := bindingPath(instance, newName(t))
	p.put(t, path, service.bindBody(t, "one")).Require(t, http.StatusBadRequest, http.StatusUnprocessableEntity)
	p.get(t, path).Require(t, http.StatusNotFound)
	p.delete(t, instancePath(instance), service.ids(t, "one")).Require(t, http.StatusOK)
}

// Sections "Binding", "Unbinding" and "Orphan Mitigation": a binding that fails says
// so, tells no secret and leaves nothing; it can be tried again. An unbinding that
// fails leaves the binding.
func testBindFailed(t *testing.T, p *platform, packs osbPacks) {
	service := p.service(t, packs.tiny)
	instance := p.instance(t, service, "small")
	_, credentials := p.bind(t, service, "small", instance)
	p.secret(own(t, credentials))
	path, body, ids := bindingPath(instance, newName(t)), service.bindBody(t, "small"), service.ids(t, "small")
	logins := func() int { return strings.Count(inside(t, credentials, "ls /srv/data"), "user-") }

	inside(t, credentials, "touch /srv/data/fail-bind")
	task := operation(t, p.async(t, http.MethodPut, path, nil, body))
	if state, description := p.await(t, path, task); state != failed || description == "" {
		t.Errorf("a binding that fails is %s: %q", state, description)
	}
	p.get(t, path).Require(t, http.StatusNotFound)
	answer, err := p.TryDo(t.Context(), svptest.Request{Method: http.MethodPut, Path: path, Body: body})
	if err != nil || answer.Status != http.StatusInternalServerError {
		t.Fatalf("a client that waits is not told that it failed: %v, %s", err, answer)
	}
	if got := logins(); got != 1 {
		t.Errorf("%d logins of one binding", got)
	}
	p.delete(t, path, ids).Require(t, http.StatusOK, http.StatusGone)
	inside(t, credentials, "rm /srv/data/fail-bind; touch /srv/data/fail-unbind")
	made := p.credentials(t, p.put(t, path, body).Require(t, http.StatusCreated))

	task = operation(t, p.async(t, http.MethodDelete, path, ids, nil))
	if state, description := p.await(t, path, task); state != failed || description == "" {
		t.Errorf("an unbinding that fails is %s: %q", state, description)
	}
	kept := p.credentials(t, p.get(t, path).Require(t, http.StatusOK))
	if kept["TOKEN"] != made["TOKEN"] || logins() != 2 {
		t.Error("an unbinding that failed has removed the binding")
	}
	inside(t, credentials, "rm /srv/data/fail-unbind")
	p.delete(t, path, ids).Require(t, http.StatusOK)
	if got := logins(); got != 1 {
		t.Errorf("after the unbinding, %d logins of one binding", got)
	}
}
