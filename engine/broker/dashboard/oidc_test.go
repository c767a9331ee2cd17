package dashboard_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/servicepack/svp/engine/broker/dashboard"
	"github.com/servicepack/svp/integration/oidctest"
)

// signInForm is on the page of the provider.
const signInForm = `action="/login/username"`

// signInSite is a dashboard where people sign in at a real provider.
func signInSite(t *testing.T, change func(*dashboard.OIDCConfig), users ...oidctest.User) *site {
	t.Helper()
	return serve(t, func(c *dashboard.Config) {
		provider := oidctest.Start(t, c.PublicURL.JoinPath("dashboard/callback").String(), users...)
		c.OIDC = &dashboard.OIDCConfig{
			Issuer: provider.Issuer, ClientID: provider.ClientID, ClientSecret: provider.ClientSecret,
		}
		change(c.OIDC)
		c.Operators = nil
	})
}

func allowOperators(c *dashboard.OIDCConfig) {
	c.AllowedEmails = []string{"Root@example.com"}
	c.AllowedGroups = []string{"keepers"}
}

// signIn types a name and password on the page of the provider.
func (v *visitor) signIn(form *answer, name, password string) *answer {
	v.t.Helper()
	form.want(http.StatusOK).says(signInForm)
	values := url.Values{
		"id": {form.Request.URL.Query().Get("authRequestID")}, "username": {name}, "password": {password},
	}
	return v.post(form.Request.URL.Scheme+"://"+form.Request.URL.Host+"/login/username", values)
}

func TestSignIn(t *testing.T) {
	t.Parallel()
	s := signInSite(t, allowOperators,
		oidctest.User{Name: "root", Email: "root@example.com"},
		oidctest.User{Name: "keeper", Email: "someone@example.com", Groups: []string{"others", "keepers"}},
		oidctest.User{Name: "liar", Email: "root@example.com", Unverified: true},
		oidctest.User{Name: "stranger", Email: "stranger@example.com", Groups: []string{"others"}})
	index := s.server.URL + "/dashboard/"
	for name, allowed := range map[string]bool{"root": true, "keeper": true, "liar": false, "stranger": false} {
		v := s.visitor(t)
		form := v.get(s.Link("shop-id"))
		page := v.signIn(form, name, oidctest.Password)
		if !allowed {
			page.want(http.StatusForbidden).says("You may not see this page").hides("PostgreSQL")
			v.get(index).says(signInForm).hides("shop")
			continue
		}
		page.want(http.StatusOK).says("<h1>shop</h1>", "Sign out")
		if got := page.Request.URL.String(); got != s.path("shop-id") {
			t.Errorf("%s came back to %s, want %s", name, got, s.path("shop-id"))
		}
		v.get(index).want(http.StatusOK).says(">other</a>")

		signedOut := v.post(index+"sign-out", url.Values{"csrf": {page.csrf()}}).want(http.StatusOK)
		signedOut.says("signed out", "/dashboard/sign-in")
		v.get(index).says(signInForm).hides(">other</a>")
	}
	if log := s.log.String(); strings.Contains(log, "secret-of-the-client") || strings.Contains(log, "code=") {
		t.Errorf("the log holds a secret:\n%s", log)
	}
}

func TestSignInWithAWrongPassword(t *testing.T) {
	t.Parallel()
	s := signInSite(t, allowOperators, oidctest.User{Name: "root", Email: "root@example.com"})
	v := s.visitor(t)
	form := v.get(s.server.URL + "/dashboard/")
	v.signIn(form, "root", "guess").hides("shop")
	v.signIn(form, "root", oidctest.Password).want(http.StatusOK).says(">shop</a>")
	s.clock.pass(9 * time.Hour)
	v.get(s.server.URL + "/dashboard/").says(signInForm).hides("shop")
}

