package dashboard

import (
	"cmp"
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

const (
	signInLifetime  = 10 * time.Minute
	providerTimeout = 15 * time.Second
)

// OIDCConfig is how people sign in with OpenID Connect, and who may. At least
// one of AllowedEmails, AllowedGroups and PermissionsURL is needed: without,
// everybody with an account at the provider would see all credentials.
type OIDCConfig struct {
	Issuer       string
	ClientID     string
	ClientSecret string
	// Scopes are asked for beside openid; "email" and "profile" where it is nil.
	Scopes []string

	// AllowedEmails are operators, once the provider says that it has verified
	// the address.
	AllowedEmails []string
	// AllowedGroups make operators of their members.
	AllowedGroups []string
	// GroupsClaim is where the provider lists groups; "groups" where it is empty.
	GroupsClaim string

	// PermissionsURL is asked, with a person's token, whether they may manage an
	// instance, whose id takes the place of {id}. Cloud Foundry's is
	// https://api.…/v3/service_instances/{id}/permissions. The answer is an
	// object in which "manage" is true.
	PermissionsURL string

	// HTTPClient reaches the provider; one with a time limit where it is nil.
	HTTPClient *http.Client
}

func (c OIDCConfig) check() error {
	for _, required := range []struct{ name, value string }{
		{"issuer", c.Issuer}, {"client id", c.ClientID},
	} {
		if required.value == "" {
			return fmt.Errorf("OpenID Connect: no %s", required.name)
		}
	}
	if len(c.AllowedEmails) == 0 && len(c.AllowedGroups) == 0 && c.PermissionsURL == "" {
		return errors.New("OpenID Connect: say who may sign in: allowed emails, allowed groups or a permissions URL")
	}
	if c.PermissionsURL != "" && !strings.Contains(c.PermissionsURL, "{id}") {
		return errors.New("OpenID Connect: the permissions URL has no {id} in it")
	}
	return nil
}

// singleSignOn signs people in at a provider: the authorization code flow, with
// PKCE, state and nonce.
type singleSignOn struct {
	config   OIDCConfig
	callback string
	client   *http.Client

	mu       sync.Mutex
	provider *oidc.Provider // nil until the provider has answered once
}

func newSingleSignOn(config OIDCConfig, callback string) *singleSignOn {
	client := config.HTTPClient
	if client == nil {
		client = &http.Client{Timeout: providerTimeout}
	}
	if config.Scopes == nil {
		config.Scopes = []string{"email", "profile"}
	}
	return &singleSignOn{config: config, callback: callback, client: client}
}

// discover asks the provider for its addresses when somebody first signs in, so
// that the broker starts without it.
func (s *singleSignOn) discover(ctx context.Context) (*oidc.Provider, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.provider != nil {
		return s.provider, nil
	}
	// The provider keeps the context for fetching keys later.
	provider, err := oidc.NewProvider(s.context(context.WithoutCancel(ctx)), s.config.Issuer)
	if err != nil {
		return nil, fmt.Errorf("ask the OpenID Connect provider for its addresses: %w", err)
	}
	s.provider = provider
	return provider, nil
}

func (s *singleSignOn) context(ctx context.Context) context.Context {
	return oidc.ClientContext(ctx, s.client)
}

func (s *singleSignOn) oauth(provider *oidc.Provider) oauth2.Config {
	return oauth2.Config{
		ClientID: s.config.ClientID, ClientSecret: s.config.ClientSecret, Endpoint: provider.Endpoint(),
		RedirectURL: s.callback, Scopes: slices.Concat([]string{oidc.ScopeOpenID}, s.config.Scopes),
	}
}

// attempt is one try to sign in, which a cookie carries through the provider.
type attempt struct {
	State    string `json:"state"`
	Nonce    string `json:"nonce"`
	Verifier string `json:"verifier"`           // of PKCE
	Instance []byte `json:"instance,omitempty"` // whose page is wanted; empty for the index
}

// begin gives the address at the provider where a person signs in.
func (s *singleSignOn) begin(ctx context.Context, instance string) (string, attempt, error) {
	provider, err := s.discover(ctx)
	if err != nil {
		return "", attempt{}, err
	}
	try := attempt{State: newID(), Nonce: newID(), Verifier: oauth2.GenerateVerifier(), Instance: []byte(instance)}
	config := s.oauth(provider)
	return config.AuthCodeURL(try.State, oidc.Nonce(try.Nonce), oauth2.S256ChallengeOption(try.Verifier)), try, nil
}

// errRefused is the error when the provider or the person said no, or when what
// came back does not belong to the attempt.
var errRefused = errors.New("sign-in refused")

// finish learns from the provider's redirect who signed in.
func (s *singleSignOn) finish(ctx context.Context, try attempt, answer url.Values, now func() time.Time) (person, error) {
	if subtle.ConstantTimeCompare([]byte(answer.Get("state")), []byte(try.State)) != 1 {
		return person{}, fmt.Errorf("%w: the answer belongs to another attempt", errRefused)
	}
	if issuer := answer.Get("iss"); issuer != "" && issuer != s.config.Issuer {
		return person{}, fmt.Errorf("%w: the answer is from another provider", errRefused)
	}
	if code := answer.Get("error"); code != "" {
		return person{}, fmt.Errorf("%w: the provider says %q", errRefused, code)
	}
	provider, err := s.discover(ctx)
	if err != nil {
		return person{}, err
	}
	ctx = s.context(ctx)
	config := s.oauth(provider)
	token, err := config.Exchange(ctx, answer.Get("code"), oauth2.VerifierOption(try.Verifier))
	if err != nil {
		return person{}, fmt.Errorf("exchange the code for a token: %w", err)
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return person{}, errors.New("the provider's answer has no ID token")
	}
	verified, err := provider.Verifier(&oidc.Config{ClientID: s.config.ClientID, Now: now}).Verify(ctx, raw)
	if err != nil {
		return person{}, fmt.Errorf("verify the ID token: %w", err)
	}
	if subtle.ConstantTimeCompare([]byte(verified.Nonce), []byte(try.Nonce)) != 1 {
		return person{}, fmt.Errorf("%w: the ID token belongs to another attempt", errRefused)
	}
	return s.identify(ctx, provider, verified, token)
}

// identify reads the claims, from the ID token and, because many providers keep
// that small, from the user info.
func (s *singleSignOn) identify(ctx context.Context, provider *oidc.Provider, token *oidc.IDToken, access *oauth2.Token) (person, error) {
	claims := map[string]any{}
	if err := token.Claims(&claims); err != nil {
		return person{}, fmt.Errorf("read the ID token: %w", err)
	}
	if provider.UserInfoEndpoint() != "" {
		info, err := provider.UserInfo(ctx, oauth2.StaticTokenSource(access))
		if err != nil {
			return person{}, fmt.Errorf("ask the provider who signed in: %w", err)
		}
		if info.Subject != token.Subject {
			return person{}, fmt.Errorf("%w: the user info is of somebody else", errRefused)
		}
		more := map[string]any{}
		if err := info.Claims(&more); err != nil {
			return person{}, fmt.Errorf("read the user info: %w", err)
		}
		for name, value := range more {
			claims[name] = value
		}
	}
	return newPerson(token.Subject, claims, cmp.Or(s.config.GroupsClaim, "groups"), access.AccessToken), nil
}
