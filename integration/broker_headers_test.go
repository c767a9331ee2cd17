package integration

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/servicepack/svp/integration/svptest"
)

// osbRoutes are one request for every route and method, none of which makes
// anything.
func osbRoutes(t *testing.T, service osbService) []svptest.Request {
	t.Helper()
	id := newName(t)
	instance, binding := instancePath(id), bindingPath(id, "b")
	ids := service.ids(t, "small")
	return []svptest.Request{
		{Method: http.MethodGet, Path: "/v2/catalog"},
		{Method: http.MethodPut, Path: instance, Body: fields{}},
		{Method: http.MethodGet, Path: instance},
		{Method: http.MethodPatch, Path: instance, Body: fields{}},
		{Method: http.MethodDelete, Path: instance, Query: ids},
		{Method: http.MethodGet, Path: instance + "/last_operation"},
		{Method: http.MethodPut, Path: binding, Body: fields{}},
		{Method: http.MethodGet, Path: binding},
		{Method: http.MethodDelete, Path: binding, Query: ids},
		{Method: http.MethodGet, Path: binding + "/last_operation"},
		{Method: http.MethodGet, Path: "/v2/nothing"},
	}
}

// Section "API Version Header": missing or malformed is 400, of another major
// version 412, a newer minor is served.
func testVersionHeader(t *testing.T, p *platform, packs osbPacks) {
	for _, request := range osbRoutes(t, p.service(t, packs.tiny)) {
		for version, want := range map[string]int{
			svptest.NoVersion: http.StatusBadRequest, "2": http.StatusBadRequest, "two": http.StatusBadRequest,
			"2.17.1": http.StatusBadRequest, "1.0": http.StatusPreconditionFailed, "3.0": http.StatusPreconditionFailed,
		} {
			request.Version = version
			answer := p.Do(t, request).Require(t, want)
			if description := fmt.Sprint(answer.Fields(t)["description"]); want == http.StatusPreconditionFailed && !strings.Contains(description, "2.17") {
				t.Errorf("the refusal does not tell the version to use: %s", answer)
			}
		}
	}
	for _, version := range []string{"2.0", "2.4", "2.5", "2.13", "2.17", "2.18", "2.99"} {
		p.Do(t, svptest.Request{Method: http.MethodGet, Path: "/v2/catalog", Version: version}).Require(t, http.StatusOK)
	}
}

// Section "Request Identity": the header comes back, also with errors. That it
// does is checked of every answer of every test; here with odd values.
func testRequestIdentity(t *testing.T, p *platform, _ osbPacks) {
	for _, path := range []string{"/v2/catalog", "/v2/nothing"} {
		for _, identity := range []string{"e26cee84-6b38-4456-b34e-d1a9f002c956", "with spaces; and=signs", strings.Repeat("x", 1000)} {
			answer, err := p.TryDo(t.Context(), svptest.Request{
				Method: http.MethodGet, Path: path, Header: http.Header{"X-Broker-API-Request-Identity": {identity}},
			})
			if err != nil {
				t.Fatal(err)
			}
			if got := answer.Header.Get("X-Broker-API-Request-Identity"); got != identity {
				t.Errorf("the identity %.40q came back as %.40q: %s", identity, got, answer)
			}
		}
	}
}

// Section "Originating Identity": it is a hint; one that is malformed does no harm.
func testOriginatingIdentity(t *testing.T, p *platform, packs osbPacks) {
	service := p.service(t, packs.tiny)
	encode := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	for _, identity := range []string{
		"cloudfoundry " + encode(`{"user_id":"683ea748-3092-4ff4-b656-39cacc4d5360"}`),
		"kubernetes " + encode(`{"username":"duke","uid":"1","groups":["a"],"extra":{}}`),
		"cloudfoundry", "cloudfoundry %%%", "x " + encode("no JSON"), "x " + encode(`[1]`), "x " + encode(`{"user_id":{}}`),
	} {
		id := newName(t)
		header := http.Header{"X-Broker-API-Originating-Identity": {identity}}
		p.Do(t, svptest.Request{Method: http.MethodGet, Path: "/v2/catalog", Header: header}).Require(t, http.StatusOK)
		// A body that is refused, so that nothing is made.
		p.Do(t, svptest.Request{
			Method: http.MethodPut, Path: instancePath(id), Header: header, Body: service.provisionBody(t, "small").with(fields{"plan_id": "none"}),
		}).Require(t, http.StatusBadRequest)
	}
}

