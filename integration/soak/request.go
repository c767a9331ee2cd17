package soak

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/servicepack/svp/integration/svptest"
)

// atOnce is how many requests on an instance there may be at the same time.
const atOnce = 2

// request is what a client asks for.
type request struct {
	kind        kind
	binding     int // of requests about one
	plan        string
	parameters  string // JSON; empty: not sent
	app         string
	predecessor int    // of a rotation; else none
	operation   string // of a poll; empty: the latest
	async       bool
	incomplete  bool // a DELETE without the ids that it must have

	paired bool // there is another at the same time
	index  int  // among those at once
	kills  int  // how many brokers had been killed when it was sent
}

func (r request) bit() uint8 { return 1 << r.index }

// doomed tells that the pack cannot do it.
func (r request) doomed() bool { return r.kind == provision && r.parameters == doom }

// doom are parameters with which an instance cannot be set up.
const doom = `{"fail":"1"}`

// String tells in a report what was asked for.
func (r request) String() string {
	words := []string{string(r.kind)}
	if r.ofBinding() {
		words = append(words, fmt.Sprint(r.binding))
	}
	for _, word := range []string{r.plan, r.parameters, r.app, r.operation} {
		if word != "" {
			words = append(words, word)
		}
	}
	if r.kind == bind && r.predecessor != none {
		words = append(words, fmt.Sprintf("after %d", r.predecessor))
	}
	if r.async {
		words = append(words, "polling")
	}
	if r.incomplete {
		words = append(words, "without ids")
	}
	return strings.Join(words, " ")
}

func (r request) ofBinding() bool {
	switch r.kind {
	case bind, unbind, fetchBinding, pollBinding:
		return true
	case provision, update, deprovision, fetch, poll:
	}
	return false
}

func bindingID(i int) string { return fmt.Sprintf("Binding/%d ü%%2F..", i) }

// offer is what the client knows of the pack's service.
type offer struct {
	service string
	plans   map[string]string // ids by name
}

func (o offer) planName(id string) string {
	for name, known := range o.plans {
		if known == id {
			return name
		}
	}
	return id
}

// fields is a JSON object.
type fields map[string]any

// message is the request as it is sent.
func (r request) message(instance string, o offer) svptest.Request {
	m := svptest.Request{Path: "/v2/service_instances/" + url.PathEscape(instance), Query: url.Values{}}
	if r.ofBinding() {
		m.Path += "/service_bindings/" + url.PathEscape(bindingID(r.binding))
	}
	if r.async {
		m.Query.Set("accepts_incomplete", "true")
	}
	body := fields{"service_id": o.service, "plan_id": o.plans[r.plan]}
	if r.parameters != "" {
		body["parameters"] = json.RawMessage(r.parameters)
	}
	switch r.kind {
	case provision:
		m.Method = http.MethodPut
		body["organization_guid"], body["space_guid"] = "org", "space"
	case update:
		m.Method = http.MethodPatch
	case bind:
		m.Method = http.MethodPut
		if r.predecessor == none {
			body["bind_resource"] = fields{"app_guid": r.app}
		} else {
			body["predecessor_binding_id"] = bindingID(r.predecessor)
		}
	case deprovision, unbind:
		m.Method, body = http.MethodDelete, nil
		if !r.incomplete {
			m.Query.Set("service_id", o.service)
			m.Query.Set("plan_id", o.plans[r.plan])
		}
	case fetch, fetchBinding:
		m.Method, body = http.MethodGet, nil
	case poll, pollBinding:
		m.Method, body = http.MethodGet, nil
		m.Path += "/last_operation"
		if r.operation != "" {
			m.Query.Set("operation", r.operation)
		}
	}
	if body != nil {
		m.Body = body
	}
	return m
}

// answer is what the model looks at of an answer.
type answer struct {
	status                       int
	code, description, operation string
	state                        progress
	plan, parameters             string
	credentials                  string // JSON
	retryAfter                   string
}

// readAnswer also holds the answer to what the specification says of all.
func readAnswer(got svptest.Answer, o offer) (answer, error) {
	var body struct {
		Error, Description, Operation string
		State                         progress
		PlanID                        string `json:"plan_id"`
		Parameters, Credentials       json.RawMessage
	}
	if err := json.Unmarshal(got.Body, &body); err != nil {
		return answer{}, fmt.Errorf("not a JSON object: %w: %s", err, got)
	}
	if got.Status >= http.StatusBadRequest && got.Status != http.StatusGone && body.Description == "" {
		return answer{}, fmt.Errorf("an error without a description: %s", got)
	}
	if got.Header.Get("X-Broker-API-Request-Identity") == "" {
		return answer{}, fmt.Errorf("no request identity: %s", got)
	}
	return answer{
		status: got.Status, code: body.Error, description: body.Description, operation: body.Operation, state: body.State,
		plan: o.planName(body.PlanID), parameters: compact(body.Parameters), credentials: compact(body.Credentials),
		retryAfter: got.Header.Get("Retry-After"),
	}, nil
}

func (a answer) names(id string) bool { return strings.Contains(a.description, id) }

// compact makes equal JSON equal text, as far as the objects here go.
func compact(text json.RawMessage) string {
	var short bytes.Buffer
	if json.Compact(&short, text) != nil {
		return string(text)
	}
	return short.String()
}

// String tells in a report what was answered. It shows no credentials.
func (a answer) String() string {
	return strings.Join(strings.Fields(fmt.Sprint(a.status, " ", a.code, " ", a.state, " ", a.operation, " ", a.description)), " ")
}
