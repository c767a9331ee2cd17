package integration

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/servicepack/svp/integration/oidctest"
	"github.com/servicepack/svp/integration/svptest"
)

// talkative is a pack of two components that write what they do.
var talkative = map[string]string{
	"bin/query": query("version) echo 1 ;; secrets) echo TOKEN ;; components) echo front; echo back ;; ports) echo 7000 ;;\n" +
		"env) echo \"URL=tiny://app:$TOKEN@%IP:7000/a%20b\" ;;")["bin/query"],
	"bin/run": "#!/bin/sh\necho \"$1 <b>begins</b> & runs\"\ntouch /run/tiny\n" + idle,
	"servicepack.yaml": "version: 1.0.0\ndescription: It talks\nplans: [{name: small, description: Little, limits: {memory: 64m}}]\n" +
		"catalog: {display_name: The Talker}\n",
}

// front is a TLS proxy before a broker, as there is one before most: the address
// that browsers know.
type front struct {
	*httptest.Server
	broker atomic.Pointer[url.URL]
}

func startFront(t *testing.T) *front {
	t.Helper()
	f := &front{}
	f.Server = httptest.NewTLSServer(&httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(f.broker.Load()) },
		FlushInterval: -1,
	})
	// A stream that a browser holds open would keep Close waiting.
	t.Cleanup(func() { f.CloseClientConnections(); f.Close() })
	return f
}

// startBoard starts a broker with a dashboard behind a proxy, and an instance.
func startBoard(t *testing.T, f *front, env []string, flags ...string) (p *platform, service osbService, instance, dashboardURL string) {
	t.Helper()
	pack := tinyPack(t, talkative)
	p = startPlatform(t, svptest.BrokerOptions{
		Packs: []string{pack}, Env: env, Flags: append([]string{"--public-url", f.URL}, flags...),
	})
	broker, err := url.Parse(p.URL)
	if err != nil {
		t.Fatal(err)
	}
	f.broker.Store(broker)
	service = p.service(t, pack)
	instance = newName(t)
	body := service.provisionBody(t, "small").with(fields{"organization_guid": "org-<1>"})
	first := p.async(t, http.MethodPut, instancePath(instance), nil, body).Require(t, http.StatusAccepted)
	operation, _ := first.Fields(t)["operation"].(string)
	if state, description := p.await(t, instancePath(instance), operation); state != succeeded {
		t.Fatalf("the provision: %s: %s", state, description)
	}
	fetched := p.get(t, instancePath(instance)).Require(t, http.StatusOK)
	if page := pageOf(t, f, fetched); page != pageOf(t, f, first) {
		t.Errorf("the dashboard_url leads to another page once the instance is there: %s, and %s", page, pageOf(t, f, first))
	}
	dashboardURL, _ = first.Fields(t)["dashboard_url"].(string)
	return p, service, instance, dashboardURL
}

// pageOf is the address, without what opens it, that the answer names.
func pageOf(t *testing.T, f *front, answer svptest.Answer) string {
	t.Helper()
	link, _ := answer.Fields(t)["dashboard_url"].(string)
	if !strings.HasPrefix(link, f.URL+"/dashboard/") {
		t.Fatalf("dashboard_url is %q, want one below %s", link, f.URL)
	}
	page, _, _ := strings.Cut(link, "?")
	return page
}

// A developer follows the link of the platform; an operator looks at all.
func TestDashboard(t *testing.T) {
	t.Parallel()
	f, browser := startFront(t), startChromium(t)
	p, service, instance, link := startBoard(t, f, nil)
	w := browser.open(t, look{})
	w.visit(link)
	w.waitFor("The Talker", "org-<1>", "running", "7000/tcp", "provision", "succeeded", "64 MiB", "front <b>begins</b> & runs")
	if address := w.address(); strings.Contains(address, "access=") {
		t.Errorf("the address still gives access: %s", address)
	}
	w.requireAccessible()
	name := w.read("h1")
	token := svp(t, "env", name).Require(t, 0).Env(t)["TOKEN"]
	p.secret(token)

	lookAtCredentials(t, w, token)
	w.write("#component", "back")
	w.waitFor("back <b>begins</b> & runs")
	w.click("summary")
	w.click("button.danger")
	w.waitUntil("the restart has succeeded, and the page says so by itself", func(page string) bool {
		return strings.Contains(page, "restart") && strings.Count(page, "succeeded") == 2 && strings.Contains(page, "running")
	})
	binding, _ := p.bind(t, service, "small", instance)
	w.waitFor(binding)
	w.requireNoComplaints()

	t.Run("without JavaScript", func(t *testing.T) { lookWithoutJavaScript(t, browser, link, name, token) })
	t.Run("operator", func(t *testing.T) { lookAsOperator(t, browser, f, name) })

	p.delete(t, bindingPath(instance, binding), service.ids(t, "small")).Require(t, http.StatusOK)
	w.waitFor("No application is bound")
	w.requireNoComplaints()
	p.delete(t, instancePath(instance), service.ids(t, "small")).Require(t, http.StatusOK)
	w.waitFor("There is no such page")
	p.requireSilence(t)
}

