package soak

import "encoding/json"

// bindings is how many ids of bindings a client uses.
const bindings = 3

// presence tells what a broker has on record of an instance.
type presence string

const (
	absent presence = "absent"
	there  presence = "there"
	// spoilt is an instance that could not be made: as good as none, but the
	// platform may take it away.
	spoilt presence = "spoilt"
)

// kind is what a request asks for, or an operation does.
type kind string

const (
	provision    kind = "provision"
	update       kind = "update"
	deprovision  kind = "deprovision"
	bind         kind = "bind"
	unbind       kind = "unbind"
	fetch        kind = "fetch"
	fetchBinding kind = "fetch binding"
	poll         kind = "poll"
	pollBinding  kind = "poll binding"
)

// progress is how far an operation is, in the specification's words.
type progress string

const (
	running   progress = "in progress"
	succeeded progress = "succeeded"
	failed    progress = "failed"
)

// operation is the latest on an instance or a binding.
type operation struct {
	kind     kind
	progress progress // empty: there has been none
	id       string   // as the broker told; empty: it has not
	plan     string   // what is provisioned, or changed to
	given    string   // the parameters of the request
	doomed   bool     // the pack cannot do it
	kills    int      // how many brokers had been killed when it began
	asking   uint8    // the requests that asked for it, a bit each
}

func (o *operation) is(k kind) bool { return o.kind == k && o.progress == running }

// world is all that may be the case of one instance. It can be compared.
type world struct {
	presence   presence
	plan       string
	parameters string
	operation  operation
	bindings   [bindings]binding
	// ends is how the operations ended that requests wait for.
	ends [atOnce]progress
}

type binding struct {
	there       bool
	plan        string
	app         string
	predecessor string
	credentials string // empty: not seen yet
	operation   operation
}

// with are the parameters of an instance that is given more of them. Those that are
// not named stay. All are JSON.
func with(before, given string) string {
	merged := map[string]any{}
	for _, text := range []string{before, given} {
		if text != "" && json.Unmarshal([]byte(text), &merged) != nil {
			return text
		}
	}
	if len(merged) == 0 {
		return ""
	}
	text, _ := json.Marshal(merged) // which was JSON
	return string(text)
}

// pending tells that an operation on a binding is in progress.
func (w *world) pending() bool {
	for i := range w.bindings {
		if w.bindings[i].operation.progress == running {
			return true
		}
	}
	return false
}

// bound tells that there are bindings, or may soon be.
func (w *world) bound() bool {
	for i := range w.bindings {
		if w.bindings[i].there {
			return true
		}
	}
	return w.pending()
}

// later are the worlds that this one may have become: operations end by
// themselves. One fails if it must, and may fail if a broker has been killed since
// it began.
func (w world) later(kills int) []world {
	worlds := []world{w}
	if w.operation.progress == running {
		worlds = append(worlds, w.instanceEnds(kills)...)
	}
	for i := range w.bindings {
		if w.bindings[i].operation.progress != running {
			continue
		}
		for _, before := range worlds { // those that are added are not visited
			worlds = append(worlds, before.bindingEnds(i, kills)...)
		}
	}
	return worlds
}

func (w world) instanceEnds(kills int) []world {
	var worlds []world
	if !w.operation.doomed {
		worlds = append(worlds, w.instanceDone())
	}
	if w.operation.doomed || kills > w.operation.kills {
		undone := w
		if w.operation.kind == provision {
			undone.presence, undone.plan, undone.parameters = spoilt, w.operation.plan, w.operation.given
		}
		undone.end(&undone.operation, failed)
		worlds = append(worlds, undone)
	}
	return worlds
}

func (w world) instanceDone() world {
	switch w.operation.kind {
	case provision:
		w.presence, w.plan, w.parameters = there, w.operation.plan, w.operation.given
	case update:
		w.plan, w.parameters = w.operation.plan, with(w.parameters, w.operation.given)
	case deprovision:
		w.presence, w.plan, w.parameters = absent, "", ""
	case bind, unbind, fetch, fetchBinding, poll, pollBinding:
	}
	w.end(&w.operation, succeeded)
	return w
}

func (w world) bindingEnds(i, kills int) []world {
	begins := w.bindings[i].operation.kind == bind
	done := w
	if begins {
		done.bindings[i].there = true
	} else {
		done.bindings[i].forget()
	}
	done.end(&done.bindings[i].operation, succeeded)
	if kills <= w.bindings[i].operation.kills {
		return []world{done}
	}
	undone := w
	if begins {
		undone.bindings[i].forget()
	}
	undone.end(&undone.bindings[i].operation, failed)
	return []world{done, undone}
}

// forget keeps nothing but the operation.
func (b *binding) forget() { *b = binding{operation: b.operation} }

// end ends an operation. What it was asked for does not matter any more.
func (w *world) end(o *operation, how progress) {
	o.progress = how
	o.plan, o.given, o.doomed, o.kills = "", "", false, 0
	for i := range w.ends {
		if o.asking&(1<<i) != 0 {
			w.ends[i] = how
		}
	}
}

// answered forgets who asked, when all have their answers.
func (w world) answered() world {
	w.ends = [atOnce]progress{}
	w.operation.asking = 0
	for i := range w.bindings {
		w.bindings[i].operation.asking = 0
	}
	return w
}
