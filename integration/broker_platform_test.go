package integration

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"

	"github.com/servicepack/svp/integration/svptest"
)

// platform is a client of a broker, as Cloud Foundry or a Kubernetes would be
// one, and the packs that the broker serves.
type platform struct {
	*svptest.Broker
	services map[string]osbService // by the folder's name

	mu      sync.Mutex
	secrets []string // that must be in no log
}

// osbService and osbPlan are what platforms know of the catalog.
type osbService struct {
	ID, Name, Description string
	Tags, Requires        []string
	Bindable              *bool
	InstancesRetrievable  bool `json:"instances_retrievable"`
	BindingsRetrievable   bool `json:"bindings_retrievable"`
	PlanUpdateable        bool `json:"plan_updateable"`
	Metadata              map[string]any
	Plans                 []osbPlan
}

type osbPlan struct {
	ID, Name, Description string
	Free, Bindable        *bool
	BindingRotatable      bool  `json:"binding_rotatable"`
	PlanUpdateable        *bool `json:"plan_updateable"`
	Schemas               map[string]map[string]struct{ Parameters json.RawMessage }
	MaintenanceInfo       *struct{ Version string } `json:"maintenance_info"`
}

// startPlatform starts a broker that serves the packs, with a store of its own
// unless the options name one.
func startPlatform(t *testing.T, o svptest.BrokerOptions) *platform {
	t.Helper()
	if o.Store == "" {
		o.Store = filepath.Join(t.TempDir(), "broker.db")
	}
	p := &platform{Broker: suite.StartBroker(t, o), services: map[string]osbService{}}
	p.secrets = append(p.secrets, svptest.BrokerPassword)
	for _, service := range p.catalog(t) {
		p.services[service.Name] = service
	}
	return p
}

func (p *platform) catalog(t *testing.T) []osbService {
	t.Helper()
	answer := p.get(t, "/v2/catalog").Require(t, http.StatusOK)
	var catalog struct{ Services []osbService }
	if err := json.Unmarshal(answer.Body, &catalog); err != nil {
		t.Fatalf("%v: %s", err, answer)
	}
	return catalog.Services
}

// service is that of a pack's folder.
func (p *platform) service(t *testing.T, pack string) osbService {
	t.Helper()
	service, ok := p.services[filepath.Base(pack)]
	if !ok {
		t.Fatalf("the catalog lacks pack %s: %v", filepath.Base(pack), p.services)
	}
	return service
}

// plan is the id of a plan.
func (s osbService) plan(t *testing.T, name string) string {
	t.Helper()
	for _, plan := range s.Plans {
		if plan.Name == name {
			return plan.ID
		}
	}
	t.Fatalf("service %s lacks plan %s", s.Name, name)
	return ""
}

// fields is a JSON object of a request.
type fields map[string]any

// with is the object with some fields changed.
func (f fields) with(changed fields) fields {
	all := maps.Clone(f)
	maps.Copy(all, changed)
	return all
}

// without is the object without a field.
func (f fields) without(name string) fields {
	rest := maps.Clone(f)
	delete(rest, name)
	return rest
}

// provisionBody asks for an instance.
func (s osbService) provisionBody(t *testing.T, plan string) fields {
	t.Helper()
	return fields{
		"service_id": s.ID, "plan_id": s.plan(t, plan), "organization_guid": "org-1", "space_guid": "space-1",
		"context": fields{"platform": "cloudfoundry"},
	}
}

// bindBody asks for a binding.
func (s osbService) bindBody(t *testing.T, plan string) fields {
	t.Helper()
	return fields{
		"service_id": s.ID, "plan_id": s.plan(t, plan), "bind_resource": fields{"app_guid": "app-1"},
		"context": fields{"platform": "cloudfoundry"},
	}
}

// ids is the query of a DELETE.
func (s osbService) ids(t *testing.T, plan string) url.Values {
	t.Helper()
	return url.Values{"service_id": {s.ID}, "plan_id": {s.plan(t, plan)}}
}

