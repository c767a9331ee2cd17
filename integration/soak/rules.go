package soak

import (
	"net/http"
	"slices"
)

// accept tells whether an answer is right in a world, and what is known after it.
type accept func(world, answer) (world, bool)

// step is what a request may come to.
type step struct {
	world  world
	accept accept
}

// begin is what the request may come to in the world.
func begin(w world, r request) step {
	switch r.kind {
	case provision:
		return beginProvision(w, r)
	case update:
		return beginUpdate(w, r)
	case deprovision:
		return beginDeprovision(w, r)
	case bind:
		return beginBind(w, r)
	case unbind:
		return beginUnbind(w, r)
	case fetch:
		return step{w, fetched(w)}
	case fetchBinding:
		return step{w, fetchedBinding(w, r.binding)}
	case poll:
		return step{w, polled(w.operation, r)}
	case pollBinding:
		return step{w, polled(w.bindings[r.binding].operation, r)}
	}
	return step{w, either()}
}

// ofInstance and ofBinding find the operation that a request is about.
func ofInstance(w *world) *operation { return &w.operation }

func ofBinding(i int) func(*world) *operation {
	return func(w *world) *operation { return &w.bindings[i].operation }
}

// begun is a world in which the request has begun an operation.
func (r request) begun(w world, find func(*world) *operation) world {
	*find(&w) = operation{
		kind: r.kind, progress: running, plan: r.plan, given: r.parameters, doomed: r.doomed(), kills: r.kills, asking: r.bit(),
	}
	return w
}

// joined is a world in which the request has been told of an operation that was in
// progress already.
func (r request) joined(w world, find func(*world) *operation) world {
	find(&w).asking |= r.bit()
	return w
}

// ends accepts the answer to who asked for an operation: one who can poll is told
// its id, another how it ended.
func (r request) ends(find func(*world) *operation, statuses ...int) accept {
	return func(w world, a answer) (world, bool) {
		if r.async && a.status == http.StatusAccepted {
			o := find(&w)
			if o.asking&r.bit() == 0 { // it has ended, and another has begun
				return w, a.operation != ""
			}
			right := a.operation != "" && (o.id == "" || o.id == a.operation)
			o.id = a.operation
			return w, right
		}
		switch w.ends[r.index] {
		case succeeded:
			return w, slices.Contains(statuses, a.status)
		case failed:
			return w, a.status == http.StatusInternalServerError && a.description != ""
		case running:
		}
		return w, false
	}
}

// answers accepts an answer that nothing but its status tells from others.
func answers(statuses ...int) accept {
	return func(w world, a answer) (world, bool) {
		return w, slices.Contains(statuses, a.status) && a.code != concurrencyError
	}
}

const concurrencyError = "ConcurrencyError"

// busy accepts that another operation comes first.
func busy(w world, a answer) (world, bool) {
	return w, a.status == http.StatusUnprocessableEntity && a.code == concurrencyError
}

// either accepts what one of them does.
func either(accepts ...accept) accept {
	return func(w world, a answer) (world, bool) {
		for _, one := range accepts {
			if next, right := one(w, a); right {
				return next, true
			}
		}
		return w, false
	}
}

func beginProvision(w world, r request) step {
	switch {
	case w.operation.is(provision):
		if r.plan != w.operation.plan || r.parameters != w.operation.given {
			return step{w, answers(http.StatusConflict)}
		}
		return step{r.joined(w, ofInstance), r.ends(ofInstance, http.StatusOK, http.StatusCreated)}
	case w.operation.is(deprovision):
		return step{w, busy}
	case w.presence != there:
		return step{r.begun(w, ofInstance), r.ends(ofInstance, http.StatusCreated)}
	}
	rule := answers(http.StatusConflict)
	if r.plan == w.plan && r.parameters == w.parameters {
		rule = answers(http.StatusOK)
	}
	switch {
	case w.operation.is(update):
		// It may be asked for what the instance is, or what it will be.
		return step{w, either(busy, answers(http.StatusConflict))}
	case w.pending():
		return step{w, either(rule, busy)}
	}
	return step{w, rule}
}

func beginUpdate(w world, r request) step {
	one := beginUpdateOf(w, r)
	if r.paired {
		// The other request may have changed what this one was decided on.
		one.accept = either(one.accept, busy)
	}
	return one
}

func beginUpdateOf(w world, r request) step {
	switch {
	case w.operation.is(provision), w.operation.is(deprovision):
		return step{w, busy}
	case w.presence != there:
		return step{w, answers(http.StatusNotFound, http.StatusBadRequest)}
	case w.operation.is(update) && r.plan == w.operation.plan && r.parameters == w.operation.given:
		return step{r.joined(w, ofInstance), r.ends(ofInstance, http.StatusOK)}
	case w.operation.is(update), w.pending():
		return step{w, busy}
	case r.plan == w.plan && with(w.parameters, r.parameters) == w.parameters:
		return step{w, answers(http.StatusOK)}
	}
	return step{r.begun(w, ofInstance), r.ends(ofInstance, http.StatusOK)}
}

func beginDeprovision(w world, r request) step {
	current := w.plan
	if w.operation.is(provision) {
		current = w.operation.plan
	}
	switch {
	case r.incomplete:
		return step{w, answers(http.StatusBadRequest)}
	case w.presence == absent && !w.operation.is(provision):
		return step{w, answers(http.StatusGone)}
	case r.plan != current && w.operation.progress == running:
		return step{w, either(answers(http.StatusBadRequest), busy)}
	case r.plan != current:
		return step{w, answers(http.StatusBadRequest)}
	case w.operation.is(deprovision):
		return step{r.joined(w, ofInstance), r.ends(ofInstance, http.StatusOK)}
	case w.operation.progress == running:
		return step{w, busy}
	case w.pending():
		return step{w, either(busy, answers(http.StatusUnprocessableEntity))}
	case w.bound():
		return step{w, stillBound}
	}
	return step{r.begun(w, ofInstance), r.ends(ofInstance, http.StatusOK)}
}

// stillBound refuses to take an instance away, and names its bindings.
func stillBound(w world, a answer) (world, bool) {
	for i := range w.bindings {
		if w.bindings[i].there && !a.names(bindingID(i)) {
			return w, false
		}
	}
	return w, a.status == http.StatusUnprocessableEntity && a.code != concurrencyError
}

func fetched(w world) accept {
	found := func(next world, a answer) (world, bool) {
		return next, a.status == http.StatusOK && a.plan == w.plan && a.parameters == w.parameters
	}
	switch {
	case w.operation.is(deprovision):
		return either(busy, answers(http.StatusNotFound))
	case w.presence != there:
		return answers(http.StatusNotFound)
	case w.operation.is(update):
		return busy
	case w.pending():
		return either(found, busy)
	}
	return found
}

// polled accepts how far the operation is, which must be the one that the client
// asks for, or an earlier one, which has ended.
func polled(o operation, r request) accept {
	return func(w world, a answer) (world, bool) {
		switch {
		case o.progress == "":
			return w, a.status == http.StatusNotFound
		case a.status == http.StatusGone:
			return w, o.progress == succeeded && (o.kind == deprovision || o.kind == unbind)
		case a.status != http.StatusOK:
			return w, false
		case r.operation != "" && r.operation != o.id:
			return w, a.state != "" && (a.state != running || o.id == "")
		case a.state == failed && a.description == "", a.state == running && a.retryAfter == "":
			return w, false
		}
		return w, a.state == o.progress
	}
}
