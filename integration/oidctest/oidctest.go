// Package oidctest runs a real OpenID Connect provider for tests: the one of
// Zitadel's library, with a page where people type a name and a password.
package oidctest

import (
	"context"
	"crypto/rand"
	"html/template"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// Password is everybody's.
const Password = "a-long-pass-phrase"

// User is somebody who can sign in.
type User struct {
	Name       string // also the subject
	Email      string
	Unverified bool // the provider does not vouch for the address
	Groups     []string
}

// Provider is a provider that runs, with one client.
type Provider struct {
	Issuer, ClientID, ClientSecret string
}

// Start runs a provider until the test ends. Its client may send people back to
// the redirect URI.
func Start(t testing.TB, redirectURI string, users ...User) *Provider {
	t.Helper()
	p := &Provider{ClientID: "svp", ClientSecret: "the-secret-of-the-client"}
	people := directory{}
	for _, user := range users {
		people[user.Name] = user
	}
	clients := map[string]*storage.Client{p.ClientID: storage.WebClient(p.ClientID, p.ClientSecret, redirectURI)}
	store := &groupStorage{Storage: storage.NewStorageWithClients(people, clients), people: people}
	// The issuer is an address that is known once the server listens.
	server := httptest.NewUnstartedServer(nil)
	p.Issuer = "http://" + server.Listener.Addr().String()
	handler, err := newHandler(p.Issuer, store)
	if err != nil {
		t.Fatalf("make an OpenID Connect provider: %v", err)
	}
	server.Config.Handler = handler
	server.Start()
	t.Cleanup(server.Close)
	return p
}

// newHandler puts a page to sign in beside the library's endpoints. The one of
// its example changes a global variable, and cannot serve twice.
func newHandler(issuer string, store *groupStorage) (http.Handler, error) {
	config := &op.Config{CryptoKey: [32]byte([]byte(rand.Text() + rand.Text())[:32]), CodeMethodS256: true}
	provider, err := op.NewProvider(config, store, op.StaticIssuer(issuer),
		op.WithAllowInsecure(), op.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		return nil, err
	}
	finished := op.AuthCallbackURL(provider)
	interceptor := op.NewIssuerInterceptor(provider.IssuerFromRequest)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /login/username", func(w http.ResponseWriter, r *http.Request) {
		showForm(w, http.StatusOK, r.FormValue("authRequestID"))
	})
	mux.HandleFunc("POST /login/username", interceptor.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.FormValue("id")
		if err := store.CheckUsernamePassword(r.FormValue("username"), r.FormValue("password"), id); err != nil {
			showForm(w, http.StatusUnauthorized, id)
			return
		}
		http.Redirect(w, r, finished(r.Context(), id), http.StatusFound)
	}))
	mux.Handle("/", provider)
	return mux, nil
}

var form = template.Must(template.New("form").Parse(`<!DOCTYPE html>
<html lang="en"><title>Sign in</title>
<form method="POST" action="/login/username">
<input type="hidden" name="id" value="{{.}}">
<label>Username <input id="username" name="username" autocomplete="username"></label>
<label>Password <input id="password" name="password" type="password" autocomplete="current-password"></label>
<button>Sign in</button>
</form></html>
`))

func showForm(w http.ResponseWriter, status int, id string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	// Whoever does not read it has gone.
	_ = form.Execute(w, id)
}

// directory is the provider's store of users, by name.
type directory map[string]User

// GetUserByID implements [storage.UserStore].
func (d directory) GetUserByID(id string) *storage.User {
	user, ok := d[id]
	if !ok {
		return nil
	}
	return &storage.User{
		ID: user.Name, Username: user.Name, Password: Password, FirstName: user.Name, LastName: "Example",
		Email: user.Email, EmailVerified: !user.Unverified,
	}
}

// GetUserByUsername implements [storage.UserStore].
func (d directory) GetUserByUsername(name string) *storage.User { return d.GetUserByID(name) }

// ExampleClientID implements [storage.UserStore].
func (d directory) ExampleClientID() string { return "unused" }

// groupStorage adds the groups, of which the library's storage knows nothing.
type groupStorage struct {
	*storage.Storage
	people directory
}

// SetUserinfoFromToken implements a part of the provider's storage.
func (s *groupStorage) SetUserinfoFromToken(ctx context.Context, info *oidc.UserInfo, token, subject, origin string) error {
	if err := s.Storage.SetUserinfoFromToken(ctx, info, token, subject, origin); err != nil {
		return err
	}
	info.AppendClaims("groups", s.people[subject].Groups)
	return nil
}
