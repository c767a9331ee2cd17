package soak

import "net/http"

func beginBind(w world, r request) step {
	one := beginBindOf(w, r)
	b := &w.bindings[r.binding]
	repeated := (b.there || b.operation.is(bind)) && b.isFor(r)
	if r.predecessor != none && !w.canHaveSuccessor(r) && !repeated {
		// Whatever else may keep it from being made.
		one.accept = either(one.accept, answers(http.StatusBadRequest))
	}
	return one
}

// beginBindOf takes for granted that a predecessor can have a successor.
func beginBindOf(w world, r request) step {
	b, find := &w.bindings[r.binding], ofBinding(r.binding)
	switch {
	case w.operation.is(provision), w.operation.is(deprovision):
		return step{w, busy}
	case w.presence != there:
		return step{w, answers(http.StatusNotFound, http.StatusBadRequest)}
	case r.plan != w.plan && w.operation.is(update):
		return step{w, either(answers(http.StatusBadRequest), busy)}
	case r.plan != w.plan:
		return step{w, answers(http.StatusBadRequest)}
	case b.operation.is(unbind):
		return step{w, busy}
	case (b.there || b.operation.is(bind)) && !b.isFor(r) && w.operation.is(update):
		return step{w, either(answers(http.StatusConflict), busy)}
	case (b.there || b.operation.is(bind)) && !b.isFor(r):
		return step{w, answers(http.StatusConflict)}
	case b.there && w.operation.is(update):
		return step{w, either(boundAlready(*b, r), busy)}
	case b.there:
		return step{w, boundAlready(*b, r)}
	case b.operation.is(bind):
		return step{r.joined(w, find), r.bound(find, http.StatusOK, http.StatusCreated)}
	case r.predecessor != none && !w.canHaveSuccessor(r):
		return step{w, answers(http.StatusBadRequest)}
	case w.operation.is(update):
		return step{w, busy}
	}
	next := r.begun(w, find)
	made := &next.bindings[r.binding]
	made.plan, made.app, made.predecessor = r.plan, r.app, predecessorID(r.predecessor)
	if r.predecessor != none {
		made.app = w.bindings[r.predecessor].app
	}
	return step{next, r.bound(find, http.StatusCreated)}
}

// none is the predecessor of a binding that has none.
const none = -1

func predecessorID(i int) string {
	if i == none {
		return ""
	}
	return bindingID(i)
}

func (w *world) canHaveSuccessor(r request) bool {
	predecessor := &w.bindings[r.predecessor]
	return predecessor.there && predecessor.operation.progress != running && r.predecessor != r.binding
}

// isFor tells whether the binding is what the request asks for. A successor takes
// over what its predecessor is for.
func (b *binding) isFor(r request) bool {
	return b.predecessor == predecessorID(r.predecessor) && (r.predecessor != none || b.app == r.app)
}

// boundAlready accepts the same credentials for the same request, and no others.
func boundAlready(b binding, r request) accept {
	same := func(w world, a answer) (world, bool) { return w.given(r.binding, a, http.StatusOK) }
	if b.plan != r.plan {
		// The plan of the instance has changed, and the specification does not say
		// whether the request is the same one.
		return either(same, answers(http.StatusConflict))
	}
	return same
}

// given learns the credentials of a binding, or compares them with what is known.
func (w world) given(i int, a answer, statuses ...int) (world, bool) {
	b := &w.bindings[i]
	for _, status := range statuses {
		if a.status != status {
			continue
		}
		if a.credentials == "" || b.credentials != "" && b.credentials != a.credentials {
			return w, false
		}
		for other := range w.bindings {
			if other != i && w.bindings[other].credentials == a.credentials {
				return w, false
			}
		}
		if b.there {
			b.credentials = a.credentials
		}
		return w, true
	}
	return w, false
}

// bound accepts the answer to who asked for a binding that is being made.
func (r request) bound(find func(*world) *operation, statuses ...int) accept {
	ends := r.ends(find, statuses...)
	return func(w world, a answer) (world, bool) {
		next, right := ends(w, a)
		if !right || a.status == http.StatusAccepted || a.status == http.StatusInternalServerError {
			return next, right
		}
		return next.given(r.binding, a, statuses...)
	}
}

func beginUnbind(w world, r request) step {
	b, find := &w.bindings[r.binding], ofBinding(r.binding)
	switch {
	case r.incomplete:
		return step{w, answers(http.StatusBadRequest)}
	case !b.there && !b.operation.is(bind):
		return step{w, answers(http.StatusGone)}
	case r.plan != b.plan && r.plan != w.plan && (w.operation.progress == running || b.operation.progress == running):
		return step{w, either(answers(http.StatusBadRequest), busy)}
	case r.plan != b.plan && r.plan != w.plan:
		return step{w, answers(http.StatusBadRequest)}
	case b.operation.is(unbind):
		return step{r.joined(w, find), r.ends(find, http.StatusOK)}
	case b.operation.is(bind), w.operation.progress == running:
		return step{w, busy}
	}
	return step{r.begun(w, find), r.ends(find, http.StatusOK)}
}

func fetchedBinding(w world, i int) accept {
	b := w.bindings[i]
	found := func(next world, a answer) (world, bool) { return next.given(i, a, http.StatusOK) }
	switch {
	case b.operation.is(unbind):
		return either(busy, answers(http.StatusNotFound))
	case !b.there:
		return answers(http.StatusNotFound)
	case w.operation.is(update):
		return either(found, busy)
	}
	return found
}
