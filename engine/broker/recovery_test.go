package broker_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/servicepack/svp/engine"
	"github.com/servicepack/svp/engine/broker"
	"github.com/servicepack/svp/engine/broker/store"
)

func (w *world) owners() []string {
	w.t.Helper()
	owners, err := w.config.Store.Owners(context.WithoutCancel(w.t.Context()), time.Hour)
	if err != nil {
		w.t.Fatal(err)
	}
	return owners
}

// A broker that lets its operations end still tells the others that it lives: they
// would carry on what it is about to end.
func TestShutdownKeepsThePlace(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.stop()
	w.grace = time.Minute
	w.start()
	open := w.engine.gate("Up")
	defer open()
	const path = "/v2/service_instances/one"
	w.call("PUT", path+"?accepts_incomplete=true", w.provisionBody("small")).require(202)
	eventually(t, "it is at work", func() bool { return w.engine.calls("Up") == 1 })
	w.interrupt()
	eventually(t, "orders are refused", func() bool {
		return w.call("PUT", "/v2/service_instances/two", "{}").status == 503
	})
	w.call("GET", path+"/last_operation", "").require(200, "in progress")
	w.call("GET", "/readyz", "").require(503)
	owner := w.owners()[0]
	// Twice: a beat may have been on its way.
	for range 2 {
		if err := w.config.Store.Retire(t.Context(), owner); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the broker beats", func() bool { return slices.Contains(w.owners(), owner) })
	}
	open()
	w.stop()
	w.start()
	w.call("GET", path+"/last_operation", "").require(200, "succeeded")
	if made := w.engine.calls("Up"); made != 1 {
		t.Errorf("the instance was made %d times", made)
	}
}

// An operation that the store knows of, and that did not begin, since the store
// failed at that moment, is carried on by the broker that it belongs to.
func TestOwnOperationIsCarriedOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	const path = "/v2/service_instances/one"
	w.call("PUT", path, w.provisionBody("small")).require(201)
	owner := w.owners()[0]
	err := w.config.Store.Transact(t.Context(), "one", false, func(tx *store.Tx) error {
		return tx.PutOperation(t.Context(), &store.Operation{
			ID: "stray", InstanceID: "one", Kind: store.Deprovision, State: store.InProgress, Owner: owner,
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is carried on", func() bool {
		return strings.Contains(w.call("GET", path+"/last_operation", "").require(200).body, "succeeded")
	})
	w.call("GET", path, "").require(404)
}

// What a failed provision could not remove is removed when it is tried again, and
// what a failed bind may have made is taken away.
func TestNothingIsLeftOfFailures(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	const path = "/v2/service_instances/one"
	refusal := &engine.Error{Op: "test", Kind: engine.Failed, Err: errors.New("no room")}
	w.engine.failAfter("Up", refusal)
	w.engine.fail["Destroy"] = refusal
	w.call("PUT", path, w.provisionBody("small")).require(500, "no room")
	if left := w.engine.names(); len(left) != 1 {
		t.Fatalf("the test leaves %v", left)
	}
	w.engine.failAfter("Up", nil)
	delete(w.engine.fail, "Destroy")
	w.call("PUT", path, w.provisionBody("small")).require(201)
	if left := w.engine.names(); len(left) != 1 {
		t.Errorf("instances %v, want one", left)
	}
	w.engine.failAfter("Bind", refusal)
	w.call("PUT", path+"/service_bindings/b", w.bindBody()).require(500, "no room")
	if bound := w.engine.consumers(); len(bound) > 0 {
		t.Errorf("bound are %v", bound)
	}
}

// Packs that could not be read since the host did not answer are read when it does.
func TestPacksAreReadAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.engine.failAfter("Offer", &engine.Error{Op: "inspect pack", Kind: engine.NoHost, Err: errors.New("no answer")})
	w.engine.release("2.0.0")
	w.touchPacks()
	eventually(t, "the packs cannot be read", func() bool { return strings.Contains(w.log.String(), "could not read the packs anew") })
	w.engine.failAfter("Offer", nil)
	eventually(t, "the packs are read", func() bool {
		return strings.Contains(w.call("GET", "/v2/catalog", "").require(200).body, "2.0.0")
	})
}

// touchPacks lets the broker notice a change in its packs.
func (w *world) touchPacks() {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.config.Packs[0], "tiny", "changed"), nil, 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// A credential that JSON would change is not handed out.
func TestBindingThatIsNoText(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	const path = "/v2/service_instances/one"
	w.call("PUT", path, w.provisionBody("small")).require(201)
	w.engine.secret("hush\xff")
	w.call("PUT", path+"/service_bindings/b", w.bindBody()).require(500, "URL", "UTF-8")
	if bound := w.engine.consumers(); len(bound) > 0 {
		t.Errorf("bound are %v", bound)
	}
}

// A container host that is restarted fails no operation.
func TestHostComesBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	const path = "/v2/service_instances/one"
	w.engine.failAfter("Up", &engine.Error{Op: "up", Kind: engine.NoHost, Err: errors.New("no answer")})
	begun := w.call("PUT", path+"?accepts_incomplete=true", w.provisionBody("small")).require(202).operation()
	eventually(t, "it is tried", func() bool { return w.engine.calls("Up") > 0 })
	w.engine.failAfter("Up", nil)
	eventually(t, "it is tried again", func() bool {
		return strings.Contains(w.call("GET", path+"/last_operation?operation="+begun, "").require(200).body, "succeeded")
	})
	if made := w.engine.names(); len(made) != 1 {
		t.Errorf("instances %v, want one", made)
	}
}

// A pack that was left out is asked again, although its files are the same.
func TestLeftOutPackIsAskedAgain(t *testing.T) {
	t.Parallel()
	var late atomic.Int64
	w := newWorld(t, func(c *broker.Config) {
		c.Now = func() time.Time { return time.Now().Add(time.Duration(late.Load())) }
	})
	w.engine.release("2.0.0") // stands for a pack that says something else than before
	late.Store(int64(time.Hour))
	eventually(t, "the packs are read again", func() bool {
		return strings.Contains(w.call("GET", "/v2/catalog", "").require(200).body, "2.0.0")
	})
}
