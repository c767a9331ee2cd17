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
	ofRunning = weights{{poll, 52}, {pollBinding, 10}, {provision, 9}, {update, 6}, {deprovision, 6}, {bind, 6}, {unbind, 5}, {fetch, 3}, {fetchBinding, 3}}
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
		r.app = pick(c, apps)
		if c.chance(35) {
			r.predecessor = c.random.IntN(bindings)
		}
	case deprovision, unbind:
		r.incomplete = c.chance(5)
	case poll:
		r.async, r.operation = false, c.operation(w.operation)
	case pollBinding:
		r.async, r.operation = false, c.operation(w.bindings[r.binding].operation)
	case fetch, fetchBinding:
		r.async = false
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