func instancePath(id string) string { return "/v2/service_instances/" + url.PathEscape(id) }

func bindingPath(instance, binding string) string {
	return instancePath(instance) + "/service_bindings/" + url.PathEscape(binding)
}

func (p *platform) get(t *testing.T, path string) svptest.Answer {
	t.Helper()
	return p.Do(t, svptest.Request{Method: http.MethodGet, Path: path})
}

func (p *platform) put(t *testing.T, path string, body any) svptest.Answer {
	t.Helper()
	return p.Do(t, svptest.Request{Method: http.MethodPut, Path: path, Body: body})
}

func (p *platform) patch(t *testing.T, path string, body any) svptest.Answer {
	t.Helper()
	return p.Do(t, svptest.Request{Method: http.MethodPatch, Path: path, Body: body})
}

func (p *platform) delete(t *testing.T, path string, query url.Values) svptest.Answer {
	t.Helper()
	return p.Do(t, svptest.Request{Method: http.MethodDelete, Path: path, Query: query})
}

// async makes a request that is answered at once.
func (p *platform) async(t *testing.T, method, path string, query url.Values, body any) svptest.Answer {
	t.Helper()
	all := url.Values{"accepts_incomplete": {"true"}}
	maps.Copy(all, query)
	return p.Do(t, svptest.Request{Method: method, Path: path, Query: all, Body: body})
}

// instance provisions an instance, waits for it, and returns its id.
func (p *platform) instance(t *testing.T, service osbService, plan string, changed ...fields) string {
	t.Helper()
	id, body := newName(t), service.provisionBody(t, plan)
	for _, change := range changed {
		body = body.with(change)
	}
	p.put(t, instancePath(id), body).Require(t, http.StatusCreated)
	return id
}

// bind binds an instance, waits for it, and returns the binding's id and the
// credentials.
func (p *platform) bind(t *testing.T, service osbService, plan, instance string) (id string, credentials map[string]any) {
	t.Helper()
	id = newName(t)
	answer := p.put(t, bindingPath(instance, id), service.bindBody(t, plan)).Require(t, http.StatusCreated)
	return id, p.credentials(t, answer)
}

// credentials are those that the answer holds. They are secret.
func (p *platform) credentials(t *testing.T, answer svptest.Answer) map[string]any {
	t.Helper()
	credentials, ok := answer.Fields(t)["credentials"].(map[string]any)
	if !ok || len(credentials) == 0 {
		t.Fatalf("no credentials: %s", answer)
	}
	if token, ok := credentials["TOKEN"].(string); ok {
		p.secret(token)
	}
	return credentials
}

func (p *platform) secret(value string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.secrets = append(p.secrets, value)
}

// requireSilence checks that the broker's log holds no secret that was seen.
func (p *platform) requireSilence(t *testing.T) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	s := &search{}
	for _, secret := range p.secrets {
		s.add(secret)
	}
	s.in(t, "the log of the broker", []byte(p.Stderr()+p.Stdout()))
}

// operation is the identifier in an answer of status 202.
func operation(t *testing.T, answer svptest.Answer) string {
	t.Helper()
	text, ok := answer.Require(t, http.StatusAccepted).Fields(t)["operation"].(string)
	if !ok || text == "" || len(text) > 10_000 {
		t.Fatalf("an operation of no use: %s", answer)
	}
	return text
}

// poll asks how far an operation is.
func (p *platform) poll(t *testing.T, path, operation string) svptest.Answer {
	t.Helper()
	query := url.Values{}
	if operation != "" {
		query.Set("operation", operation)
	}
	return p.Do(t, svptest.Request{Method: http.MethodGet, Path: path + "/last_operation", Query: query})
}

// await polls until the operation has ended, and returns its state: also
// "succeeded" where the answer is that the resource is gone.
func (p *platform) await(t *testing.T, path, operation string) (state, description string) {
	t.Helper()
	eventually(t, coldDeadline, "the end of operation "+operation, func() bool {
		answer := p.poll(t, path, operation).Require(t, http.StatusOK, http.StatusGone)
		if answer.Status == http.StatusGone {
			state = succeeded
			return true
		}
		state, description = lastOperation(t, answer)
		return state != inProgress
	})
	return state, description
}

