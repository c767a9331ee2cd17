package broker_test

import (
	"errors"
	"testing"

	"github.com/servicepack/svp/engine"
)

// Whether an instance can still be used after a failure is looked at, not assumed.
func TestUsableAfterFailure(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	const path = "/v2/service_instances/one"
	w.call("PUT", path, w.provisionBody("small")).require(201)
	w.engine.fail["Update"] = &engine.Error{Op: "update", Kind: engine.Failed, Err: errors.New("no room")}
	change := `{"service_id":"` + w.serviceID + `","plan_id":"` + w.plans["large"] + `"}`
	w.call("PATCH", path, change).require(500, "no room", `"instance_usable":true`, `"update_repeatable":true`)
	if err := w.engine.Destroy(t.Context(), w.engine.names()[0]); err != nil {
		t.Fatal(err)
	}
	w.call("GET", path+"/last_operation", "").require(200, `"instance_usable":false`, `"update_repeatable":false`)
}

// Parameters that an update does not name stay, as those that scripts get do.
func TestUpdateAddsParameters(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	const path = "/v2/service_instances/one"
	change := func(more string) string { return `{"service_id":"` + w.serviceID + `",` + more + `}` }
	w.call("PUT", path, w.provisionBody("small")).require(201)
	w.call("PATCH", path, change(`"parameters":{"a":"1","b":[2]}`)).require(200)
	w.call("PATCH", path, change(`"parameters":{"a":"3"}`)).require(200)
	w.call("GET", path, "").require(200, `"a":"3"`, `"b":[2]`)
	made := w.engine.calls("Update")
	w.call("PATCH", path, change(`"parameters":{"b":[2]}`)).require(200)
	if again := w.engine.calls("Update"); again != made {
		t.Error("an update changed nothing, and was carried out")
	}
}

// An instance stays in the version that it was made from, and that is told.
func TestUpdateMovesToNoOtherVersion(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	const path = "/v2/service_instances/one"
	w.call("PUT", path, w.provisionBody("small")).require(201)
	w.engine.release("2.0.0")
	w.stop()
	w.start()
	change := func(more string) string {
		return `{"service_id":"` + w.serviceID + `","maintenance_info":{"version":"2.0.0"}` + more + `}`
	}
	w.call("PATCH", path, change("")).require(422, "1.2.3", "2.0.0")
	w.call("PATCH", path, change(`,"plan_id":"`+w.plans["large"]+`"`)).require(200)
	w.call("GET", path, "").require(200, w.plans["large"], `"version":"1.2.3"`)
}

// An instance that changes while its update is decided is no reason to refuse: it
// is looked at again.
func TestUpdateDecidedAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	const path = "/v2/service_instances/one"
	change := func(more string) string { return `{"service_id":"` + w.serviceID + `",` + more + `}` }
	w.call("PUT", path, w.provisionBody("large")).require(201)
	open := w.engine.gate("Usage")
	defer open()
	answered := make(chan reply, 1)
	go func() { answered <- w.call("PATCH", path, change(`"plan_id":"`+w.plans["small"]+`"`)) }()
	eventually(t, "the update asks how much is in use", func() bool { return w.engine.calls("Usage") == 1 })
	w.call("PATCH", path, change(`"parameters":{"a":"1"}`)).require(200)
	open()
	(<-answered).require(200)
	w.call("GET", path, "").require(200, w.plans["small"], `"a":"1"`)
}
