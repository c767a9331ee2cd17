package broker_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/servicepack/svp/engine"
	"github.com/servicepack/svp/engine/broker"
	"github.com/servicepack/svp/engine/broker/store"
)

// world is a broker with an engine that only pretends, and a real store.
type world struct {
	t      testing.TB
	engine *fakeEngine
	file   string
	key    store.Key
	config broker.Config
	log    *lockedBuffer

	handler http.Handler
	server  *httptest.Server
	grace   time.Duration
	// interrupt begins what stop waits for the end of.
	interrupt, stop func()

	serviceID string
	plans     map[string]string // ids by name
}

type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.String()
}

func newWorld(t testing.TB, change func(*broker.Config)) *world {
	t.Helper()
	folder := t.TempDir()
	key, err := store.CreateKey(filepath.Join(folder, "key"))
	if err != nil {
		t.Fatal(err)
	}
	credentials, err := broker.NewCredentials("user", "pass word")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, engine: newFakeEngine(), file: filepath.Join(folder, "broker.db"), key: key, log: &lockedBuffer{}}
	w.config = broker.Config{
		Engine: w.engine, Packs: []string{packFolder(t, "tiny", "broken")}, Credentials: credentials,
		Log: slog.New(slog.NewTextHandler(w.log, nil)),
	}
	if change != nil {
		change(&w.config)
	}
	w.start()
	t.Cleanup(func() { w.stop() })
	return w
}

// start opens the store and serves; stop interrupts what goes on, and closes it.
func (w *world) start() {
	w.t.Helper()
	opened, err := store.Open(w.t.Context(), w.file, w.key)
	if err != nil {
		w.t.Fatal(err)
	}
	w.config.Store = opened
	b, err := broker.New(w.t.Context(), w.config)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(w.t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx, w.grace) }()
	w.handler = b.Handler()
	w.server = httptest.NewServer(w.handler)
	w.interrupt = cancel
	w.stop = sync.OnceFunc(func() {
		cancel()
		err := errors.Join(<-ended, opened.Close())
		w.server.Close()
		if err != nil {
			w.t.Error(err)
		}
	})
	w.readCatalog()
}

func (w *world) readCatalog() {
	w.t.Helper()
	var catalog struct {
		Services []struct {
			ID    string
			Plans []struct{ ID, Name string }
		}
	}
	w.call("GET", "/v2/catalog", "").require(200).decode(&catalog)
	w.serviceID, w.plans = catalog.Services[0].ID, map[string]string{}
	for _, plan := range catalog.Services[0].Plans {
		w.plans[plan.Name] = plan.ID
	}
}

// reply is an answer of the broker.
type reply struct {
	t      testing.TB
	what   string
	status int
	header http.Header
	body   string
}

func (w *world) call(method, path, body string, headers ...string) reply {
	w.t.Helper()
	request, err := http.NewRequestWithContext(w.t.Context(), method, w.server.URL+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	request.SetBasicAuth("user", "pass word")
	request.Header.Set("X-Broker-API-Version", "2.17")
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return reply{w.t, method + " " + path, response.StatusCode, response.Header, string(text)}
}

func (r reply) require(status int, words ...string) reply {
	r.t.Helper()
	if r.status != status {
		r.t.Fatalf("%s: status %d, want %d: %s", r.what, r.status, status, r.body)
	}
	for _, word := range words {
		if !strings.Contains(r.body, word) {
			r.t.Fatalf("%s: the answer lacks %q: %s", r.what, word, r.body)
		}
	}
	return r
}

func (r reply) decode(into any) {
	r.t.Helper()
	if err := json.Unmarshal([]byte(r.body), into); err != nil {
		r.t.Fatalf("%s: %v: %s", r.what, err, r.body)
	}
}

func (r reply) operation() string {
	r.t.Helper()
	var body struct{ Operation string }
	r.decode(&body)
	return body.Operation
}

func (w *world) provisionBody(plan string) string {
	return `{"service_id":"` + w.serviceID + `","plan_id":"` + w.plans[plan] + `","organization_guid":"o","space_guid":"s"}`
}

func (w *world) ids() string { return "service_id=" + w.serviceID + "&plan_id=" + w.plans["small"] }

func (w *world) bindBody() string {
	return `{"service_id":"` + w.serviceID + `","plan_id":"` + w.plans["small"] + `"}`
}

func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.NewTimer(10 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline.C:
			t.Fatalf("%s: did not happen", what)
		case <-tick.C:
		}
	}
}

