package dashboard_test

import (
	"errors"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/servicepack/svp/engine/broker/dashboard"
)

func TestALinkOpensItsInstanceUntilItExpires(t *testing.T) {
	t.Parallel()
	s := serve(t)
	link := s.Link("shop-id")
	page := s.visitor(t).get(link).want(http.StatusOK).says("<h1>shop</h1>", "PostgreSQL", "Small", "172.30.0.5", "5432/tcp",
		"120 MiB of 256 MiB", "0.8 of 1", "use unknown, limit 1 GiB", "web", "provision", "succeeded", "acme", "production",
		"2026-03-04 05:06:07 UTC", "pgbouncer", "binding-1")
	if query := page.Request.URL.RawQuery; query != "" {
		t.Errorf("the address still holds %q after the link was used", query)
	}
	s.clock.pass(25 * time.Hour)
	s.visitor(t).get(link).want(http.StatusForbidden).says("has expired").hides("PostgreSQL")
}

func TestAForgedLinkOpensNothing(t *testing.T) {
	t.Parallel()
	s := serve(t)
	stranger := serve(t, func(c *dashboard.Config) { c.Key = []byte(strings.Repeat("x", 32)) })
	link := s.Link("shop-id")
	_, query, _ := strings.Cut(link, "?")
	_, foreign, _ := strings.Cut(stranger.Link("shop-id"), "?")
	payload, signature, _ := strings.Cut(strings.TrimPrefix(query, "access="), ".")
	for what, address := range map[string]string{
		"no signature":                 s.path("shop-id"),
		"an empty one":                 s.path("shop-id") + "?access=.",
		"only a payload":               s.path("shop-id") + "?access=" + payload,
		"a changed payload":            s.path("shop-id") + "?access=A" + payload[1:] + "." + signature,
		"a changed signature":          s.path("shop-id") + "?access=" + payload + ".A" + signature[1:],
		"a signature with an addition": link + "A",
		"another instance's link":      s.path(otherID) + "?" + query,
		"another broker's link":        s.path("shop-id") + "?" + foreign,
		"an instance that is not":      s.path("nobody") + "?" + query,
	} {
		page := s.visitor(t).get(address)
		if page.StatusCode != http.StatusForbidden {
			t.Errorf("%s: status %d", what, page.StatusCode)
		}
		page.hides("PostgreSQL")
		if len(page.Cookies()) > 0 {
			t.Errorf("%s: a cookie was set", what)
		}
	}
}

func TestASessionIsForOneInstance(t *testing.T) {
	t.Parallel()
	s := serve(t)
	guest := s.guest(t, "shop-id")
	guest.get(s.path("shop-id")).want(http.StatusOK)
	guest.get(s.path(otherID)).want(http.StatusForbidden)
	// The browser does not send the cookie there; somebody else may.
	for _, path := range []string{"", "/log", "/log/stream", "/events"} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.path(otherID)+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		page := s.path("shop-id")
		address, err := url.Parse(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, cookie := range guest.client.Jar.Cookies(address) {
			request.AddCookie(cookie)
		}
		s.visitor(t).do(request).want(http.StatusForbidden)
	}
	guest.get(s.server.URL + "/dashboard/").want(http.StatusUnauthorized)

	// One browser may have both, and each ends by itself.
	guest.get(s.Link(otherID)).want(http.StatusOK).says("<h1>other</h1>")
	token := guest.get(s.path("shop-id")).want(http.StatusOK).csrf()
	guest.post(s.path("shop-id")+"/sign-out", url.Values{"csrf": {token}}).want(http.StatusOK).says("signed out")
	guest.get(s.path("shop-id")).want(http.StatusForbidden)
	guest.get(s.path(otherID)).want(http.StatusOK)
	s.clock.pass(9 * time.Hour)
	guest.get(s.path(otherID)).want(http.StatusForbidden)
}

func TestIDsAreOpaque(t *testing.T) {
	t.Parallel()
	s := serve(t)
	for _, id := range []string{"..", "../shop-id", "a/b", "A", "a", " ", "%2F", "é", "\xff", "?x#y", strings.Repeat("i", 1024)} {
		s.source.change(id, func(i *dashboard.Instance) { i.ID, i.Name = id, "name of "+url.PathEscape(id) })
		s.visitor(t).get(s.Link(id)).want(http.StatusOK).says("name of " + url.PathEscape(id) + "</h1>")
	}
}