// Section "Platform to Service Broker Authentication": what is not authenticated
// is 401, on every route.
func testAuthentication(t *testing.T, p *platform, packs osbPacks) {
	wrong := []*url.Userinfo{
		url.UserPassword(svptest.BrokerUsername, "wrong"), url.UserPassword("wrong", svptest.BrokerPassword),
		url.UserPassword(svptest.BrokerUsername, ""), url.UserPassword("", ""),
		url.UserPassword(svptest.BrokerUsername, svptest.BrokerPassword+"x"), url.UserPassword(svptest.BrokerUsername, strings.Repeat("x", 8000)),
		url.UserPassword(strings.ToUpper(svptest.BrokerUsername), svptest.BrokerPassword),
	}
	for _, request := range osbRoutes(t, p.service(t, packs.tiny)) {
		anonymous := request
		anonymous.Anonymous = true
		answer := p.Do(t, anonymous).Require(t, http.StatusUnauthorized)
		if !strings.HasPrefix(strings.ToLower(answer.Header.Get("Www-Authenticate")), "basic ") {
			t.Errorf("the client is not told how to authenticate: %s", answer)
		}
		// Before anything else is looked at.
		anonymous.Version = svptest.NoVersion
		p.Do(t, anonymous).Require(t, http.StatusUnauthorized)
		for _, user := range wrong {
			request.User = user
			p.Do(t, request).Require(t, http.StatusUnauthorized)
		}
	}
	for _, authorization := range []string{"Basic", "Basic !", "Basic " + base64.StdEncoding.EncodeToString([]byte("no colon")), "Bearer x", "basic"} {
		p.Do(t, svptest.Request{
			Method: http.MethodGet, Path: "/v2/catalog", Anonymous: true, Header: http.Header{"Authorization": {authorization}},
		}).Require(t, http.StatusUnauthorized)
	}
}

// Section "URL Properties", and what the paths of the other sections leave out:
// nothing is redirected or cleaned, and an id that cannot be one is 400.
func testPaths(t *testing.T, p *platform, _ osbPacks) {
	const instances = "/v2/service_instances/"
	for path, want := range map[string]int{
		"/v2/catalog/": http.StatusNotFound, "/v2//catalog": http.StatusNotFound, "/V2/catalog": http.StatusNotFound,
		"/v2/x/../catalog": http.StatusNotFound, "/": http.StatusNotFound, "/v2": http.StatusNotFound,
		"/v2/service_instances":                           http.StatusNotFound,
		instances + "a/":                                  http.StatusNotFound,
		instances + "a/unknown":                           http.StatusNotFound,
		instances + "a/service_bindings":                  http.StatusNotFound,
		instances:                                         http.StatusBadRequest,
		instances + "/last_operation":                     http.StatusBadRequest,
		instances + "a/service_bindings/":                 http.StatusBadRequest,
		instances + "/service_bindings/b":                 http.StatusBadRequest,
		instances + "%ff":                                 http.StatusBadRequest,
		instances + "%00":                                 http.StatusBadRequest,
		instances + strings.Repeat("x", 1025):             http.StatusBadRequest,
		instances + "a/last_operation?operation=":         http.StatusBadRequest,
		instances + "a/last_operation?x=%zz":              http.StatusBadRequest,
		instances + "a/service_bindings/b/last_operation": http.StatusNotFound,
		instances + "..":                                  http.StatusNotFound,
		instances + "..%2F..%2Fcatalog":                   http.StatusNotFound,
		instances + "%2e%2e":                              http.StatusNotFound,
	} {
		p.get(t, path).Require(t, want)
	}
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions, "NONSENSE"} {
		answer := p.Do(t, svptest.Request{Method: method, Path: "/v2/catalog"}).Require(t, http.StatusMethodNotAllowed)
		if allowed := answer.Header.Get("Allow"); !strings.Contains(allowed, http.MethodGet) {
			t.Errorf("the methods that are allowed: %q: %s", allowed, answer)
		}
	}
	p.Do(t, svptest.Request{Method: http.MethodPost, Path: instances + "a"}).Require(t, http.StatusMethodNotAllowed)
	p.Do(t, svptest.Request{Method: http.MethodPut, Path: instances + "a/last_operation"}).Require(t, http.StatusMethodNotAllowed)
}

