package broker_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/servicepack/svp/engine/broker"
	"github.com/servicepack/svp/engine/broker/store"
)

func TestQuotas(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *broker.Config) { c.Quotas = broker.Quotas{Instances: 3, PerPlan: 2} })
	w.call("PUT", "/v2/service_instances/1", w.provisionBody("small")).require(201)
	w.call("PUT", "/v2/service_instances/2", w.provisionBody("small")).require(201)
	w.call("PUT", "/v2/service_instances/3", w.provisionBody("small")).require(422, "quota", "plan", "2")
	w.call("PUT", "/v2/service_instances/3", w.provisionBody("large")).require(201)
	w.call("PUT", "/v2/service_instances/4", w.provisionBody("large")).require(422, "quota", "broker", "3")
	w.call("PATCH", "/v2/service_instances/3", w.bindBody()).require(422, "quota", "plan", "2")
	if made := len(w.engine.names()); made != 3 {
		t.Errorf("%d instances were made", made)
	}
	w.call("DELETE", "/v2/service_instances/1?"+w.ids(), "").require(200)
	w.call("PUT", "/v2/service_instances/4", w.provisionBody("large")).require(201)
}

// The pool hands out what it has made ahead, and makes more.
func TestWarmPool(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *broker.Config) { c.Warm = 2 })
	eventually(t, "the pool is full", func() bool { return len(w.engine.names()) == 4 })
	made := w.engine.calls("Up")
	open := w.engine.gate("Up")
	defer open()
	w.call("PUT", "/v2/service_instances/1?accepts_incomplete=true", w.provisionBody("small")).require(201)
	w.call("PUT", "/v2/service_instances/2", w.provisionBody("small")).require(201)
	open()
	eventually(t, "the pool is full again", func() bool { return len(w.engine.names()) == 6 })
	if more := w.engine.calls("Up") - made; more != 2 {
		t.Errorf("%d instances were made, of which 2 for the pool", more)
	}
	w.stop()
	w.config.Warm = 0
	w.start()
	eventually(t, "the pool is given up", func() bool { return len(w.engine.names()) == 2 })
}

// What another broker that lives has in the pool is its own affair: its packs may
// be newer. What one has left that is gone is removed.
func TestPoolOfOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	if err := w.config.Store.Beat(t.Context(), "other"); err != nil {
		t.Fatal(err)
	}
	for _, owner := range []string{"other", "gone"} {
		added, err := w.config.Store.AddPooled(t.Context(), store.Pooled{
			Name: "of-" + owner, ServiceID: w.serviceID, PlanID: w.plans["small"], PackDigest: owner, Owner: owner,
		}, 1)
		if err := errors.Join(err, w.config.Store.ReadyPooled(t.Context(), "of-"+owner, owner)); err != nil || !added {
			t.Fatal(added, err)
		}
	}
	w.touchPacks()
	pool := func() (names []string) {
		t.Helper()
		pool, err := w.config.Store.Pool(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, pooled := range pool {
			names = append(names, pooled.Name)
		}
		return names
	}
	eventually(t, "what a broker has left is removed", func() bool { return !slices.Contains(pool(), "of-gone") })
	if got := pool(); !slices.Contains(got, "of-other") {
		t.Errorf("the pool has %v", got)
	}
}
