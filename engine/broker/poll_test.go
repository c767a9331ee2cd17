package broker_test

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// Who polls an operation that has just begun is told of its end when that comes,
// and is not asked to wait for longer than the operation may take.
func TestPollIsHeld(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	open := w.engine.gate("Up")
	defer open()
	const path = "/v2/service_instances/one"
	begun := w.call("PUT", path+"?accepts_incomplete=true", w.provisionBody("small")).require(202)
	if wait := begun.header.Get("Retry-After"); wait != "0" {
		t.Errorf("Retry-After: %q", wait)
	}
	end := time.AfterFunc(50*time.Millisecond, open)
	defer end.Stop()
	for {
		asked := time.Now()
		polled := w.call("GET", path+"/last_operation?operation="+begun.operation(), "").require(200)
		if !strings.Contains(polled.body, "in progress") {
			polled.require(200, "succeeded")
			return
		}
		// A busy machine may not come to the end within the second for which a poll is
		// held. After ten seconds none is held any more, so that this ends.
		if took := time.Since(asked); took < time.Second {
			t.Fatalf("answered before the end, after %v: %s", took, polled.body)
		}
	}
}

// While the containers are made anew nobody can ask them how much is in use. The
// client is told of the operation, and not of that.
func TestUpdateDuringUpdate(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	const path = "/v2/service_instances/one"
	w.call("PUT", path, w.provisionBody("small")).require(201)
	open := w.engine.gate("Update")
	defer open()
	w.engine.fail["Usage"] = errors.New("the container is not running")
	change := func(parameters string) string {
		return `{"service_id":"` + w.serviceID + `","plan_id":"` + w.plans["large"] + `","parameters":` + parameters + `}`
	}
	w.call("PATCH", path+"?accepts_incomplete=true", change(`{}`)).require(202)
	w.call("PATCH", path+"?accepts_incomplete=true", change(`{"other":"1"}`)).require(422, "ConcurrencyError")
}

// The same request for a successor comes to the same when the predecessor, which
// the platform takes away next, is gone.
func TestRotationAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	const path = "/v2/service_instances/one"
	w.call("PUT", path, w.provisionBody("small")).require(201)
	w.call("PUT", path+"/service_bindings/b", w.bindBody()).require(201)
	rotate := `{"service_id":"` + w.serviceID + `","plan_id":"` + w.plans["small"] + `","predecessor_binding_id":"b"}`
	rotated := w.call("PUT", path+"/service_bindings/c", rotate).require(201)
	w.call("DELETE", path+"/service_bindings/b?"+w.ids(), "").require(200)
	if again := w.call("PUT", path+"/service_bindings/c", rotate).require(200); again.body != rotated.body {
		t.Errorf("%s, and then %s", rotated.body, again.body)
	}
	w.call("PUT", path+"/service_bindings/d", rotate).require(400, "predecessor_binding_id")
}
