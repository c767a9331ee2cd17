package integration

import (
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/servicepack/svp/integration/svptest"
)

// crash is a broker that is killed in the middle of operations.
type crash struct {
	*platform
	gate    *svptest.Gate
	pack    string
	options svptest.BrokerOptions
	service osbService
}

// startCrash starts a broker that sees Docker through a gate, and makes the base
// image, so that all operations take the same steps.
func startCrash(t *testing.T) *crash {
	t.Helper()
	c := &crash{gate: suite.Gate(t), pack: brokerPack(t, brokerTiny)}
	c.options = svptest.BrokerOptions{
		Packs: []string{c.pack}, Store: filepath.Join(t.TempDir(), "broker.db"), Env: []string{"DOCKER_HOST=" + c.gate.Endpoint()},
	}
	c.platform = startPlatform(t, c.options)
	c.service = c.platform.service(t, c.pack)
	return c
}

// steps counts what the broker asks Docker to change while do runs.
func (c *crash) steps(do func()) int {
	var steps atomic.Int64
	c.gate.Intercept(func(r svptest.GateRequest) bool {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			steps.Add(1)
		}
		return true
	})
	defer c.gate.Intercept(nil)
	do()
	return int(steps.Load())
}

// killAt makes the request, which is to begin an operation, kills the broker when
// it asks Docker for that step of it, and starts it again. Every other time Docker
// gets to know what was asked for last. It returns how the operation ended, or
// "" when the platform has not been told of one.
func (c *crash) killAt(t *testing.T, step int, request svptest.Request) (state string) {
	t.Helper()
	request.Query = withIncomplete(request.Query)
	reached, killed := make(chan struct{}), make(chan struct{})
	var steps atomic.Int64
	c.gate.Intercept(func(r svptest.GateRequest) bool {
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			return true
		}
		switch at := steps.Add(1); {
		case at < int64(step):
			return true
		case at == int64(step):
			close(reached)
		}
		<-killed
		return step%2 == 0
	})
	replies := make(chan svptest.Answer, 1)
	go func() {
		answer, err := c.TryDo(t.Context(), request)
		if err != nil {
			answer = svptest.Answer{}
		}
		replies <- answer
	}()
	var told svptest.Answer
	select {
	case <-reached:
	case told = <-replies:
		c.untilStep(t, reached, request.Path, operation(t, told))
	}
	c.Kill()
	close(killed)
	c.gate.Intercept(nil)
	if told.Status == 0 {
		told = <-replies
	}

	c.platform = startPlatform(t, c.options)
	if told.Status != 0 {
		state, _ = c.await(t, request.Path, operation(t, told))
	}
	t.Logf("%s, killed at step %d: %q", request.Method, step, state)
	return state
}

// untilStep waits for the step, or the end of an operation that takes fewer steps
// than others of its kind.
func (c *crash) untilStep(t *testing.T, reached <-chan struct{}, path, task string) {
	t.Helper()
	eventually(t, startDeadline, "the step or the operation's end", func() bool {
		select {
		case <-reached:
			return true
		default:
		}
		answer := c.poll(t, path, task)
		if answer.Status == http.StatusGone {
			return true
		}
		state, _ := lastOperation(t, answer)
		return state != inProgress
	})
}

func withIncomplete(query url.Values) url.Values {
	all := url.Values{"accepts_incomplete": {"true"}}
	for name, values := range query {
		all[name] = values
	}
	return all
}

// moments are a few numbers from the first to the last step.
func moments(steps, count int) []int {
	chosen := make([]int, 0, count)
	for i := range count {
		chosen = append(chosen, 1+i*(steps-1)/max(1, count-1))
	}
	return chosen
}