// Section "URL Properties": any characters may be in an id. Ids that differ in
// case, or in how often they are encoded, are different ones.
func testOpaqueIDs(t *testing.T, p *platform, packs osbPacks) {
	service, prefix := p.service(t, packs.tiny), newName(t)
	var ids []string
	for _, odd := range []string{"..%2F", "../", " A", " a"} {
		ids = append(ids, prefix+odd)
	}
	for i, id := range ids {
		color := fields{"color": fmt.Sprint(i)}
		p.put(t, instancePath(id), service.provisionBody(t, "small").with(fields{"parameters": color})).Require(t, http.StatusCreated)
	}
	for i, id := range ids {
		parameters, _ := p.get(t, instancePath(id)).Require(t, http.StatusOK).Fields(t)["parameters"].(map[string]any)
		if parameters["color"] != fmt.Sprint(i) {
			t.Errorf("the instance of the id %q is another's: %v", id, parameters)
		}
	}
	instance := ids[0]
	for _, binding := range []string{"..%2F", "../", "B", "b", "ü/€?#&=%", strings.Repeat("€", 300)} {
		answer := p.put(t, bindingPath(instance, binding), service.bindBody(t, "small")).Require(t, http.StatusCreated)
		credentials := p.credentials(t, answer)
		again := p.credentials(t, p.get(t, bindingPath(instance, binding)).Require(t, http.StatusOK))
		if credentials["TOKEN"] != again["TOKEN"] {
			t.Errorf("binding %.10q is another's", binding)
		}
		p.delete(t, bindingPath(instance, binding), service.ids(t, "small")).Require(t, http.StatusOK)
	}
	for _, id := range ids {
		p.delete(t, instancePath(id), service.ids(t, "small")).Require(t, http.StatusOK)
	}
}