// The states of operations.
const (
	inProgress = "in progress"
	succeeded  = "succeeded"
	failed     = "failed"
)

// lastOperation reads how far an operation is, and checks the form of the answer.
func lastOperation(t *testing.T, answer svptest.Answer) (state, description string) {
	t.Helper()
	told := answer.Require(t, http.StatusOK).Fields(t)
	state, _ = told["state"].(string)
	switch state {
	case inProgress:
		if answer.Header.Get("Retry-After") == "" {
			t.Errorf("no Retry-After while in progress: %s", answer)
		}
	case succeeded, failed:
	default:
		t.Errorf("not a state of the specification: %s", answer)
	}
	description, sent := told["description"].(string)
	if sent && description == "" {
		t.Errorf("an empty description: %s", answer)
	}
	return state, description
}

// refused checks that the answer refuses with the status and, where one is given,
// the code.
func refused(t *testing.T, answer svptest.Answer, status int, code string) string {
	t.Helper()
	told := answer.Require(t, status).Fields(t)
	if got, _ := told["error"].(string); got != code {
		t.Errorf("the error's code is %q, want %q: %s", got, code, answer)
	}
	description, _ := told["description"].(string)
	return description
}

// nothingMade checks that the broker knows nothing of an instance.
func (p *platform) nothingMade(t *testing.T, service osbService, plan, id string) {
	t.Helper()
	p.get(t, instancePath(id)).Require(t, http.StatusNotFound)
	p.poll(t, instancePath(id), "").Require(t, http.StatusNotFound)
	p.delete(t, instancePath(id), service.ids(t, plan)).Require(t, http.StatusGone)
}

// onlyBase checks that of all that was made of the pack nothing is left but the
// base image. A container in which a question is put to the pack may take a moment
// to go.
func onlyBase(t *testing.T, pack string) {
	t.Helper()
	var left []svptest.Object
	defer func() {
		for _, object := range left {
			t.Errorf("left behind: %v", object)
		}
	}()
	eventually(t, startDeadline, "nothing but the base image is left", func() bool {
		left = slices.DeleteFunc(suite.List(t, filepath.Base(pack)), func(o svptest.Object) bool {
			return o.Kind == "image" && o.Labels[svptest.LabelPhase] == "base"
		})
		return len(left) == 0
	})
}

// inContainers runs a shell command in every running container of the pack.
func inContainers(t *testing.T, pack, command string) {
	t.Helper()
	api, ctx := suite.Host.API, t.Context()
	list, err := api.ContainerList(ctx, container.ListOptions{
		Filters: filters.NewArgs(filters.Arg("label", svptest.LabelPack+"="+filepath.Base(pack)), filters.Arg("status", "running")),
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range list {
		made, err := api.ContainerExecCreate(ctx, c.ID, container.ExecOptions{Cmd: []string{"sh", "-c", command}})
		if err == nil {
			err = api.ContainerExecStart(ctx, made.ID, container.ExecStartOptions{Detach: true})
		}
		if err != nil {
			t.Logf("%s: %v", c.Names, err) // another test's, maybe, that has just gone
		}
	}
}

// hold is a parameter with which an instance of the tiny pack does not get ready
// until release.
func hold(t *testing.T, pack string) (parameters fields, release func()) {
	t.Helper()
	mark := strings.ReplaceAll(newName(t), "-", "_")
	release = func() {
		t.Helper()
		inContainers(t, pack, "rm -f /srv/data/hold-ready-"+mark)
	}
	return fields{"parameters": fields{"hold": mark}}, release
}

// inside runs a shell command in the instance that the credentials are of.
func inside(t *testing.T, credentials map[string]any, command string) string {
	t.Helper()
	return svp(t, "shell", fmt.Sprint(credentials["NAME"]), "--", "sh", "-c", command).Require(t, 0).Stdout
}
