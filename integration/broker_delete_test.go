package integration

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/servicepack/svp/integration/svptest"
)

// badDeletes are queries of a DELETE that is refused.
func badDeletes(t *testing.T, service, other osbService) map[string]url.Values {
	t.Helper()
	return map[string]url.Values{
		"no ids":          {},
		"no service_id":   {"plan_id": {service.plan(t, "small")}},
		"no plan_id":      {"service_id": {service.ID}},
		"empty ids":       {"service_id": {""}, "plan_id": {""}},
		"another service": {"service_id": {other.ID}, "plan_id": {service.plan(t, "small")}},
		"another plan":    {"service_id": {service.ID}, "plan_id": {service.plan(t, "large")}},
		"an unknown plan": {"service_id": {service.ID}, "plan_id": {"none"}},
		"incomplete what": {"service_id": {service.ID}, "plan_id": {service.plan(t, "small")}, "accepts_incomplete": {"x"}},
	}
}

// Section "Unbinding": 200 {}, then 410; 400 without the ids; the credentials are
// of no use any more, those of others are.
func testUnbind(t *testing.T, p *platform, packs osbPacks) {
	service := p.service(t, packs.tiny)
	instance := p.instance(t, service, "small")
	binding, gone := p.bind(t, service, "small", instance)
	_, stays := p.bind(t, service, "small", instance)
	path := bindingPath(instance, binding)
	for what, query := range badDeletes(t, service, p.service(t, packs.rigid)) {
		if answer := p.delete(t, path, query); answer.Status != http.StatusBadRequest {
			t.Errorf("%s: %s", what, answer)
		}
	}
	p.get(t, path).Require(t, http.StatusOK)
	if answer := p.delete(t, path, service.ids(t, "small")).Require(t, http.StatusOK); string(answer.Body) != "{}" {
		t.Errorf("unbound: %s", answer)
	}
	valid := inside(t, stays, "cat /srv/data/user-*")
	if strings.Contains(valid, fmt.Sprint(gone["TOKEN"])) || !strings.Contains(valid, fmt.Sprint(stays["TOKEN"])) {
		t.Error("not the one binding's credentials were removed")
	}
	for range 2 {
		if answer := p.delete(t, path, service.ids(t, "small")).Require(t, http.StatusGone); string(answer.Body) != "{}" {
			t.Errorf("unbound again: %s", answer)
		}
	}
	p.get(t, path).Require(t, http.StatusNotFound)
	p.delete(t, bindingPath(instance, newName(t)), service.ids(t, "small")).Require(t, http.StatusGone)
	p.delete(t, bindingPath(newName(t), "b"), service.ids(t, "small")).Require(t, http.StatusGone)
	// The id is free again, for other credentials.
	again := p.put(t, path, service.bindBody(t, "small")).Require(t, http.StatusCreated)
	if p.credentials(t, again)["TOKEN"] == gone["TOKEN"] {
		t.Error("a new binding has the credentials of one that is gone")
	}
}

// Section "Deprovisioning": 200 {}, then 410; 400 without the ids; all resources
// are removed.
func testDeprovision(t *testing.T, p *platform, packs osbPacks) {
	service := p.service(t, packs.tiny)
	id := p.instance(t, service, "small")
	path := instancePath(id)
	binding, credentials := p.bind(t, service, "small", id)
	name := fmt.Sprint(credentials["NAME"])
	p.delete(t, bindingPath(id, binding), service.ids(t, "small")).Require(t, http.StatusOK)
	for what, query := range badDeletes(t, service, p.service(t, packs.rigid)) {
		if answer := p.delete(t, path, query); answer.Status != http.StatusBadRequest {
			t.Errorf("%s: %s", what, answer)
		}
	}
	p.get(t, path).Require(t, http.StatusOK)
	// Several at the same moment: who does not come too late is told the same.
	var group sync.WaitGroup
	answers := make([]svptest.Answer, 4)
	for i := range answers {
		group.Go(func() { answers[i] = p.delete(t, path, service.ids(t, "small")) })
	}
	group.Wait()
	done := 0
	for _, answer := range answers {
		if answer.Require(t, http.StatusOK, http.StatusGone).Status == http.StatusOK {
			done++
		}
		if string(answer.Body) != "{}" {
			t.Errorf("deprovisioned: %s", answer)
		}
	}
	if done == 0 {
		t.Error("nobody is told that the instance was deprovisioned")
	}
	if left := suite.List(t, name); len(left) > 0 {
		t.Errorf("resources are left: %v", left)
	}
	for _, gone := range []string{path, instancePath(newName(t))} {
		if answer := p.delete(t, gone, service.ids(t, "small")).Require(t, http.StatusGone); string(answer.Body) != "{}" {
			t.Errorf("deprovisioned what is not there: %s", answer)
		}
		p.async(t, http.MethodDelete, gone, service.ids(t, "small"), nil).Require(t, http.StatusGone)
		p.get(t, gone).Require(t, http.StatusNotFound)
	}
	p.put(t, bindingPath(id, "b"), service.bindBody(t, "small")).Require(t, http.StatusBadRequest, http.StatusNotFound)
	p.patch(t, path, fields{"service_id": service.ID}).Require(t, http.StatusBadRequest, http.StatusNotFound, http.StatusGone)
}