// While an instance is made, the same request gets the same operation, another one
// a conflict, and everything else on it has to wait.
func TestDuringProvision(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	open := w.engine.gate("Up")
	defer open()
	const path = "/v2/service_instances/one"
	first := w.call("PUT", path+"?accepts_incomplete=true", w.provisionBody("small")).require(202).operation()
	if again := w.call("PUT", path+"?accepts_incomplete=true", w.provisionBody("small")).require(202).operation(); again != first {
		t.Errorf("operation %s, and then %s", first, again)
	}
	w.call("PUT", path+"?accepts_incomplete=true", w.provisionBody("large")).require(409, "description")
	w.call("GET", path, "").require(404)
	w.call("PATCH", path, w.bindBody()).require(422, "ConcurrencyError")
	w.call("DELETE", path+"?"+w.ids(), "").require(422, "ConcurrencyError")
	w.call("PUT", path+"/service_bindings/b", w.bindBody()).require(422, "ConcurrencyError")
	progress := w.call("GET", path+"/last_operation?operation="+first, "").require(200, "in progress", "description")
	if progress.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	open()
	eventually(t, "provision ends", func() bool {
		return strings.Contains(w.call("GET", path+"/last_operation", "").require(200).body, "succeeded")
	})
	w.call("PUT", path, w.provisionBody("small")).require(200)
	w.call("GET", path, "").require(200, w.plans["small"])
}

// A client that cannot poll is answered when it is done; so is one that repeats the
// request of one that can.
func TestSynchronousClientJoins(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	open := w.engine.gate("Up")
	const path = "/v2/service_instances/one"
	w.call("PUT", path+"?accepts_incomplete=true", w.provisionBody("small")).require(202)
	answered := make(chan reply, 1)
	go func() { answered <- w.call("PUT", path, w.provisionBody("small"), "X-Broker-API-Version", "2.4") }()
	select {
	case early := <-answered:
		t.Errorf("answered before the instance was there: %d", early.status)
	case <-time.After(50 * time.Millisecond):
	}
	open()
	(<-answered).require(200)
}

// A provision that fails says why, leaves nothing, and may be tried again.
func TestProvisionFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.engine.fail["Up"] = &engine.Error{Op: "up", Kind: engine.Failed, Err: errors.New("no room")}
	const path = "/v2/service_instances/one"
	w.call("PUT", path, w.provisionBody("small")).require(500, "no room")
	w.call("GET", path+"/last_operation", "").require(200, "failed", "no room")
	w.call("GET", path, "").require(404)
	if names := w.engine.names(); len(names) > 0 {
		t.Errorf("left behind: %v", names)
	}
	w.engine.fail["Up"] = errors.New("connect to broker@database")
	if told := w.call("PUT", path, w.provisionBody("small")).require(500, "its log says why"); strings.Contains(told.body, "database") {
		t.Errorf("the broker's own affairs are told: %s", told.body)
	}
	delete(w.engine.fail, "Up")
	w.call("PUT", path, w.provisionBody("large")).require(201)
	w.call("DELETE", path+"?service_id="+w.serviceID+"&plan_id="+w.plans["large"], "").require(200, "{}")
	w.call("DELETE", path+"?"+w.ids(), "").require(410, "{}")
	w.call("GET", path+"/last_operation", "").require(200, "succeeded")
}

