package dashboard_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/servicepack/svp/engine/broker/dashboard"
)

const (
	secret    = "pw-7?&=+ é\"<"
	otherID   = "other/../id with spaces"
	operator  = "operator"
	operators = "a password"
)

var started = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// fakeSource is a broker that knows what the test says.
type fakeSource struct {
	mu          sync.Mutex
	instances   map[string]dashboard.Instance
	bindings    []dashboard.Binding
	operations  []dashboard.Operation
	credentials []dashboard.Variable
	log         string
	fails       error
	busy        bool
	logEnds     bool // also for who follows it

	restarts  int
	following int
	asked     []string // components whose log was asked for
}

func newFakeSource() *fakeSource {
	shop := dashboard.Instance{
		ID: "shop-id", Name: "shop", Service: "PostgreSQL", Plan: "Small", State: "running", Health: "ready",
		Address: "172.30.0.5", Ports: []string{"5432/tcp", "6432/tcp"},
		Components:   []dashboard.Component{{Name: "postgres", State: "running"}, {Name: "pgbouncer", State: "running"}},
		Memory:       dashboard.Resource{Limit: 256 << 20, Used: 120 << 20, Measured: true},
		CPUs:         dashboard.Resource{Limit: 1, Used: 0.8, Measured: true},
		Storage:      dashboard.Resource{Limit: 1 << 30},
		Organization: "acme", Space: "production", Created: started,
	}
	other := shop
	other.ID, other.Name = otherID, "other"
	return &fakeSource{
		instances:  map[string]dashboard.Instance{shop.ID: shop, other.ID: other},
		bindings:   []dashboard.Binding{{ID: "binding-1", Name: "web", Created: started}},
		operations: []dashboard.Operation{{Kind: "provision", State: "succeeded", Description: "ready", Started: started, Finished: started.Add(3 * time.Second)}},
		credentials: []dashboard.Variable{
			{Name: "PG_HOST", Value: "172.30.0.5"},
			{Name: "PG_PASSWORD", Value: secret, Secret: true},
			{Name: "DATABASE_URL", Value: "postgres://app:" + url.QueryEscape(secret) + "@172.30.0.5/app"},
		},
		log: "first line\nlast line\n",
	}
}

func (f *fakeSource) Instances(context.Context) ([]dashboard.Instance, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var list []dashboard.Instance
	for _, instance := range f.instances {
		list = append(list, instance)
	}
	return list, f.fails
}

func (f *fakeSource) Instance(_ context.Context, id string) (dashboard.Instance, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	instance, ok := f.instances[id]
	if !ok {
		return instance, fmt.Errorf("look up: %w", dashboard.ErrNotFound)
	}
	return instance, f.fails
}

func (f *fakeSource) Bindings(context.Context, string) ([]dashboard.Binding, error) {
	return f.bindings, nil
}

func (f *fakeSource) Operations(context.Context, string) ([]dashboard.Operation, error) {
	return f.operations, nil
}

func (f *fakeSource) Credentials(context.Context, string) ([]dashboard.Variable, error) {
	return f.credentials, nil
}

func (f *fakeSource) Logs(ctx context.Context, _, component string, follow bool, w io.Writer) error {
	f.mu.Lock()
	f.asked = append(f.asked, component)
	f.following++
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.following--
	}()
	if _, err := io.WriteString(w, f.log); err != nil {
		return err
	}
	if follow && !f.logEnds {
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}

func (f *fakeSource) Restart(context.Context, string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.busy {
		return fmt.Errorf("restart: %w", dashboard.ErrBusy)
	}
	f.restarts++
	return nil
}

// change sets something of the instance while the dashboard is in use.
func (f *fakeSource) change(id string, set func(*dashboard.Instance)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	instance := f.instances[id]
	set(&instance)
	f.instances[id] = instance
}

func (f *fakeSource) viewers() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.following
}

// site is a dashboard that is served.
type site struct {
	*dashboard.Handler
	source *fakeSource
	server *httptest.Server
	log    *safeBuilder
	clock  *clock
	stop   context.CancelFunc // the end of the handler's time
}