// Section "Deprovisioning" leaves open what happens to an instance that is bound:
// it is refused, and the bindings are named.
func testDeprovisionBound(t *testing.T, p *platform, packs osbPacks) {
	service := p.service(t, packs.tiny)
	id := p.instance(t, service, "small")
	binding, credentials := p.bind(t, service, "small", id)
	answer := p.delete(t, instancePath(id), service.ids(t, "small"))
	if answer.Status < 400 || answer.Status == http.StatusGone {
		t.Errorf("an instance that is bound was deprovisioned: %s", answer)
	}
	if !strings.Contains(string(answer.Body), binding) {
		t.Errorf("the refusal does not name the binding: %s", answer)
	}
	if fmt.Sprint(credentials["TOKEN"]) != inside(t, credentials, "cat /srv/data/user-*") {
		t.Error("the binding has been touched")
	}
	p.delete(t, bindingPath(id, binding), service.ids(t, "small")).Require(t, http.StatusOK)
	p.delete(t, instancePath(id), service.ids(t, "small")).Require(t, http.StatusOK)
}

// Sections "Deprovisioning", status code 202, and "Polling Last Operation for
// Service Instances", status code 410: what a broker answers while it is
// deprovisioning, and when it has.
func TestBrokerDeprovisionHeld(t *testing.T) {
	t.Parallel()
	gate, pack := suite.Gate(t), brokerPack(t, brokerTiny)
	p := startPlatform(t, svptest.BrokerOptions{Packs: []string{pack}, Env: []string{"DOCKER_HOST=" + gate.Endpoint()}})
	service := p.service(t, pack)
	id := p.instance(t, service, "small")
	path, ids := instancePath(id), service.ids(t, "small")
	reached, release := gate.Hold(func(r svptest.GateRequest) bool {
		return r.Method == http.MethodDelete && strings.Contains(r.Path, "/containers/")
	})
	t.Cleanup(release)
	first := p.async(t, http.MethodDelete, path, ids, nil)
	task := operation(t, first)
	<-reached
	if state, description := lastOperation(t, p.poll(t, path, task)); state != inProgress {
		t.Errorf("a deprovisioning that is held back is %s: %s", state, description)
	}
	if again := operation(t, p.async(t, http.MethodDelete, path, ids, nil)); again != task {
		t.Errorf("deleted again, it is operation %s and was %s", again, task)
	}
	const concurrency = "ConcurrencyError"
	refused(t, p.async(t, http.MethodPut, path, nil, service.provisionBody(t, "small")), http.StatusUnprocessableEntity, concurrency)
	refused(t, p.async(t, http.MethodPatch, path, nil, fields{"service_id": service.ID, "plan_id": service.plan(t, "large")}),
		http.StatusUnprocessableEntity, concurrency)
	refused(t, p.async(t, http.MethodPut, bindingPath(id, "b"), nil, service.bindBody(t, "small")), http.StatusUnprocessableEntity, concurrency)
	release()
	if state, description := p.await(t, path, task); state != succeeded {
		t.Fatalf("the deprovisioning is %s: %s", state, description)
	}
	// Never 404, which platforms take for a failure.
	p.poll(t, path, task).Require(t, http.StatusOK, http.StatusGone)
	p.poll(t, path, "").Require(t, http.StatusOK, http.StatusGone)
	p.get(t, path).Require(t, http.StatusNotFound)
	p.delete(t, path, ids).Require(t, http.StatusGone)
	onlyBase(t, pack)

	t.Run("failed", func(t *testing.T) { testDeprovisionFailed(t, p, gate, service) })
	onlyBase(t, pack)
	t.Run("not undone", func(t *testing.T) { testProvisionNotUndone(t, p, gate, service) })
	onlyBase(t, pack)
}

// Section "Orphan Mitigation": what a provision that failed could not remove is
// removed by the platform's DELETE, also when the id has been used again.
func testProvisionNotUndone(t *testing.T, p *platform, gate *svptest.Gate, service osbService) {
	ids, good := service.ids(t, "small"), service.provisionBody(t, "small")
	bad := good.with(fields{"parameters": fields{"fail": "run"}})
	fail := func() (path string) {
		t.Helper()
		path = instancePath(newName(t))
		// Not containers, as those in which questions are put to packs go any time.
		gate.Intercept(func(r svptest.GateRequest) bool {
			return r.Method != http.MethodDelete || strings.Contains(r.Path, "/containers/")
		})
		defer gate.Intercept(nil)
		task := operation(t, p.async(t, http.MethodPut, path, nil, bad))
		if state, _ := p.await(t, path, task); state != failed {
			t.Errorf("a provision that fails is %s", state)
		}
		p.get(t, path).Require(t, http.StatusNotFound)
		return path
	}
	p.delete(t, fail(), ids).Require(t, http.StatusOK)
	again := fail()
	p.put(t, again, good).Require(t, http.StatusCreated)
	p.delete(t, again, ids).Require(t, http.StatusOK)
}