func lookAtCredentials(t *testing.T, w *window, token string) {
	t.Helper()
	if page := w.text(); strings.Contains(page, token) {
		t.Errorf("the secret is on the page before it is asked for:\n%s", page)
	}
	before := w.address()
	w.click("#credentials form button")
	w.waitFor(token, "tiny://app:"+token+"@", "Hide")
	w.requireAccessible()
	if w.address() != before {
		t.Errorf("the credentials are on another page: %s", w.address())
	}
	w.click("#credentials a.button")
	w.waitUntil("the secret is hidden again", func(page string) bool { return !strings.Contains(page, token) })
}

// On a phone, in the dark.
func lookWithoutJavaScript(t *testing.T, browser *chromium, link, name, token string) {
	w := browser.open(t, look{width: 390, dark: true, noScript: true})
	w.visit(link)
	w.waitFor(name, "running", "Reveal")
	w.requireAccessible()
	w.click("#credentials form button")
	w.waitFor(token, "Hide")
	w.requireAccessible()
	w.click("#credentials a.button")
	w.waitFor("Reveal")
	w.click("#log .actions a")
	w.waitFor("Refresh every 5 seconds", "front <b>begins</b> & runs")
	w.requireAccessible()
	w.visit(link)
	w.click("header button")
	w.waitFor("You are signed out")
	w.requireNoComplaints()
}

func lookAsOperator(t *testing.T, browser *chromium, f *front, name string) {
	index, err := url.Parse(f.URL + "/dashboard/")
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, index.String(), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := f.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusUnauthorized {
		t.Errorf("a stranger gets %s", response.Status)
	}
	index.User = url.UserPassword(svptest.BrokerUsername, svptest.BrokerPassword)
	for _, l := range []look{{}, {width: 390, dark: true}} {
		w := browser.open(t, l)
		w.visit(index.String())
		w.waitFor("Services", name, "The Talker", "org-<1>")
		w.requireAccessible()
		w.click("tbody a")
		w.waitFor("Reveal", name)
		w.requireNoComplaints()
	}
}

// People sign in where the platform's people do.
func TestDashboardSignIn(t *testing.T) {
	t.Parallel()
	f, browser := startFront(t), startChromium(t)
	provider := oidctest.Start(t, f.URL+"/dashboard/callback",
		oidctest.User{Name: "keeper", Email: "keeper@example.com", Groups: []string{"keepers"}},
		oidctest.User{Name: "stranger", Email: "stranger@example.com"})
	p, _, _, link := startBoard(t, f, []string{"SVP_BROKER_OIDC_CLIENT_SECRET=" + provider.ClientSecret},
		"--oidc-issuer", provider.Issuer, "--oidc-client-id", provider.ClientID, "--oidc-group", "keepers")
	p.secret(provider.ClientSecret)
	signIn := func(w *window, name string) {
		t.Helper()
		w.waitFor("Username", "Password")
		w.write("#username", name)
		w.write("#password", oidctest.Password)
		w.click("button")
	}

	w := browser.open(t, look{})
	w.visit(link)
	signIn(w, "keeper")
	w.waitFor("keeper@example.com", "The Talker", "front <b>begins</b> & runs")
	if w.address() != link {
		t.Errorf("the sign-in led to %s, want %s", w.address(), link)
	}
	w.click("#credentials form button")
	w.waitFor("tiny://app:")
	w.visit(f.URL + "/dashboard/")
	w.waitFor("1 service", "The Talker")
	w.requireNoComplaints()
	w.click("header button")
	w.waitFor("You are signed out", "Sign in")
	w.visit(link)
	w.waitFor("Username")

	w = browser.open(t, look{dark: true})
	w.visit(link)
	signIn(w, "stranger")
	w.waitFor("You may not see this page", "stranger@example.com")
	w.requireAccessible()
	w.visit(f.URL + "/dashboard/")
	w.waitFor("Username")
	p.requireSilence(t)
}
