package soak

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/servicepack/svp/integration/svptest"
)

func sortedKeys[V any](from map[string]V) []string { return slices.Sorted(maps.Keys(from)) }

// How long operations may take to end, and leftovers to be removed, when nobody
// asks for anything any more.
const (
	settleDeadline = 3 * time.Minute
	removeDeadline = time.Minute
)

// must makes a request that the model judges.
func (c *client) must(t testing.TB, r request) {
	t.Helper()
	if _, err := c.exchange(t.Context(), r); err != nil {
		t.Fatalf("a rule is broken: %v", err)
	}
}

// settle waits until no operation is in progress, and then makes sure of what
// there is.
func (s *soak) settle(t *testing.T) {
	t.Helper()
	for _, c := range s.clients {
		svptest.Eventually(t, settleDeadline, "the operations on "+c.id+" end", func() bool {
			c.must(t, request{kind: poll, predecessor: none})
			for i := range bindings {
				c.must(t, request{kind: pollBinding, binding: i, predecessor: none})
			}
			return !slices.ContainsFunc(c.worlds, func(w world) bool { return w.operation.progress == running || w.pending() })
		})
		c.must(t, request{kind: fetch, predecessor: none})
		for i := range bindings {
			c.must(t, request{kind: fetchBinding, binding: i, predecessor: none})
		}
	}
}

// verify compares what there is with what the clients were told of, and has it
// removed.
func (s *soak) verify(t *testing.T) {
	t.Helper()
	owned := map[string]bool{}
	for _, c := range s.clients {
		if c.worlds[0].presence == there {
			owned[s.verifyInstance(t, c)] = true
		}
	}
	t.Logf("%d instances are there at the end", len(owned))
	s.brokers.stop(t)
	s.requireInstances(t, owned)
	if t.Failed() {
		return // what is left is shown; it goes with the run
	}
	for _, c := range s.clients {
		s.remove(t, c)
	}
	s.requireInstances(t, map[string]bool{})
	svptest.Eventually(t, removeDeadline, "nothing of the pack is there", func() bool { return len(s.leftovers(t)) == 0 })
	s.requireSilence(t)
}

// verifyInstance checks that the instance serves those that are bound to it, and
// nobody else, and returns its name.
func (s *soak) verifyInstance(t *testing.T, c *client) string {
	t.Helper()
	w := c.worlds[0]
	if !w.bound() {
		c.must(t, request{kind: bind, plan: w.plan, app: apps[0], predecessor: none})
		w = c.worlds[0]
	}
	name, bound := "", []string{}
	for i := range w.bindings {
		if w.bindings[i].there {
			name = credential(w.bindings[i].credentials, "NAME")
			bound = append(bound, tokenOf(w.bindings[i].credentials))
		}
	}
	inside := s.suite.Run(t, svptest.Call{Args: []string{"shell", name, "--", "sh", "-c", "cat /srv/data/user-*"}}).Require(t, 0)
	valid := strings.Fields(inside.Stdout)
	slices.Sort(valid)
	slices.Sort(bound)
	if !slices.Equal(valid, bound) {
		t.Errorf("instance %q (%s): the %d credentials that are valid are not the %d that were handed out\n%s",
			c.id, name, len(valid), len(bound), strings.Join(c.history, "\n"))
	}
	return name
}

// credential is a value of the credentials of a binding.
func credential(credentials, name string) string {
	var values map[string]any
	if json.Unmarshal([]byte(credentials), &values) != nil {
		return ""
	}
	value, _ := values[name].(string)
	return value
}

func tokenOf(credentials string) string { return credential(credentials, "TOKEN") }

// requireInstances waits until the pool is gone, and checks that the instances of
// the pack are those.
func (s *soak) requireInstances(t *testing.T, owned map[string]bool) {
	t.Helper()
	var found map[string]bool
	end := time.Now().Add(removeDeadline)
	svptest.Eventually(t, 2*removeDeadline, "the instances are counted", func() bool {
		found = map[string]bool{}
		for _, object := range s.suite.List(t, s.pack) {
			if name := object.Labels[svptest.LabelInstance]; name != "" {
				found[name] = true
			}
		}
		return maps.Equal(found, owned) || time.Now().After(end)
	})
	for name := range owned {
		if !found[name] {
			t.Errorf("lost: instance %s", name)
		}
	}
	for name := range found {
		if !owned[name] {
			t.Errorf("an orphan: instance %s: %v", name, s.suite.List(t, name))
		}
	}
}

// remove takes away what a client has, as a platform does.
func (s *soak) remove(t *testing.T, c *client) {
	t.Helper()
	plan := plans[0]
	if known := c.worlds[0].plan; known != "" {
		plan = known
	}
	for i := range bindings {
		c.must(t, request{kind: unbind, binding: i, plan: plan, predecessor: none})
	}
	c.must(t, request{kind: deprovision, plan: plan, predecessor: none})
	c.must(t, request{kind: fetch, predecessor: none})
	if left := c.worlds[0].presence; left != absent {
		t.Errorf("instance %q is %s after its removal", c.id, left)
	}
}

// leftovers are what is there of the pack beside its base image.
func (s *soak) leftovers(t *testing.T) []svptest.Object {
	t.Helper()
	return slices.DeleteFunc(s.suite.List(t, s.pack), func(o svptest.Object) bool {
		return o.Kind == "image" && o.Labels[svptest.LabelPhase] == "base"
	})
}

// requireSilence checks that no broker's log holds credentials.
func (s *soak) requireSilence(t *testing.T) {
	t.Helper()
	for _, broker := range s.brokers.ever {
		log := broker.Stderr() + broker.Stdout()
		for _, c := range s.clients {
			for token := range c.tokens {
				if strings.Contains(log, token) {
					t.Errorf("the credentials of a binding of %q are in the log of a broker", c.id)
				}
			}
		}
	}
}