// Section "Deprovisioning": one that fails says so, and whether the instance can be
// used; it can be tried again.
func testDeprovisionFailed(t *testing.T, p *platform, gate *svptest.Gate, service osbService) {
	path, ids := instancePath(p.instance(t, service, "small")), service.ids(t, "small")
	gate.Intercept(func(r svptest.GateRequest) bool {
		return r.Method != http.MethodDelete || strings.Contains(r.Path, "/containers/")
	})
	task := operation(t, p.async(t, http.MethodDelete, path, ids, nil))
	if state, description := p.await(t, path, task); state != failed || description == "" {
		t.Errorf("a deprovisioning that fails is %s: %q", state, description)
	}
	told := p.poll(t, path, task).Fields(t)
	if usable, sent := told["instance_usable"]; sent && usable != true && usable != false {
		t.Errorf("whether the instance can be used: %v", told)
	}
	if _, sent := told["update_repeatable"]; sent {
		t.Errorf("a deprovisioning is no update: %v", told)
	}
	gate.Intercept(nil)
	p.delete(t, path, ids).Require(t, http.StatusOK)
	p.get(t, path).Require(t, http.StatusNotFound)
}

// Section "Deprovisioning": "halting the current creation process", or refusing to.
func TestBrokerDeprovisionWhileProvisioning(t *testing.T) {
	t.Parallel()
	pack := brokerPack(t, brokerTiny)
	p := startPlatform(t, svptest.BrokerOptions{Packs: []string{pack}})
	service, id := p.service(t, pack), newName(t)
	held, release := hold(t, pack)
	path := instancePath(id)
	task := operation(t, p.async(t, http.MethodPut, path, nil, service.provisionBody(t, "small").with(held)))
	eventually(t, startDeadline, "that it waits to be ready", func() bool {
		_, description := lastOperation(t, p.poll(t, path, task))
		return strings.Contains(strings.ToLower(description), "ready")
	})
	answer := p.async(t, http.MethodDelete, path, service.ids(t, "small"), nil)
	if answer.Status == http.StatusAccepted {
		if state, description := p.await(t, path, operation(t, answer)); state != succeeded {
			t.Errorf("the deprovisioning is %s: %s", state, description)
		}
		onlyBase(t, pack)
		return
	}
	refused(t, answer, http.StatusUnprocessableEntity, "ConcurrencyError")
	release()
	if state, description := p.await(t, path, task); state != succeeded {
		t.Errorf("the provision is %s: %s", state, description)
	}
	p.delete(t, path, service.ids(t, "small")).Require(t, http.StatusOK)
	onlyBase(t, pack)
}

// An instance that was destroyed behind the broker's back can be unbound and
// deprovisioned, so that the platform gets rid of it ("Orphan Mitigation").
func testDestroyedElsewhere(t *testing.T, p *platform, packs osbPacks) {
	service := p.service(t, packs.tiny)
	id := p.instance(t, service, "small")
	binding, credentials := p.bind(t, service, "small", id)
	svp(t, "destroy", fmt.Sprint(credentials["NAME"]), "--yes").Require(t, 0)
	answer, err := p.TryDo(t.Context(), svptest.Request{
		Method: http.MethodPut, Path: bindingPath(id, newName(t)), Body: service.bindBody(t, "small"),
	})
	if err != nil || answer.Status < 400 || answer.Fields(t)["description"] == "" {
		t.Errorf("bound to what is not there: %v %s", err, answer)
	}
	p.delete(t, bindingPath(id, binding), service.ids(t, "small")).Require(t, http.StatusOK)
	p.delete(t, instancePath(id), service.ids(t, "small")).Require(t, http.StatusOK)
	p.get(t, instancePath(id)).Require(t, http.StatusNotFound)
}

// Section "Unbinding": the credentials of an instance that does not run are removed
// as well.
func testStoppedElsewhere(t *testing.T, p *platform, packs osbPacks) {
	service := p.service(t, packs.tiny)
	id := p.instance(t, service, "small")
	gone, credentials := p.bind(t, service, "small", id)
	name := fmt.Sprint(credentials["NAME"])
	svp(t, "stop", name).Require(t, 0)
	p.delete(t, bindingPath(id, gone), service.ids(t, "small")).Require(t, http.StatusOK)
	svp(t, "start", name).Require(t, 0)
	if left := inside(t, credentials, "ls /srv/data"); strings.Contains(left, "user-") {
		t.Errorf("the credentials are still there: %s", left)
	}
	p.delete(t, instancePath(id), service.ids(t, "small")).Require(t, http.StatusOK)
}
