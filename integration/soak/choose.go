package soak

import "math/rand/v2"

// chooser chooses what to ask for: mostly what a platform would, often what
// conflicts with what goes on.
type chooser struct{ random *rand.Rand }

var (
	plans      = []string{"small", "large"}
	parameters = []string{"", "", `{"color":"red"}`, `{"level":3}`}
	apps       = []string{"app-1", "app-2"}
)

func pick[T any](c chooser, from []T) T { return from[c.random.IntN(len(from))] }

// chance is true so often in a hundred.
func (c chooser) chance(percent int) bool { return c.random.IntN(100) < percent }

// weights are how often a request is chosen, by what is known of the instance.
type weights []struct {
	kind   kind
	weight int
}

var (
	ofNone    = weights{{provision, 70}, {fetch, 5}, {poll, 8}, {update, 3}, {deprovision, 6}, {bind, 4}, {unbind, 4}}
	ofReady   = weights{{bind, 26}, {unbind, 14}, {update, 14}, {deprovision, 14}, {provision, 7}, {fetch, 6}, {fetchBinding, 8}, {poll, 4}, {pollBinding, 7}}
	ofRunning = weights{{poll, 60}, {pollBinding, 15}, {provision, 6}, {update, 4}, {deprovision, 4}, {bind, 4}, {unbind, 3}, {fetch, 2}, {fetchBinding, 2}}
)

func (c chooser) kind(from weights) kind {
	total := 0
	for _, entry := range from {
		total += entry.weight
	}
	at := c.random.IntN(total)
	for _, entry := range from {
		if at < entry.weight {
			return entry.kind
		}
		at -= entry.weight
	}
	return from[0].kind
}

// request chooses one in the world, which is what the client believes in.
func (c chooser) request(w world) request {
	from := ofNone
	switch {
	case w.operation.progress == running || w.pending():
		from = ofRunning
	case w.presence == there:
		from = ofReady
	}
	r := request{kind: c.kind(from), plan: w.plan, predecessor: none, binding: c.random.IntN(bindings), async: c.chance(60)}
	switch r.kind {
	case provision:
		c.provision(&r, w)
	case update:
		if c.chance(60) {
			r.plan = pick(c, plans)
		}
		r.parameters = pick(c, parameters)
	case bind:
		r.binding, r.app = c.binding(w, false), pick(c, apps)
		if c.chance(35) {
			r.predecessor = c.binding(w, true)
		}
	case deprovision, unbind:
		if w.bound() && c.chance(60) {
			r.kind = unbind
		}
		r.binding, r.incomplete = c.binding(w, true), c.chance(5)
	case poll:
		r.async, r.operation = false, c.operation(w.operation)
	case pollBinding:
		r.async, r.operation = false, c.operation(w.bindings[r.binding].operation)
	case fetch, fetchBinding:
		r.binding, r.async = c.binding(w, true), false
	}
	if r.plan == "" {
		r.plan = pick(c, plans)
	}
	return r
}

// provision asks for a new instance, or again for the one that there is.
func (c chooser) provision(r *request, w world) {
	r.plan, r.parameters = pick(c, plans), pick(c, parameters)
	switch {
	case w.operation.is(provision) && c.chance(60):
		r.plan, r.parameters = w.operation.plan, w.operation.given
	case w.presence == there && c.chance(60):
		r.plan, r.parameters = w.plan, w.parameters
	case c.chance(10):
		r.parameters = doom
	}
}

// binding is one that is there, or one that is not, mostly.
func (c chooser) binding(w world, exists bool) int {
	chosen := c.random.IntN(bindings)
	for tries := 0; w.bindings[chosen].there != exists && tries < bindings; tries++ {
		chosen = c.random.IntN(bindings)
	}
	return chosen
}

// operation is the id to poll with.
func (c chooser) operation(o operation) string {
	if c.chance(50) {
		return o.id
	}
	return ""
}

// second chooses what to ask for at the same time.
func (c chooser) second(first request, w world) request {
	if c.chance(50) {
		if first.kind != poll && first.kind != pollBinding && first.kind != fetch && first.kind != fetchBinding {
			first.async = c.chance(60)
		}
		return first
	}
	return c.request(w)
}
