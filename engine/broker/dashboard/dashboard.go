// Package dashboard shows the instances of a broker to the people who use them,
// in a browser: server-rendered pages that work without JavaScript, and update
// themselves with it. It knows neither the broker nor its store, only a Source.
//
// An instance's page is for whoever comes by a signed link, which expires, and
// buys a session for that one instance; or for who signs in with OpenID Connect;
// or for an operator. The index of all instances is for operators, who are known
// by name and password or are on the lists of OIDCConfig. Sessions are signed
// cookies, so that several brokers with the same key serve side by side.
package dashboard

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"
)

const (
	defaultBasePath        = "/dashboard/"
	defaultLinkLifetime    = 24 * time.Hour
	defaultSessionLifetime = 8 * time.Hour
	minKeyBytes            = 32
	maxFormBytes           = 16 << 10
)

// Config is what a Handler needs. Source, PublicURL and Key are required.
type Config struct {
	Source Source
	// BasePath is where the handler is mounted, "/dashboard/" where it is empty.
	BasePath string
	// PublicURL is where browsers reach the broker; BasePath comes after it.
	PublicURL *url.URL
	// Key signs links, sessions and forms; at least 32 random bytes, the same
	// for all brokers that serve side by side.
	Key []byte
	// OIDC, where it is given, makes people sign in.
	OIDC *OIDCConfig
	// Operators tells whether this is an operator's name and password, in
	// constant time. Without it only OIDC opens the index.
	Operators func(username, password string) bool

	LinkLifetime    time.Duration // one day where it is zero
	SessionLifetime time.Duration // eight hours where it is zero

	Now func() time.Time // time.Now where it is nil
	Log *slog.Logger     // nothing is logged where it is nil
}

// Handler serves the dashboard below its base path.
type Handler struct {
	source    Source
	log       *slog.Logger
	now       func() time.Time
	signer    signer
	operators func(username, password string) bool
	oidc      *singleSignOn // nil without

	linkLifetime    time.Duration
	sessionLifetime time.Duration

	public  *url.URL // of the index, with a slash at its end
	assets  map[string]asset
	mux     *http.ServeMux
	origins *http.CrossOriginProtection
	streams chan struct{} // one element for each stream that is open
	// onClose calls what ends a stream when the handler's time is over.
	onClose func(func()) (stop func() bool)
}

// New makes a handler. When ctx ends, the streams that are open end, so that a
// server's shutdown does not wait for them.
func New(ctx context.Context, config Config) (*Handler, error) {
	if err := config.check(); err != nil {
		return nil, fmt.Errorf("dashboard: %w", err)
	}
	now := config.Now
	if now == nil {
		now = time.Now
	}
	h := &Handler{
		source: config.Source, log: config.Log, now: now, signer: signer{key: config.Key, now: now},
		operators:       config.Operators,
		linkLifetime:    cmp.Or(config.LinkLifetime, defaultLinkLifetime),
		sessionLifetime: cmp.Or(config.SessionLifetime, defaultSessionLifetime),
		origins:         http.NewCrossOriginProtection(),
		streams:         make(chan struct{}, maxStreams),
		onClose:         func(end func()) func() bool { return context.AfterFunc(ctx, end) },
	}
	if h.log == nil {
		h.log = slog.New(slog.DiscardHandler)
	}
	base := strings.TrimSuffix(path.Clean("/"+cmp.Or(config.BasePath, defaultBasePath)), "/")
	root := url.URL{Scheme: config.PublicURL.Scheme, Host: config.PublicURL.Host, Path: "/" + config.PublicURL.Path}
	h.public = root.JoinPath(base + "/")
	// A proxy may rewrite the host, and old browsers send only the origin.
	if err := h.origins.AddTrustedOrigin(h.public.Scheme + "://" + h.public.Host); err != nil {
		return nil, fmt.Errorf("dashboard: public URL: %w", err)
	}
	assets, err := loadAssets()
	if err != nil {
		return nil, fmt.Errorf("dashboard: %w", err)
	}
	h.assets = assets
	if config.OIDC != nil {
		h.oidc = newSingleSignOn(*config.OIDC, h.CallbackURL())
	}
	h.mux = h.routes(base)
	return h, nil
}

func (c Config) check() error {
	switch {
	case c.Source == nil:
		return errors.New("no source")
	case c.PublicURL == nil || c.PublicURL.Host == "" || c.PublicURL.Scheme != "http" && c.PublicURL.Scheme != "https":
		return errors.New("the public URL must be one of http or https, with a host")
	case len(c.Key) < minKeyBytes:
		return fmt.Errorf("the signing key has %d bytes; it needs %d", len(c.Key), minKeyBytes)
	case c.OIDC != nil:
		return c.OIDC.check()
	}
	return nil
}

// Link is the address of an instance's page: the dashboard_url of the instance.
// It is signed and opens that page alone, for a time. With OIDC it opens nothing
// by itself, because people sign in.
func (h *Handler) Link(id string) string {
	link := h.public.JoinPath("instances", keyOf(id))
	if h.oidc == nil {
		token := h.signer.seal(forLink, h.now().Add(h.linkLifetime), linkClaims{Instance: []byte(id)})
		link.RawQuery = url.Values{"access": {token}}.Encode()
	}
	return link.String()
}

// CallbackURL is where the OpenID Connect provider sends people back to: the
// redirect URI of the dashboard_client.
func (h *Handler) CallbackURL() string { return CallbackURL(h.public) }

// CallbackURL is the handler's CallbackURL, for whoever must know it before there
// is a handler; index is the address of the dashboard's index.
func CallbackURL(index *url.URL) string { return index.JoinPath("callback").String() }

// linkClaims is what a link says.
type linkClaims struct {
	Instance []byte `json:"instance"` // bytes, because ids are opaque
}

// keyOf is an instance's id as a segment of a path. Ids are opaque: one that has
// a slash or dots in it would not survive proxies as it is.
func keyOf(id string) string { return encoding.EncodeToString([]byte(id)) }

func idOf(key string) (string, error) {
	id, err := encoding.DecodeString(key)
	return string(id), err
}