// Sections "Service Broker Errors" and "Content Type": whatever body a client
// sends, it is told what is wrong with it, and nothing is made.
func testBodies(t *testing.T, p *platform, packs osbPacks) {
	service, id := p.service(t, packs.tiny), newName(t)
	good := `{"service_id":"` + service.ID + `","plan_id":"` + service.plan(t, "small") + `","organization_guid":"o","space_guid":"s"`
	bodies := map[string]string{
		"empty": "", "null": "null", "a list": "[]", "a string": `"x"`, "half": good, "bytes after it": good + "} x", "two": good + "}" + good + "}",
		"no UTF-8": good + ",\"x\":\"\xff\"}", "a field twice": good + `,"plan_id":"` + service.plan(t, "small") + `"}`,
		"lists in lists":     good + `,"x":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + "}",
		"objects in objects": good + `,"x":` + strings.Repeat(`{"x":`, 100_000) + "1" + strings.Repeat("}", 100_000) + "}",
		"a form":             "service_id=" + service.ID,
	}
	for what, body := range bodies {
		for _, request := range []svptest.Request{
			{Method: http.MethodPut, Path: instancePath(id)},
			{Method: http.MethodPatch, Path: instancePath(id)},
			{Method: http.MethodPut, Path: bindingPath(id, "b")},
		} {
			request.Body = body
			if answer := p.Do(t, request); answer.Status != http.StatusBadRequest {
				t.Errorf("a body that is %s: %s", what, answer)
			}
		}
	}
	large := good + `,"x":"` + strings.Repeat("x", 10<<20) + `"}`
	answer, err := p.TryDo(t.Context(), svptest.Request{Method: http.MethodPut, Path: instancePath(id), Body: large})
	// A broker may close the connection while the client still sends.
	if err == nil && (answer.Status < 400 || answer.Status > 499) {
		t.Errorf("a body of 10 MB: status %d", answer.Status)
	}
	p.nothingMade(t, service, "small", id)
	// Without the header the body is read nevertheless.
	p.Do(t, svptest.Request{
		Method: http.MethodPut, Path: instancePath(id), Body: good + "}", Header: http.Header{"Content-Type": nil},
	}).Require(t, http.StatusCreated)
	p.delete(t, instancePath(id), service.ids(t, "small")).Require(t, http.StatusOK)
}

// Whatever comes, the broker does not fail, and it answers the next request.
func testNonsense(t *testing.T, p *platform, packs osbPacks) {
	service := p.service(t, packs.tiny)
	const requests = 600
	existing := p.instance(t, service, "small")
	random := rand.New(rand.NewPCG(1, uint64(time.Now().UnixNano())))
	pick := func(texts ...string) string { return texts[random.IntN(len(texts))] }
	value := func() string {
		return pick("null", "1", "-1e99999", `""`, `"x"`, "{}", "[]", "true", `"`+service.ID+`"`, `"`+service.Plans[0].ID+`"`, `{"version":"9"}`,
			`{"a":{"b":[1,2,{}]}}`, `"\u0000"`, `"\ud800"`, `"`+strings.Repeat("y", 2000)+`"`)
	}
	for range requests {
		var members []string
		for _, name := range []string{
			"service_id", "plan_id", "organization_guid", "space_guid", "parameters", "context", "maintenance_info", "bind_resource",
			"app_guid", "previous_values", "predecessor_binding_id", "unknown",
		} {
			if random.IntN(3) > 0 {
				members = append(members, fmt.Sprintf("%q:%s", name, value()))
			}
		}
		id := pick("x", "..", "%2F", " ", strings.Repeat("z", 1024), "\x01", "é") + newName(t)
		if random.IntN(3) == 0 {
			id = existing
		}
		answer := p.Do(t, svptest.Request{
			Method: pick(http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodGet),
			Path:   "/v2/service_instances/" + url.PathEscape(id) + pick("", "/last_operation", "/service_bindings/b", "/service_bindings/b/last_operation"),
			Query:  url.Values{pick("service_id", "plan_id", "operation", "accepts_incomplete", "x"): {pick("", "true", "maybe", service.ID)}},
			Body:   "{" + strings.Join(members, ",") + "}",
		})
		if answer.Status < 400 && id != existing {
			t.Errorf("nonsense was answered with %s", answer)
		}
		if t.Failed() {
			return
		}
	}
	for _, raw := range []string{
		"\x00\x01\x02\r\n\r\n", "GET\r\n\r\n", "GET /v2/catalog HTTP/9.9\r\n\r\n", "GET /v2/service_instances/%zz HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /v2/catalog HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 4<<20) + "\r\n\r\n",
		"PUT /v2/service_instances/a HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
		"PUT /v2/service_instances/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
	} {
		requireRefusal(t, raw, p.Raw(t, raw))
	}
	p.get(t, "/v2/catalog").Require(t, http.StatusOK)
	if log := p.Stderr(); strings.Contains(log, "goroutine ") || strings.Contains(log, "panic") {
		t.Errorf("the broker has panicked:\n%s", log)
	}
}

// requireRefusal checks the answer, where there is one, to a request that is no
// valid HTTP.
func requireRefusal(t *testing.T, request, answer string) {
	t.Helper()
	if answer == "" {
		return
	}
	response, err := http.ReadResponse(bufio.NewReader(strings.NewReader(answer)), nil)
	if err != nil {
		t.Fatalf("%.60q was answered with %.200q: %v", request, answer, err)
	}
	defer response.Body.Close()
	var fields struct{ Description string }
	err = json.NewDecoder(response.Body).Decode(&fields)
	if response.StatusCode < 400 || response.StatusCode >= 500 || err != nil || fields.Description == "" {
		t.Errorf("%.60q was answered with %.200q: %v", request, answer, err)
	}
}
