package soak

import (
	"net/http"
	"slices"
	"testing"
)

// said is a request, or two at once, with what was answered; nil: nothing.
type said struct {
	requests []request
	answers  []*answer
	kills    int
}

func one(r request, a *answer) said { return said{requests: []request{r}, answers: []*answer{a}} }

func both(r request, a *answer, s request, b *answer) said {
	return said{requests: []request{r, s}, answers: []*answer{a, b}}
}

// after is the same when so many brokers had been killed.
func (s said) after(kills int) said {
	s.kills = kills
	return s
}

// hear judges one after the other, and tells whether all of it may be the case.
func hear(all []said) bool {
	worlds := []world{{presence: absent}}
	before := 0
	for _, s := range all {
		requests := slices.Clone(s.requests) // other tests say the same
		for i := range requests {
			requests[i].index, requests[i].kills = i, before
		}
		worlds = judge(worlds, requests, s.answers, s.kills)
		before = s.kills
	}
	return len(worlds) > 0
}

func ask(k kind, change ...func(*request)) request {
	r := request{kind: k, plan: "small", app: "app-1", predecessor: none}
	for _, c := range change {
		c(&r)
	}
	return r
}

func async(r *request)          { r.async = true }
func large(r *request)          { r.plan = "large" }
func second(r *request)         { r.binding = 1 }
func afterFirst(r *request)     { r.predecessor = 0 }
func doomed(r *request)         { r.parameters = doom }
func status(s int) *answer      { return &answer{status: s} }
func isBusy() *answer           { return &answer{status: http.StatusUnprocessableEntity, code: concurrencyError} }
func begins(id string) *answer  { return &answer{status: http.StatusAccepted, operation: id} }
func shows(plan string) *answer { return &answer{status: http.StatusOK, plan: plan} }
func gives(status int, credentials string) *answer {
	return &answer{status: status, credentials: credentials}
}

func is(state progress) *answer {
	return &answer{status: http.StatusOK, state: state, description: "words", retryAfter: "1"}
}

var (
	created = one(ask(provision), status(http.StatusCreated))
	bound   = one(ask(bind), gives(http.StatusCreated, "a"))
)

func TestWhatMayBeTheCase(t *testing.T) {
	t.Parallel()
	for name, all := range map[string][]said{
		"a life": {
			created, one(ask(provision), status(http.StatusOK)), one(ask(provision, large), status(http.StatusConflict)),
			one(ask(fetch), shows("small")), one(ask(update, large), status(http.StatusOK)), one(ask(fetch), shows("large")),
			one(ask(deprovision), status(http.StatusBadRequest)), one(ask(deprovision, large), status(http.StatusOK)),
			one(ask(deprovision, large), status(http.StatusGone)), one(ask(fetch), status(http.StatusNotFound)),
		},
		"a client that polls": {
			one(ask(poll), status(http.StatusNotFound)), one(ask(provision, async), begins("1")), one(ask(poll), is(running)),
			one(ask(provision, async), begins("1")), one(ask(fetch), status(http.StatusNotFound)), one(ask(poll), is(succeeded)),
			one(ask(deprovision, async), begins("2")), one(ask(poll), status(http.StatusGone)),
		},
		"bindings": {
			created, bound, one(ask(bind), gives(http.StatusOK, "a")), one(ask(fetchBinding), gives(http.StatusOK, "a")),
			one(ask(deprovision), &answer{status: http.StatusUnprocessableEntity, description: "unbind " + bindingID(0)}),
			one(ask(bind, second, afterFirst), gives(http.StatusCreated, "b")), one(ask(unbind), status(http.StatusOK)),
			one(ask(bind, second, afterFirst), gives(http.StatusOK, "b")),
			one(ask(unbind, second), status(http.StatusOK)), one(ask(deprovision), status(http.StatusOK)),
		},
		"it was served":             {one(ask(provision), nil), one(ask(provision), status(http.StatusOK))},
		"it was not served":         {one(ask(provision), nil), one(ask(provision), status(http.StatusCreated))},
		"the second joins":          {both(ask(provision, async), begins("1"), ask(provision, async), begins("1"))},
		"the second waits":          {both(ask(provision), status(http.StatusOK), ask(provision), status(http.StatusCreated))},
		"the second comes first":    {both(ask(provision), status(http.StatusConflict), ask(provision, large), status(http.StatusCreated))},
		"the pack fails":            {one(ask(provision, doomed), &answer{status: http.StatusInternalServerError, description: "no"})},
		"a killed broker's fails":   {one(ask(provision, async), begins("1")), one(ask(poll), is(failed)).after(1)},
		"a killed broker's is done": {one(ask(provision, async), begins("1")), one(ask(poll), is(succeeded)).after(1)},
	} {
		if !hear(all) {
			t.Errorf("%s: taken for a broken rule", name)
		}
	}
}

func TestBrokenRules(t *testing.T) {
	t.Parallel()
	for name, all := range map[string][]said{
		"made twice":                  {created, created},
		"lost":                        {created, one(ask(fetch), status(http.StatusNotFound))},
		"another plan":                {created, one(ask(fetch), shows("large"))},
		"a conflict is not told":      {created, one(ask(provision, large), status(http.StatusOK))},
		"another operation":           {one(ask(provision, async), begins("1")), one(ask(poll), is(running)), one(ask(provision, async), begins("2"))},
		"two operations at once":      {created, both(ask(update, async, large), begins("1"), ask(deprovision, async), begins("2")), one(ask(poll), is(running)), one(ask(fetch), shows("small"))},
		"begins again":                {one(ask(provision, async), begins("1")), one(ask(poll), is(succeeded)), one(ask(poll), is(running))},
		"fails without cause":         {one(ask(provision, async), begins("1")), one(ask(poll), is(failed))},
		"fails for an earlier cause":  {one(ask(fetch), status(http.StatusNotFound)).after(1), one(ask(provision, async), begins("1")).after(1), one(ask(poll), is(failed)).after(1)},
		"does what the pack cannot":   {one(ask(provision, doomed), status(http.StatusCreated))},
		"busy with nothing":           {created, one(ask(update, large), isBusy())},
		"a deletion never was":        {created, one(ask(deprovision, async), begins("1")), one(ask(poll), status(http.StatusNotFound))},
		"removed while bound":         {created, bound, one(ask(deprovision), status(http.StatusOK))},
		"bindings not named":          {created, bound, one(ask(deprovision), &answer{status: http.StatusUnprocessableEntity, description: "unbind"})},
		"other credentials":           {created, bound, one(ask(bind), gives(http.StatusOK, "b"))},
		"another's credentials":       {created, bound, one(ask(bind, second), gives(http.StatusCreated, "a"))},
		"the old ones after rotation": {created, bound, one(ask(bind, second, afterFirst), gives(http.StatusCreated, "a"))},
		"no credentials":              {created, one(ask(bind), gives(http.StatusCreated, ""))},
		"lost, after a crash":         {created, one(ask(fetch), status(http.StatusNotFound)).after(1)},
	} {
		if hear(all) {
			t.Errorf("%s: not noticed", name)
		}
	}
}