// A broker that is killed while it provisions carries on, or undoes what it did;
// see section "Orphan Mitigation" for what platforms rely on.
func TestBrokerKilledProvisioning(t *testing.T) {
	t.Parallel()
	c := startCrash(t)
	// The first also makes the base image, from the second step on.
	first := newName(t)
	state := c.killAt(t, 3, svptest.Request{Method: http.MethodPut, Path: instancePath(first), Body: c.service.provisionBody(t, "small")})
	if state != succeeded {
		t.Errorf("what was killed while it built the base image is %s", state)
	}
	c.deprovisionNow(t, first)
	onlyBase(t, c.pack)
	steps := c.steps(func() { first = c.instance(t, c.service, "small") })
	c.deprovisionNow(t, first)
	for _, step := range moments(steps, 6) {
		id := newName(t)
		path, body := instancePath(id), c.service.provisionBody(t, "small")
		switch state := c.killAt(t, step, svptest.Request{Method: http.MethodPut, Path: path, Body: body}); state {
		case succeeded:
			c.get(t, path).Require(t, http.StatusOK)
			binding, credentials := c.bind(t, c.service, "small", id)
			if name := fmt.Sprint(credentials["NAME"]); len(instances(t, name)) != 1 {
				t.Errorf("step %d: the instances of the name %s: %v", step, name, instances(t, name))
			}
			c.delete(t, bindingPath(id, binding), c.service.ids(t, "small")).Require(t, http.StatusOK)
			c.deprovisionNow(t, id)
		case failed:
			c.get(t, path).Require(t, http.StatusNotFound)
			c.delete(t, path, c.service.ids(t, "small")).Require(t, http.StatusOK, http.StatusGone)
		default: // the platform has no answer: it asks again, or gives up
			c.put(t, path, body).Require(t, http.StatusCreated, http.StatusOK)
			c.deprovisionNow(t, id)
		}
		onlyBase(t, c.pack)
	}
	c.requireSilence(t)
}

func (c *crash) deprovisionNow(t *testing.T, id string) {
	t.Helper()
	c.delete(t, instancePath(id), c.service.ids(t, "small")).Require(t, http.StatusOK)
}

// As above, for bindings: no login is left that no binding owns.
func TestBrokerKilledBinding(t *testing.T) {
	t.Parallel()
	c := startCrash(t)
	instance := c.instance(t, c.service, "small")
	first, credentials := "", map[string]any{}
	steps := c.steps(func() { first, credentials = c.bind(t, c.service, "small", instance) })
	logins := func() int { return strings.Count(inside(t, credentials, "ls /srv/data"), "user-") }
	for _, step := range moments(steps, 2) {
		id := newName(t)
		path := bindingPath(instance, id)
		body, ids := c.service.bindBody(t, "small"), c.service.ids(t, "small")
		if c.killAt(t, step, svptest.Request{Method: http.MethodPut, Path: path, Body: body}) == succeeded {
			told := c.credentials(t, c.get(t, path).Require(t, http.StatusOK))
			if valid := inside(t, credentials, "cat /srv/data/user-*"); !strings.Contains(valid, fmt.Sprint(told["TOKEN"])) {
				t.Errorf("step %d: the credentials are not valid", step)
			}
		} else {
			c.get(t, path).Require(t, http.StatusNotFound)
			c.put(t, path, body).Require(t, http.StatusCreated)
		}
		if got := logins(); got != 2 {
			t.Errorf("step %d: %d logins of two bindings", step, got)
		}
		state := c.killAt(t, step, svptest.Request{Method: http.MethodDelete, Path: path, Query: ids})
		if state != succeeded {
			c.delete(t, path, ids).Require(t, http.StatusOK)
		}
		c.get(t, path).Require(t, http.StatusNotFound)
		if got := logins(); got != 1 {
			t.Errorf("step %d: after the unbinding, %d logins of one binding", step, got)
		}
	}
	c.get(t, bindingPath(instance, first)).Require(t, http.StatusOK)
}

