// Package oidctest runs a real OpenID Connect provider for tests: the one of
// Zitadel's library, with a page where people type a name and a password.
package oidctest

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"testing"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
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
	// The issuer is an address that is known once the server listens.
	server := httptest.NewUnstartedServer(nil)
	p.Issuer = "http://" + server.Listener.Addr().String()
	server.Config.Handler = exampleop.SetupServer(p.Issuer, &groupStorage{
		Storage: storage.NewStorageWithClients(people, clients), people: people,
	}, slog.New(slog.DiscardHandler), false)
	server.Start()
	t.Cleanup(server.Close)
	return p
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