func TestNoSecretIsOnThePageUntilItIsAskedFor(t *testing.T) {
	t.Parallel()
	s := serve(t)
	guest := s.guest(t, "shop-id")
	page := guest.get(s.path("shop-id")).want(http.StatusOK).says("PG_PASSWORD", "PG_HOST", "DATABASE_URL").
		hides(html.EscapeString(secret), secret, url.QueryEscape(secret), "postgres://")
	revealed := guest.post(s.path("shop-id")+"/credentials", url.Values{"csrf": {page.csrf()}}).want(http.StatusOK)
	if shown := html.UnescapeString(revealed.body); !strings.Contains(shown, ">"+secret+"<") {
		t.Errorf("the password is not shown as it is\n%s", shown)
	}
	if control := revealed.Header.Get("Cache-Control"); control != "no-store" {
		t.Errorf("browsers may keep the page with the password: Cache-Control %q", control)
	}
	guest.get(s.path("shop-id")).hides(url.QueryEscape(secret))
	guest.get(s.path("shop-id") + "/credentials").want(http.StatusNotFound)
	if log := s.log.String(); strings.Contains(log, secret) || !strings.Contains(log, "credentials shown") {
		t.Errorf("the log should say that credentials were shown, and not which:\n%s", log)
	}
}

func TestFormsOfOthersAreRefused(t *testing.T) {
	t.Parallel()
	s := serve(t)
	guest, other := s.guest(t, "shop-id"), s.guest(t, "shop-id")
	token := guest.get(s.path("shop-id")).csrf()
	for _, form := range []string{"/credentials", "/restart", "/sign-out"} {
		for what, values := range map[string]url.Values{
			"no token": {}, "an empty one": {"csrf": {""}}, "a wrong one": {"csrf": {token + "x"}},
			"that of another session": {"csrf": {other.get(s.path("shop-id")).csrf()}},
		} {
			page := guest.post(s.path("shop-id")+form, values)
			if page.StatusCode != http.StatusForbidden {
				t.Errorf("%s with %s: status %d", form, what, page.StatusCode)
			}
			page.hides(url.QueryEscape(secret))
		}
		address := s.path("shop-id") + form + "?" + url.Values{"csrf": {token}}.Encode()
		guest.post(address, nil).want(http.StatusForbidden)
	}
	// A right token from another site's page.
	for name, value := range map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"} {
		form := strings.NewReader(url.Values{"csrf": {token}}.Encode())
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.path("shop-id")+"/restart", form)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		request.Header.Set(name, value)
		guest.do(request).want(http.StatusForbidden)
	}
	guest.post(s.path("shop-id")+"/restart", url.Values{"csrf": {token}, "more": {strings.Repeat("x", 1<<20)}}).want(http.StatusForbidden)
	s.visitor(t).post(s.path("shop-id")+"/restart", url.Values{"csrf": {token}}).want(http.StatusForbidden)
	if s.source.restarts > 0 {
		t.Error("a refused form restarted the instance")
	}
}

func TestRestart(t *testing.T) {
	t.Parallel()
	s := serve(t)
	guest := s.guest(t, "shop-id")
	form := url.Values{"csrf": {guest.get(s.path("shop-id")).csrf()}}
	page := guest.post(s.path("shop-id")+"/restart", form).want(http.StatusOK).says("<h1>shop</h1>")
	if page.Request.Method != http.MethodGet || s.source.restarts != 1 {
		t.Errorf("%d restarts, then %s: want one, and then the page by GET", s.source.restarts, page.Request.Method)
	}
	s.source.busy = true
	guest.post(s.path("shop-id")+"/restart", form).want(http.StatusConflict).says("Another operation")
}