// As above, for updates and deprovisionings: the instance is there with all that is
// stored in it, or gone with all that belonged to it.
func TestBrokerKilledUpdatingAndDeprovisioning(t *testing.T) {
	t.Parallel()
	c := startCrash(t)
	plans := []string{"small", "large"}
	id := c.instance(t, c.service, plans[0])
	path := instancePath(id)
	binding, credentials := c.bind(t, c.service, plans[0], id)
	inside(t, credentials, "echo kept >/srv/data/file")
	update := func(to string) fields { return fields{"service_id": c.service.ID, "plan_id": c.service.plan(t, to)} }
	steps := c.steps(func() { c.patch(t, path, update(plans[1])).Require(t, http.StatusOK) })
	for i, step := range moments(steps, 3) {
		to := plans[i%2]
		if state := c.killAt(t, step, svptest.Request{Method: http.MethodPatch, Path: path, Body: update(to)}); state != succeeded {
			c.patch(t, path, update(to)).Require(t, http.StatusOK)
		}
		if plan := c.get(t, path).Require(t, http.StatusOK).Fields(t)["plan_id"]; plan != c.service.plan(t, to) {
			t.Errorf("step %d: the plan is %v", step, plan)
		}
		if kept := inside(t, credentials, "cat /srv/data/file"); kept != "kept\n" {
			t.Errorf("step %d: what was stored is now %q", step, kept)
		}
	}
	c.delete(t, bindingPath(id, binding), c.service.ids(t, plans[0])).Require(t, http.StatusOK)

	other := c.instance(t, c.service, plans[0])
	steps = c.steps(func() { c.deprovisionNow(t, other) })
	for _, step := range moments(steps, 2) {
		ids := c.service.ids(t, plans[0])
		state := c.killAt(t, step, svptest.Request{Method: http.MethodDelete, Path: path, Query: ids})
		if state != succeeded {
			c.delete(t, path, ids).Require(t, http.StatusOK, http.StatusGone)
		}
		c.get(t, path).Require(t, http.StatusNotFound)
		c.delete(t, path, ids).Require(t, http.StatusGone)
		onlyBase(t, c.pack)
		id = c.instance(t, c.service, plans[0])
		path = instancePath(id)
	}
	c.deprovisionNow(t, id)
}

// Shutdown waits for operations in progress; those that take longer than it is
// given are carried on by the next broker.
func TestBrokerShutdown(t *testing.T) {
	t.Parallel()
	pack := brokerPack(t, brokerTiny)
	options := svptest.BrokerOptions{Packs: []string{pack}, Store: filepath.Join(t.TempDir(), "broker.db")}
	p := startPlatform(t, options)
	service := p.service(t, pack)
	begin := func() (path, task string, release func()) {
		held, release := hold(t, pack)
		path = instancePath(newName(t))
		task = operation(t, p.async(t, http.MethodPut, path, nil, service.provisionBody(t, "small").with(held)))
		eventually(t, startDeadline, "that it waits to be ready", func() bool {
			_, description := lastOperation(t, p.poll(t, path, task))
			return strings.Contains(strings.ToLower(description), "ready")
		})
		return path, task, release
	}
	waited, task, release := begin()
	stopped := make(chan svptest.Result, 1)
	go func() { stopped <- p.Stop() }()
	eventually(t, startDeadline, "the broker takes no more requests", func() bool {
		answer, err := p.TryDo(t.Context(), svptest.Request{Method: http.MethodPut, Path: instancePath(newName(t)), Body: fields{}})
		return err != nil || answer.Status == http.StatusServiceUnavailable
	})
	select {
	case result := <-stopped:
		t.Fatalf("it has not waited: %s", result)
	default:
	}
	// Who asks how far it is gets an answer all the while.
	if state, _ := lastOperation(t, p.poll(t, waited, task)); state != inProgress {
		t.Errorf("what the broker waits for is %s", state)
	}
	release()
	(<-stopped).Require(t, 0)

	options.Flags = []string{"--grace", "100ms"}
	p = startPlatform(t, options)
	if state, _ := lastOperation(t, p.poll(t, waited, task)); state != succeeded {
		t.Errorf("what the broker waited for is %s", state)
	}
	carried, task, release := begin()
	p.Stop().Require(t, 0)
	p = startPlatform(t, options)
	if state, _ := lastOperation(t, p.poll(t, carried, task)); state != inProgress {
		t.Errorf("what the broker did not wait for is %s", state)
	}
	release()
	eventually(t, startDeadline, "the operation ends", func() bool {
		release() // also what the next broker may have made anew
		state, description := lastOperation(t, p.poll(t, carried, task))
		if state == failed {
			t.Fatalf("it was not carried on: %s", description)
		}
		return state == succeeded
	})
	p.get(t, carried).Require(t, http.StatusOK)
	for _, path := range []string{waited, carried} {
		p.delete(t, path, service.ids(t, "small")).Require(t, http.StatusOK)
	}
	onlyBase(t, pack)
}