// What a broker was doing when it ended is carried on by the next one.
func TestCarriedOn(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"Up", "Bind", "Unbind", "Update", "Destroy"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			const path = "/v2/service_instances/one"
			binding := path + "/service_bindings/b"
			if kind != "Up" {
				w.call("PUT", path, w.provisionBody("small")).require(201)
			}
			if kind == "Unbind" {
				w.call("PUT", binding, w.bindBody()).require(201)
			}
			open := w.engine.gate(kind)
			polled := path
			switch kind {
			case "Up":
				w.call("PUT", path+"?accepts_incomplete=true", w.provisionBody("small")).require(202)
			case "Bind":
				w.call("PUT", binding+"?accepts_incomplete=true", w.bindBody()).require(202)
				polled = binding
			case "Unbind":
				w.call("DELETE", binding+"?accepts_incomplete=true&"+w.ids(), "").require(202)
				polled = binding
			case "Update":
				w.call("PATCH", path+"?accepts_incomplete=true", `{"service_id":"`+w.serviceID+`","plan_id":"`+w.plans["large"]+`"}`).require(202)
			case "Destroy":
				w.call("DELETE", path+"?accepts_incomplete=true&"+w.ids(), "").require(202)
			}
			eventually(t, "it is at work", func() bool { return w.engine.calls(kind) > 0 })
			w.stop()
			open()
			w.start()
			eventually(t, "it is carried on", func() bool {
				return strings.Contains(w.call("GET", polled+"/last_operation", "").require(200).body, "succeeded")
			})
			switch kind {
			case "Up":
				w.call("GET", path, "").require(200)
			case "Bind":
				w.call("GET", binding, "").require(200, "hush-hush")
			case "Unbind":
				w.call("GET", binding, "").require(404)
			case "Update":
				w.call("GET", path, "").require(200, w.plans["large"])
			case "Destroy":
				if names := w.engine.names(); len(names) > 0 {
					t.Errorf("left: %v", names)
				}
			}
		})
	}
}

// Credentials are stored sealed, never logged, and go with the binding.
func TestCredentialsAreNobodysBusiness(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	const path = "/v2/service_instances/one"
	w.call("PUT", path, w.provisionBody("small")).require(201)
	first := w.call("PUT", path+"/service_bindings/b", w.bindBody()).require(201, "hush-hush")
	if again := w.call("PUT", path+"/service_bindings/b", w.bindBody()).require(200); again.body != first.body {
		t.Errorf("another answer: %s", again.body)
	}
	rotated := w.call("PUT", path+"/service_bindings/c", `{"service_id":"`+w.serviceID+`","plan_id":"`+w.plans["small"]+`","predecessor_binding_id":"b"}`).require(201)
	if rotated.body == first.body {
		t.Error("the successor has its predecessor's credentials")
	}
	w.call("DELETE", path+"?"+w.ids(), "").require(422, "b, c")
	w.stop()
	requireAbsent(t, w.file+"*", "hush-hush")
	if strings.Contains(w.log.String(), "hush-hush") {
		t.Error("a credential is in the log")
	}
}

func TestPlanTooSmall(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	const path = "/v2/service_instances/one"
	w.call("PUT", path, w.provisionBody("large")).require(201)
	change := `{"service_id":"` + w.serviceID + `","plan_id":"` + w.plans["small"] + `"}`
	w.engine.used = 2 << 20
	w.call("PATCH", path, change).require(422, "1 MiB", "2 MiB")
	w.call("GET", path, "").require(200, w.plans["large"])
	w.engine.used = 1 << 20
	w.call("PATCH", path, change).require(200)
	w.call("PATCH", path, change).require(200)
	w.call("GET", path, "").require(200, w.plans["small"])
}

func TestCatalogLeavesBrokenPacksOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	if !strings.Contains(w.log.String(), "bin/query os: no answer") {
		t.Errorf("the log does not tell of the broken pack: %s", w.log)
	}
	w.call("GET", "/v2/catalog", "").require(200, "tiny", `"version":"1.2.3"`, `"binding_rotatable":true`)
}

