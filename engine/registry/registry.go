// Package registry keeps packages in OCI registries, each as an artifact of its
// own kind (OCI image specification 1.1, "Guidelines for Artifact Usage"): a
// manifest with one layer, which is the package's zip file.
//
// Registries let everybody who may write move a tag. svp does not: a tag that is
// there keeps its contents. What a registry says is taken for what it may be:
// hostile. Everything is checked against its digest, and bounded in size and time.
package registry

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/credentials"
	"oras.land/oras-go/v2/registry/remote/retry"
)

// Causes of errors, to be matched with errors.Is.
var (
	// ErrReference: the text names nothing in a registry.
	ErrReference = errors.New("not a reference")
	// ErrNotFound: the registry has nothing of that name.
	ErrNotFound = errors.New("not found")
	// ErrUnauthorized: the registry wants other credentials.
	ErrUnauthorized = errors.New("the registry does not let this user in")
	// ErrUnreachable: no registry answers there.
	ErrUnreachable = errors.New("the registry does not answer")
	// ErrNoPackage: what the registry has under that name is no package, or a
	// damaged one.
	ErrNoPackage = errors.New("not a package")
	// ErrTooLarge: the package is larger than this client takes.
	ErrTooLarge = errors.New("too large")
	// ErrTimeout: the registry is too slow.
	ErrTimeout = errors.New("time limit reached")
	// ErrOther: the tag is there with other contents.
	ErrOther = errors.New("the tag is there with other contents")
)

// Options are the limits of a client, and what it tells about itself. A zero field
// means its default.
type Options struct {
	RootCAs *x509.CertPool // nil: those of the system
	// Agent is what the client calls itself, as svp/1.2.3.
	Agent string
	// PlainHTTP talks to every registry without TLS; to one on this machine's
	// loopback addresses the client always does, as Docker does.
	PlainHTTP bool
	// Stall is how long a registry may be silent (1 min).
	Stall time.Duration
	// Total is how long a call of the client may take (1 h).
	Total time.Duration
	// MaxPackage is how large a package may be (16 GiB).
	MaxPackage int64
}

func (o Options) withDefaults() Options {
	if o.Stall <= 0 {
		o.Stall = time.Minute
	}
	if o.Total <= 0 {
		o.Total = time.Hour
	}
	if o.MaxPackage <= 0 {
		o.MaxPackage = 16 << 30
	}
	return o
}

// Client talks to registries. It is safe for concurrent use.
type Client struct {
	options Options
	http    *auth.Client
}

// New makes a client with the credentials that Docker's configuration has:
// `docker login` and credential helpers.
func New(o Options) (*Client, error) {
	known, err := credentials.NewStoreFromDocker(credentials.StoreOptions{})
	if err != nil {
		return nil, fmt.Errorf("read the credentials of Docker's configuration: %w", err)
	}
	o = o.withDefaults()
	client := &auth.Client{
		Client:     &http.Client{Transport: retry.NewTransport(newTransport(o.RootCAs)), CheckRedirect: checkRedirect},
		Cache:      auth.NewCache(),
		Credential: credentials.Credential(known),
	}
	client.SetUserAgent(o.Agent)
	return &Client{options: o, http: client}, nil
}

func newTransport(roots *x509.CertPool) *http.Transport {
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSHandshakeTimeout: 10 * time.Second,
		ForceAttemptHTTP2:   true,
		DisableCompression:  true, // the bytes as they are; their number is known then
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
	}
}

const maxRedirects = 5

// checkRedirect lets registries keep their blobs elsewhere, and nowhere less safe.
func checkRedirect(request *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return fmt.Errorf("%w: it redirects more than %d times", ErrUnreachable, maxRedirects)
	}
	if via[0].URL.Scheme == "https" && request.URL.Scheme != "https" {
		return fmt.Errorf("%w: it redirects from https to %s", ErrUnreachable, request.URL.Scheme)
	}
	return nil
}

// maxManifest is far more than a manifest of a package takes.
const maxManifest = 1 << 20

func (c *Client) repository(ref Reference) *remote.Repository {
	return &remote.Repository{
		Client: c.http, Reference: ref.parsed, MaxMetadataBytes: maxManifest,
		PlainHTTP: c.options.PlainHTTP || ref.onLoopback(),
	}
}

// bounded ends the context when a call takes too long altogether.
func (c *Client) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, c.options.Total, fmt.Errorf("%w: it takes longer than %v", ErrTimeout, c.options.Total))
}