func TestEveryAnswerForbidsWhatAPageDoesNotNeed(t *testing.T) {
	t.Parallel()
	s := serve(t)
	guest := s.guest(t, "shop-id")
	inline := regexp.MustCompile(`(?i)<style|\sstyle=|\son[a-z]+=|<script(?:>|[^>]*>\s*[^<\s])|javascript:|<iframe`)
	for _, address := range []string{
		s.path("shop-id"), s.path("shop-id") + "/log", s.path(otherID), s.path("shop-id") + "/nothing",
		s.server.URL + "/dashboard/", s.server.URL + "/dashboard/callback", s.server.URL + "/dashboard/static/style.css",
		s.path("shop-id") + "/restart",
	} {
		page := guest.get(address)
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "X-Frame-Options": "DENY",
		} {
			if got := page.Header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", address, name, got, want)
			}
		}
		policy := page.Header.Get("Content-Security-Policy")
		for _, part := range []string{"default-src 'none'", "frame-ancestors 'none'", "form-action 'self'", "base-uri 'none'"} {
			if !strings.Contains(policy, part) {
				t.Errorf("%s: the policy %q lacks %q", address, policy, part)
			}
		}
		if strings.Contains(policy, "unsafe") {
			t.Errorf("%s: the policy is %q", address, policy)
		}
		if strings.HasPrefix(page.Header.Get("Content-Type"), "text/html") {
			if found := inline.FindString(page.body); found != "" {
				t.Errorf("%s: the page holds %q, which the policy forbids", address, found)
			}
		}
	}
}

func TestStaticFilesMayBeKept(t *testing.T) {
	t.Parallel()
	s := serve(t)
	page := s.guest(t, "shop-id").get(s.path("shop-id"))
	links := regexp.MustCompile(`(?:href|src)="(/dashboard/static/[^"]*)"`).FindAllStringSubmatch(page.body, -1)
	if len(links) != 3 {
		t.Fatalf("the page names %v, want a style, a script and an icon", links)
	}
	for _, link := range links {
		file := s.visitor(t).get(s.server.URL + html.UnescapeString(link[1])).want(http.StatusOK)
		if control := file.Header.Get("Cache-Control"); !strings.Contains(control, "immutable") || file.body == "" {
			t.Errorf("%s: Cache-Control %q, %d bytes", link[1], control, len(file.body))
		}
	}
}

func TestCookiesAreOutOfReach(t *testing.T) {
	t.Parallel()
	for scheme, prefix := range map[string]string{"http": "svp-", "https": "__Secure-svp-"} {
		s := serve(t, func(c *dashboard.Config) { c.PublicURL.Scheme = scheme })
		client := *s.server.Client()
		client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		address := strings.Replace(s.Link("shop-id"), "https:", "http:", 1)
		v := &visitor{t: t, client: &client}
		cookies := v.get(address).want(http.StatusSeeOther).Cookies()
		if len(cookies) != 1 {
			t.Fatalf("%s: cookies %v, want one", scheme, cookies)
		}
		c := cookies[0]
		if !c.HttpOnly || c.Secure != (scheme == "https") || c.SameSite != http.SameSiteLaxMode ||
			!strings.HasPrefix(c.Name, prefix) || !strings.HasPrefix(c.Path, "/dashboard/instances/") || c.MaxAge <= 0 {
			t.Errorf("%s: cookie %v", scheme, c)
		}
	}
}

func TestEveryFieldIsEscaped(t *testing.T) {
	t.Parallel()
	s := serve(t)
	const evil = `"'><script>alert(1)</script><img src=x onerror=alert(2)>`
	bad := dashboard.Instance{
		ID: evil, Name: evil, Service: evil, Plan: evil, State: evil, Health: evil, Address: evil, Ports: []string{evil},
		Components:   []dashboard.Component{{Name: evil, State: evil}, {Name: evil + "2", State: evil}},
		Organization: evil, Space: evil,
	}
	s.source.instances[evil] = bad
	s.source.bindings = []dashboard.Binding{{ID: evil, Name: evil}}
	s.source.operations = []dashboard.Operation{{Kind: evil, State: evil, Description: evil}}
	s.source.credentials = []dashboard.Variable{{Name: evil, Value: evil}, {Name: evil, Value: evil + "s", Secret: true}}
	s.source.log = evil + "\n"
	guest := s.guest(t, evil)
	token := guest.get(s.path(evil)).want(http.StatusOK).csrf()
	for _, page := range []*answer{
		guest.get(s.path(evil)).want(http.StatusOK),
		guest.get(s.path(evil) + "/log?component=" + url.QueryEscape(evil)).want(http.StatusOK),
		guest.post(s.path(evil)+"/credentials", url.Values{"csrf": {token}}).want(http.StatusOK),
		s.operator(t).get(s.server.URL + "/dashboard/?q=" + url.QueryEscape(`"'><script>alert(1)`)).want(http.StatusOK),
	} {
		page.hides("<script>alert", "<img").says("&lt;script&gt;alert")
	}
}

