package osb

import (
	"net/url"
	"slices"
)

// ParseQuery reads a query string; unlike [url.URL.Query] it drops nothing.
func ParseQuery(raw string) (url.Values, *Error) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return nil, BadRequest("the query string is malformed")
	}
	return values, nil
}

// AcceptsIncomplete tells whether the client waits for asynchronous operations.
func AcceptsIncomplete(q url.Values) (bool, *Error) {
	value, refusal := queryField(q, "accepts_incomplete")
	switch {
	case refusal != nil:
		return false, refusal
	case value == "true":
		return true, nil
	case value == "false", !q.Has("accepts_incomplete"):
		return false, nil
	}
	return false, BadRequest("accepts_incomplete must be true or false")
}

// RequireIDs reads the ids that a DELETE must have.
func RequireIDs(q url.Values) (serviceID, planID string, refusal *Error) {
	if serviceID, refusal = requiredQueryField(q, "service_id"); refusal != nil {
		return "", "", refusal
	}
	if planID, refusal = requiredQueryField(q, "plan_id"); refusal != nil {
		return "", "", refusal
	}
	return serviceID, planID, nil
}

// Hints are what a GET may carry. Empty fields were not sent.
type Hints struct{ ServiceID, PlanID, Operation string }

// ParseHints reads the hints of a GET: those that are there must not be empty.
func ParseHints(q url.Values) (Hints, *Error) {
	var hints Hints
	for _, hint := range []struct {
		name  string
		field *string
	}{{"service_id", &hints.ServiceID}, {"plan_id", &hints.PlanID}, {"operation", &hints.Operation}} {
		if !q.Has(hint.name) {
			continue
		}
		value, refusal := requiredQueryField(q, hint.name)
		if refusal != nil {
			return Hints{}, refusal
		}
		*hint.field = value
	}
	return hints, nil
}

func requiredQueryField(q url.Values, name string) (string, *Error) {
	if !q.Has(name) {
		return "", BadRequest("the query parameter %s is missing", name)
	}
	value, refusal := queryField(q, name)
	if refusal != nil {
		return "", refusal
	}
	return value, checkID(name, value)
}

// queryField is the value of a parameter that is sent once, or always with the
// same value.
func queryField(q url.Values, name string) (string, *Error) {
	values := q[name]
	if len(slices.Compact(slices.Clone(values))) > 1 {
		return "", BadRequest("the query parameter %s is there twice, with different values", name)
	}
	return q.Get(name), nil
}
