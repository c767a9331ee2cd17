package broker_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
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

// An operation that another broker has taken over is left to it: its end is not
// recorded, and what the other makes by now is not removed.
func TestTakenOverIsLeftAlone(t *testing.T) {
	t.Parallel()
	for ending, failure := range map[string]error{"operation succeeded": nil, "operation failed": errors.New("no room")} {
		t.Run(ending, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			open := w.engine.gate("Up")
			defer open()
			if failure != nil {
				w.engine.fail["Up"] = failure
			}
			const path = "/v2/service_instances/one"
			id := w.call("PUT", path+"?accepts_incomplete=true", w.provisionBody("small")).require(202).operation()
			eventually(t, "it is at work", func() bool { return w.engine.calls("Up") == 1 })
			owner := w.owners()[0]
			if err := w.config.Store.Beat(t.Context(), "another"); err != nil {
				t.Fatal(err)
			}
			if taken, err := w.config.Store.TakeOver(t.Context(), id, owner, "another"); err != nil || !taken {
				t.Fatalf("taken over: %v, %v", taken, err)
			}
			open()
			eventually(t, ending, func() bool { return strings.Contains(w.log.String(), ending) })
			w.stop()
			if removed := w.engine.calls("Destroy"); removed != 0 {
				t.Errorf("the instance was removed %d times", removed)
			}
			opened, err := store.Open(t.Context(), w.file, w.key)
			if err != nil {
				t.Fatal(err)
			}
			defer opened.Close()
			err = opened.View(t.Context(), "one", func(tx *store.Tx) error {
				operation, err := tx.Operation(t.Context(), id)
				if err == nil && (operation.State != store.InProgress || operation.Owner != "another") {
					t.Errorf("the operation is %s, of %s", operation.State, operation.Owner)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}

// The metrics that the operator is told of are there.
func TestMetricsThatOperatorsAreToldOf(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../examples/broker/README.md")
	if err != nil {
		t.Fatal(err)
	}
	told := regexp.MustCompile("svp_broker_[a-z_]+").FindAllString(string(text), -1)
	if len(told) < 5 {
		t.Fatalf("the document tells of %v", told)
	}
	w := newWorld(t, func(c *broker.Config) { c.Warm = 1 })
	w.call("PUT", "/v2/service_instances/one", w.provisionBody("small")).require(201)
	w.call("GET", "/v2/service_instances/none", "").require(404)
	eventually(t, "the pool has instances", func() bool {
		return strings.Contains(w.call("GET", "/metrics", "").require(200).body, "svp_broker_pool_instances{")
	})
	metrics := w.call("GET", "/metrics", "").require(200).body
	for _, name := range told {
		if !strings.Contains(metrics, "# TYPE "+name+" ") {
			t.Errorf("there is no metric %s", name)
		}
	}
}
