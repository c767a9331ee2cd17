package repository

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	// maxRedirects is how often a server may send the client on.
	maxRedirects = 5
	// maxHeader is how much of an answer's header is read.
	maxHeader = 64 << 10
)

// httpSource is a repository behind a web server.
type httpSource struct {
	base   *url.URL
	client *http.Client
	agent  string
	stall  time.Duration
}

func newHTTPSource(base *url.URL, location Location, o Options) *httpSource {
	dialer := &net.Dialer{Timeout: o.Connect}
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: dialer.DialContext, TLSHandshakeTimeout: o.Connect,
		TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.RootCAs},
		ResponseHeaderTimeout: o.Stall, IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: maxHeader,
		ForceAttemptHTTP2: true,
		// What arrives is what lies there: nothing is unpacked on the way.
		DisableCompression: true,
	}
	return &httpSource{
		base: base, agent: o.Agent, stall: o.Stall,
		client: &http.Client{
			Transport:     &authorizing{next: transport, base: base, location: location},
			CheckRedirect: checkRedirect,
		},
	}
}

// authorizing adds the credentials to requests for the repository itself, and to
// none for where it redirects to.
type authorizing struct {
	next     http.RoundTripper
	base     *url.URL
	location Location
}

func (a *authorizing) RoundTrip(request *http.Request) (*http.Response, error) {
	if a.location.Username != "" && request.URL.Scheme == a.base.Scheme && request.URL.Host == a.base.Host {
		request = request.Clone(request.Context())
		request.SetBasicAuth(a.location.Username, a.location.Password.Reveal())
	}
	return a.next.RoundTrip(request)
}

// errRedirect tells that a server sends the client where it does not go.
var errRedirect = errors.New("redirect refused")

func checkRedirect(request *http.Request, via []*http.Request) error {
	switch {
	case len(via) > maxRedirects:
		return fmt.Errorf("%w: more than %d in a row", errRedirect, maxRedirects)
	case via[len(via)-1].URL.Scheme == "https" && request.URL.Scheme != "https":
		return fmt.Errorf("%w: from https to %s", errRedirect, request.URL.Scheme)
	}
	return nil
}

func (s *httpSource) open(ctx context.Context, path string, limit int64) (io.ReadCloser, error) {
	asked := s.base.JoinPath(path)
	ctx, cancel := context.WithCancelCause(ctx)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, asked.String(), nil)
	if err != nil {
		cancel(nil)
		return nil, fmt.Errorf("%s: %w", show(asked), ErrInvalid)
	}
	request.Header.Set("User-Agent", s.agent)
	response, err := s.client.Do(request)
	if err != nil {
		cause := context.Cause(ctx)
		cancel(nil)
		return nil, requestError(asked, cause, err)
	}
	if err := checkAnswer(response, limit); err != nil {
		cancel(nil)
		_ = response.Body.Close() // nobody reads it
		return nil, fmt.Errorf("%s: %w", show(response.Request.URL), err)
	}
	return newBody(ctx, cancel, response, limit, s.stall), nil
}

// statusError is an answer that is no file.
type statusError struct {
	status int
	cause  error
}

func (e *statusError) Error() string {
	return fmt.Sprintf("%v: it answers with status %d (%s)", e.cause, e.status, http.StatusText(e.status))
}

func (e *statusError) Unwrap() error { return e.cause }

// checkAnswer finds answers that are no file of a repository before they are
// read.
func checkAnswer(response *http.Response, limit int64) error {
	switch response.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound, http.StatusGone:
		return ErrNotFound
	case http.StatusUnauthorized, http.StatusForbidden:
		return &statusError{response.StatusCode, ErrUnauthorized}
	default:
		return &statusError{response.StatusCode, ErrUnreachable}
	}
	if encoding := response.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return fmt.Errorf("%w: the answer is packed, which was not asked for", ErrInvalid)
	}
	kind, _, err := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if err == nil && (kind == "text/html" || kind == "application/xhtml+xml") {
		return fmt.Errorf("%w: the answer is a web page", ErrInvalid)
	}
	if response.ContentLength > limit {
		return fmt.Errorf("%w: %d bytes, and %d are allowed", ErrTooLarge, response.ContentLength, limit)
	}
	return nil
}

// requestError says in a few words why there is no answer. What the library says
// holds the whole URL.
func requestError(asked *url.URL, cause, err error) error {
	var failed *url.Error
	if errors.As(err, &failed) {
		if parsed, parseErr := url.Parse(failed.URL); parseErr == nil {
			asked = asked.ResolveReference(parsed)
		}
		err = failed.Err
	}
	var network net.Error
	switch {
	case errors.Is(err, io.EOF):
		return fmt.Errorf("%s: %w: it closed the connection: %w", show(asked), ErrUnreachable, io.ErrUnexpectedEOF)
	case cause != nil:
		return fmt.Errorf("%s: %w", show(asked), cause)
	case errors.Is(err, errRedirect):
		return fmt.Errorf("%s: %w: %w", show(asked), ErrInvalid, err)
	case errors.As(err, &network) && network.Timeout():
		return fmt.Errorf("%s: %w: %w", show(asked), ErrTimeout, err)
	}
	return fmt.Errorf("%s: %w: %w", show(asked), ErrUnreachable, err)
}

// body is the contents of a file as they arrive. It ends with an error when the
// server falls silent, or sends more or less than it should.
type body struct {
	response *http.Response
	ctx      func() error
	cancel   context.CancelCauseFunc
	silence  *time.Timer
	stall    time.Duration
	limit    int64
	left     int64
}

func newBody(ctx context.Context, cancel context.CancelCauseFunc, response *http.Response, limit int64, stall time.Duration) *body {
	silent := fmt.Errorf("%w: the server was silent for %v", ErrTimeout, stall)
	b := &body{
		response: response, cancel: cancel, stall: stall, limit: limit, left: limit,
		ctx:     func() error { return context.Cause(ctx) },
		silence: time.AfterFunc(stall, func() { cancel(silent) }),
	}
	b.silence.Stop()
	return b
}

func (b *body) Read(p []byte) (int, error) {
	// While it waits for the server, and not for whoever takes what arrives.
	b.silence.Reset(b.stall)
	n, err := b.response.Body.Read(p)
	b.silence.Stop()
	if b.left -= int64(n); b.left < 0 {
		return 0, fmt.Errorf("%s: %w: more than %d bytes", show(b.response.Request.URL), ErrTooLarge, b.limit)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		if cause := b.ctx(); cause != nil {
			err = cause
		}
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = fmt.Errorf("the download is cut off: %w", err)
		}
		err = fmt.Errorf("%s: %w", show(b.response.Request.URL), err)
	}
	return n, err
}

func (b *body) Close() error {
	b.silence.Stop()
	b.cancel(nil)
	return b.response.Body.Close()
}

// isTransient tells what may be better in a moment.
func isTransient(err error) bool {
	var status *statusError
	if errors.As(err, &status) {
		switch status.status {
		case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusBadGateway,
			http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			return true
		}
		return false
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return true
	}
	var name *net.DNSError
	if errors.As(err, &name) {
		return name.IsTemporary || name.IsTimeout
	}
	// Refused, reset, unreachable: what the network says, not what TLS does.
	var network *net.OpError
	return errors.As(err, &network) && !errors.Is(err, ErrTimeout) && network.Op != "remote error"
}