func TestSignInThatWasBegunBySomebodyElse(t *testing.T) {
	t.Parallel()
	s := signInSite(t, allowOperators, oidctest.User{Name: "root", Email: "root@example.com"})
	begin := func() (v *visitor, callback string) {
		t.Helper()
		v = s.visitor(t)
		form := v.get(s.server.URL + "/dashboard/")
		v.client.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
			if strings.HasSuffix(r.URL.Path, "/dashboard/callback") {
				return http.ErrUseLastResponse
			}
			return nil
		}
		location := v.signIn(form, "root", oidctest.Password).want(http.StatusFound).Header.Get("Location")
		v.client.CheckRedirect = nil
		return v, location
	}
	attacker, code := begin()
	victim, _ := begin()
	victim.get(code).want(http.StatusForbidden).says("not signed in").hides("shop")
	s.visitor(t).get(code).want(http.StatusForbidden).hides("shop")
	attacker.get(strings.Replace(code, "state=", "state=x", 1)).want(http.StatusForbidden).hides("shop")
	// An attempt ends with its first answer.
	attacker.get(code).want(http.StatusForbidden).hides("shop")

	late, code := begin()
	s.clock.pass(11 * time.Minute)
	late.get(code).want(http.StatusForbidden).says("took too long")

	refused, code := begin()
	state := strings.Split(strings.SplitAfter(code, "state=")[1], "&")[0]
	refused.get(s.server.URL+"/dashboard/callback?error=access_denied&error_description=%3Cscript%3E&state="+state).
		want(http.StatusForbidden).hides("<script>x", "&lt;script")
}

func TestThePlatformSaysWhoMayManageAnInstance(t *testing.T) {
	t.Parallel()
	var asked []string
	platform := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.EscapedPath())
		switch {
		case !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer "):
			w.WriteHeader(http.StatusUnauthorized)
		case r.URL.Path == "/v3/service_instances/shop-id/permissions":
			_, _ = w.Write([]byte(`{"manage":true,"read":true}`))
		case r.URL.Path == "/v3/service_instances/broken/permissions":
			w.WriteHeader(http.StatusInternalServerError)
		default:
			_, _ = w.Write([]byte(`{"manage":false,"read":true}`))
		}
	}))
	t.Cleanup(platform.Close)
	s := signInSite(t, func(c *dashboard.OIDCConfig) {
		c.PermissionsURL = platform.URL + "/v3/service_instances/{id}/permissions"
	}, oidctest.User{Name: "developer"})
	signIn := func(v *visitor, address string) *answer {
		t.Helper()
		return v.signIn(v.get(address), "developer", oidctest.Password)
	}
	v := s.visitor(t)
	signIn(v, s.Link("shop-id")).want(http.StatusOK).says("<h1>shop</h1>", "developer")
	signIn(v, s.Link(otherID)).want(http.StatusForbidden).hides("PostgreSQL")
	signIn(v, s.server.URL+"/dashboard/").want(http.StatusForbidden).hides(">shop</a>")
	signIn(v, s.Link("broken")).want(http.StatusBadGateway)
	signIn(v, s.Link("..")).want(http.StatusForbidden)
	v.get(s.path("shop-id")).want(http.StatusOK).says("<h1>shop</h1>")
	want := "/v3/service_instances/shop-id/permissions /v3/service_instances/other%2F..%2Fid%20with%20spaces/permissions " +
		"/v3/service_instances/broken/permissions"
	if got := strings.Join(asked, " "); got != want {
		t.Errorf("the platform was asked for %s, want %s", got, want)
	}
}

func TestWithSingleSignOnALinkOpensNothingByItself(t *testing.T) {
	t.Parallel()
	s := signInSite(t, allowOperators)
	signed := serve(t) // of the same key
	if strings.Contains(s.Link("shop-id"), "?") {
		t.Errorf("link %s", s.Link("shop-id"))
	}
	_, query, _ := strings.Cut(signed.Link("shop-id"), "?")
	s.visitor(t).get(s.path("shop-id") + "?" + query).says(signInForm).hides("PostgreSQL")
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.path("shop-id")+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", "text/event-stream")
	s.visitor(t).do(request).want(http.StatusForbidden)
}

func TestAProviderThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(gone.Close)
	s := serve(t, func(c *dashboard.Config) {
		c.OIDC = &dashboard.OIDCConfig{Issuer: gone.URL, ClientID: "svp", AllowedGroups: []string{"keepers"}}
	})
	s.visitor(t).get(s.Link("shop-id")).want(http.StatusBadGateway).says("sign-in service").hides(gone.URL)
	s.operator(t).get(s.path("shop-id")).want(http.StatusOK)
}