// clock is the dashboard's time.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// safeBuilder is a log that is read while it is written.
type safeBuilder struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *safeBuilder) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *safeBuilder) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// serve serves a dashboard, with what the test changes of its configuration.
func serve(t testing.TB, changes ...func(*dashboard.Config)) *site {
	t.Helper()
	s := &site{source: newFakeSource(), log: &safeBuilder{}, clock: &clock{now: time.Now()}}
	s.server = httptest.NewUnstartedServer(nil)
	public := &url.URL{Scheme: "http", Host: s.server.Listener.Addr().String()}
	config := dashboard.Config{
		Source: s.source, PublicURL: public, Key: []byte(strings.Repeat("k", 32)), Now: s.clock.Now,
		Operators: func(username, password string) bool { return username == operator && password == operators },
		Log:       slog.New(slog.NewTextHandler(s.log, nil)),
	}
	for _, change := range changes {
		change(&config)
	}
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	handler, err := dashboard.New(ctx, config)
	if err != nil {
		t.Fatal(err)
	}
	s.Handler = handler
	s.server.Config.Handler = handler
	// A broker's server has limits for requests; streams outlive them.
	s.server.Config.ReadTimeout, s.server.Config.WriteTimeout = 5*time.Second, 5*time.Second
	s.server.Start()
	t.Cleanup(s.server.Close)
	t.Cleanup(stop)
	return s
}

// visitor is a browser without JavaScript.
type visitor struct {
	t      testing.TB
	client *http.Client
}

// visitor comes with no cookies.
func (s *site) visitor(t testing.TB) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &visitor{t: t, client: &http.Client{Jar: jar, Timeout: 20 * time.Second}}
}

// guest has come in by the link of the instance.
func (s *site) guest(t testing.TB, id string) *visitor {
	t.Helper()
	v := s.visitor(t)
	v.get(s.Link(id)).want(http.StatusOK)
	return v
}

// answer is one that was read.
type answer struct {
	t testing.TB
	*http.Response
	body string
}

func (v *visitor) get(address string) *answer {
	v.t.Helper()
	request, err := http.NewRequestWithContext(v.t.Context(), http.MethodGet, address, nil)
	if err != nil {
		v.t.Fatal(err)
	}
	return v.do(request)
}

func (v *visitor) post(address string, form url.Values) *answer {
	v.t.Helper()
	request, err := http.NewRequestWithContext(v.t.Context(), http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		v.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return v.do(request)
}

func (v *visitor) do(request *http.Request) *answer {
	v.t.Helper()
	response, err := v.client.Do(request)
	if err != nil {
		v.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return &answer{t: v.t, Response: response, body: string(body)}
}

// want checks the status.
func (p *answer) want(status int) *answer {
	p.t.Helper()
	if p.StatusCode != status {
		p.t.Fatalf("%s %s: status %d, want %d\n%s", p.Request.Method, p.Request.URL, p.StatusCode, status, p.body)
	}
	return p
}

// says checks that the page holds the texts.
func (p *answer) says(texts ...string) *answer {
	p.t.Helper()
	for _, text := range texts {
		if !strings.Contains(p.body, text) {
			p.t.Errorf("%s: %q is not on the page\n%s", p.Request.URL, text, p.body)
		}
	}
	return p
}

// hides checks that the page holds none of the texts.
func (p *answer) hides(texts ...string) *answer {
	p.t.Helper()
	for _, text := range texts {
		if strings.Contains(p.body, text) {
			p.t.Errorf("%s: %q is on the page\n%s", p.Request.URL, text, p.body)
		}
	}
	return p
}

// csrf is the token of the page's forms.
func (p *answer) csrf() string {
	p.t.Helper()
	_, after, found := strings.Cut(p.body, `name="csrf" value="`)
	token, _, closed := strings.Cut(after, `"`)
	if !found || !closed || token == "" {
		p.t.Fatalf("%s: no form with a token\n%s", p.Request.URL, p.body)
	}
	return token
}

// path is the address of an instance's page without its link's signature.
func (s *site) path(id string) string {
	address, _, _ := strings.Cut(s.Link(id), "?")
	return address
}

// operator has come in with a name and password.
func (s *site) operator(t testing.TB) *visitor {
	t.Helper()
	v := s.visitor(t)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.server.URL+"/dashboard/", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.SetBasicAuth(operator, operators)
	v.do(request).want(http.StatusOK)
	return v
}

// eventually polls until the condition holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("waited too long until %s", what)
		case <-ticker.C:
		}
	}
}