func TestWhoMayAsk(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for _, wrong := range []string{"", "Basic dXNlcjp3cm9uZw==", "Bearer x"} {
		refused := w.call("GET", "/v2/catalog", "", "Authorization", wrong, "X-Broker-API-Request-Identity", "42").require(401, "description")
		if refused.header.Get("X-Broker-API-Request-Identity") != "42" {
			t.Error("the request's identity is not echoed")
		}
	}
	w.call("GET", "/metrics", "", "Authorization", "").require(401)
	w.call("GET", "/metrics", "").require(200, "svp_broker_")
	w.call("GET", "/healthz", "", "Authorization", "").require(200)
	w.call("GET", "/readyz", "", "Authorization", "").require(200)
}

func TestParametersFollowTheSchema(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.engine.mu.Lock()
	w.engine.schema = `{"$schema":"http://json-schema.org/draft-06/schema#","type":"object","additionalProperties":false,"properties":{"size":{"type":"integer"}}}`
	w.engine.mu.Unlock()
	w.stop()
	w.start()
	w.call("GET", "/v2/catalog", "").require(200, "http://json-schema.org/draft-06/schema#")
	with := func(parameters string) string {
		return strings.Replace(w.provisionBody("small"), "{", `{"parameters":`+parameters+`,`, 1)
	}
	w.call("PUT", "/v2/service_instances/1", with(`{"size":"hush"}`)).require(400, "/size", "type")
	w.call("PUT", "/v2/service_instances/1", with(`{"colour":1}`)).require(400, "additionalProperties")
	w.call("PUT", "/v2/service_instances/1", with(`{"size":3}`)).require(201)
	w.call("GET", "/v2/service_instances/1", "").require(200, `"size":3`)
	w.call("PUT", "/v2/service_instances/1", with(`{ "size": 3 }`)).require(200)
	w.call("PUT", "/v2/service_instances/1", with(`{"size":4}`)).require(409)
}

// FuzzHandler looks for a request that the broker blames itself for, or that ends
// it.
func FuzzHandler(f *testing.F) {
	w := newWorld(f, nil)
	for _, seed := range [][3]string{
		{"PUT", "/v2/service_instances/a", w.provisionBody("small")},
		{"PUT", "/v2/service_instances/a%2Fb/service_bindings/%20", w.bindBody()},
		{"PATCH", "/v2/service_instances/a?accepts_incomplete=true", `{"service_id":"x","parameters":{"a":[1e400]}}`},
		{"DELETE", "/v2/service_instances/a?service_id=&plan_id=1", ""},
		{"GET", "/v2/service_instances/..%2F/last_operation?operation=%", "{"},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, method, path, body string) {
		request, err := http.NewRequestWithContext(t.Context(), method, "http://broker/", strings.NewReader(body))
		if err != nil {
			return
		}
		if request.URL, err = request.URL.Parse(path); err != nil || !strings.HasPrefix(request.URL.Path, "/v2/") {
			return
		}
		request.SetBasicAuth("user", "pass word")
		request.Header.Set("X-Broker-API-Version", "2.17")
		recorder := httptest.NewRecorder()
		w.handler.ServeHTTP(recorder, request)
		if recorder.Code >= 500 {
			t.Errorf("%s %q %q: %d %s", method, path, body, recorder.Code, recorder.Body)
		}
		if !json.Valid(recorder.Body.Bytes()) {
			t.Errorf("%s %q: no JSON: %s", method, path, recorder.Body)
		}
	})
}

// requireAbsent looks for a text in the files of that pattern.
func requireAbsent(t testing.TB, pattern, text string) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no files %s: %v", pattern, err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(content, []byte(text)) {
			t.Errorf("%s holds %q", file, text)
		}
	}
}