func TestIndexIsForOperators(t *testing.T) {
	t.Parallel()
	s := serve(t)
	address := s.server.URL + "/dashboard/"
	page := s.visitor(t).get(address).want(http.StatusUnauthorized).hides("shop")
	if asked := page.Header.Get("WWW-Authenticate"); !strings.HasPrefix(asked, "Basic ") {
		t.Errorf("WWW-Authenticate is %q", asked)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.SetBasicAuth(operator, "wrong")
	s.visitor(t).do(request).want(http.StatusUnauthorized).hides("shop")

	admin := s.operator(t)
	page = admin.get(address).want(http.StatusOK).says(">shop</a>", ">other</a>", "2 services", "acme / production")
	for _, id := range []string{"shop-id", otherID} {
		if path := strings.TrimPrefix(s.path(id), s.server.URL); !strings.Contains(page.body, `href="`+path+`"`) {
			t.Errorf("the index does not lead to %s\n%s", path, page.body)
		}
		admin.get(s.path(id)).want(http.StatusOK)
	}
	admin.get(address+"?q=SHOP").want(http.StatusOK).says(">shop</a>", "1 of 2").hides(">other</a>")
	admin.get(address + "?q=nothing+like+it").want(http.StatusOK).says("Nothing matches")
	admin.get(s.path("nobody")).want(http.StatusNotFound).says("no such page")
	s.source.fails = errors.New("dial tcp: the broker's secret place")
	admin.get(address).want(http.StatusBadGateway).hides("secret place")
	admin.get(s.path("shop-id")).want(http.StatusBadGateway).hides("secret place")
}

func TestConfigurationsThatWouldBeUnsafeAreRefused(t *testing.T) {
	t.Parallel()
	public := &url.URL{Scheme: "https", Host: "broker.example"}
	key := make([]byte, 32)
	for want, config := range map[string]dashboard.Config{
		"no source":     {PublicURL: public, Key: key},
		"public URL":    {Source: newFakeSource(), Key: key},
		"signing key":   {Source: newFakeSource(), PublicURL: public, Key: key[:31]},
		"no issuer":     {Source: newFakeSource(), PublicURL: public, Key: key, OIDC: &dashboard.OIDCConfig{}},
		"who may":       {Source: newFakeSource(), PublicURL: public, Key: key, OIDC: &dashboard.OIDCConfig{Issuer: "i", ClientID: "c"}},
		"has no {id}":   {Source: newFakeSource(), PublicURL: public, Key: key, OIDC: &dashboard.OIDCConfig{Issuer: "i", ClientID: "c", PermissionsURL: "https://api.example"}},
		"of http or ht": {Source: newFakeSource(), PublicURL: &url.URL{Scheme: "ftp", Host: "x"}, Key: key},
	} {
		if _, err := dashboard.New(t.Context(), config); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

func TestAddressesBehindAProxyWithAPath(t *testing.T) {
	t.Parallel()
	s := serve(t, func(c *dashboard.Config) {
		c.PublicURL = &url.URL{Scheme: "https", Host: "platform.example", Path: "/svp"}
		c.BasePath = "/boards"
	})
	if link := s.Link("shop-id"); !strings.HasPrefix(link, "https://platform.example/svp/boards/instances/") {
		t.Errorf("link %s", link)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.server.URL+"/boards/", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.SetBasicAuth(operator, operators)
	page := s.visitor(t).do(request).want(http.StatusOK).says(`href="/svp/boards/static/`, `href="/svp/boards/instances/`)
	if path := page.Cookies()[0].Path; path != "/svp/boards/" {
		t.Errorf("the cookie is for %s", path)
	}
}
