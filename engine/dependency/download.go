package dependency

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

const (
	maxRedirects     = 5
	handshakeTimeout = 10 * time.Second
)

// newClient follows no redirects: each is looked at here first, and no request
// tells the next server where it comes from.
func newClient(roots *x509.CertPool) *http.Client {
	transport := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		TLSHandshakeTimeout: handshakeTimeout,
		ForceAttemptHTTP2:   true,
		DisableCompression:  true, // the bytes as they are; their number is known then
	}
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// passingError is a failure after which another attempt may succeed.
type passingError struct{ err error }

func (e *passingError) Error() string { return e.err.Error() }

func (e *passingError) Unwrap() error { return e.err }

// download fills the part with the file, and makes sure that it is the one named.
func (f *fetcher) download(ctx context.Context, from source, into *part) (int64, error) {
	tooSlow := fmt.Errorf("it takes longer than %v", f.limits.Time)
	ctx, cancel := context.WithTimeoutCause(ctx, f.limits.Time, tooSlow)
	defer cancel()
	f.tell(Downloading, from, 0, nil)
	pause := f.limits.Pause
	for attempt := 1; ; attempt++ {
		size, err := f.attempt(ctx, from, into)
		var passing *passingError
		switch {
		case err == nil:
			return size, nil
		case ctx.Err() != nil:
			return 0, from.failed(context.Cause(ctx))
		case !errors.As(err, &passing), attempt >= f.limits.Attempts:
			return 0, from.failed(err)
		}
		f.tell(Retrying, from, 0, from.failed(err))
		if err := wait(ctx, pause); err != nil {
			return 0, from.failed(err)
		}
		pause *= 2
		if err := into.restart(); err != nil {
			return 0, from.failed(err)
		}
	}
}

// wait waits, or returns what ended the context.
func wait(ctx context.Context, duration time.Duration) error {
	timer := time.NewTimer(duration)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// attempt downloads the file once. It ends when nothing arrives for too long.
func (f *fetcher) attempt(ctx context.Context, from source, into *part) (int64, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stalled := &passingError{fmt.Errorf("the server has sent nothing for %v", f.limits.Stall)}
	watch := time.AfterFunc(f.limits.Stall, func() { cancel(stalled) })
	defer watch.Stop()
	size, err := f.receive(ctx, from, into, func() { watch.Reset(f.limits.Stall) })
	if err != nil && ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	return size, err
}

// receive asks for the file and writes what comes; alive is called whenever
// something does.
func (f *fetcher) receive(ctx context.Context, from source, into *part, alive func()) (int64, error) {
	response, err := f.follow(ctx, from.location, alive)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return 0, refused(response.StatusCode)
	}
	limit := f.limits.Size
	if response.ContentLength > limit {
		return 0, tooLarge(limit)
	}
	hash := sha256.New()
	body := &bodyReader{reader: io.LimitReader(response.Body, limit+1), alive: alive}
	size, err := io.Copy(io.MultiWriter(into.file, hash), body)
	switch {
	case body.err != nil:
		return 0, &passingError{fmt.Errorf("after %d bytes: %w", size, cut(body.err, response.ContentLength))}
	case err != nil:
		return 0, fmt.Errorf("write to the cache: %w", err)
	case size > limit:
		return 0, tooLarge(limit)
	}
	if sum := hex.EncodeToString(hash.Sum(nil)); sum != from.sha256 {
		return 0, from.mismatch(sum, response.Header.Get("Content-Type"))
	}
	return size, nil
}

// cut explains a body that ended early.
func cut(err error, announced int64) error {
	if errors.Is(err, io.ErrUnexpectedEOF) && announced >= 0 {
		return fmt.Errorf("the server announced %d: %w", announced, err)
	}
	return err
}

// bodyReader tells that something came, and keeps its errors apart from those of
// writing.
type bodyReader struct {
	reader io.Reader
	alive  func()
	err    error
}

func (b *bodyReader) Read(p []byte) (int, error) {
	n, err := b.reader.Read(p)
	if n > 0 {
		b.alive()
	}
	if err != nil && !errors.Is(err, io.EOF) {
		b.err = err
	}
	return n, err
}

// refused reports an answer that is not the file.
func refused(status int) error {
	err := fmt.Errorf("the server answers %d %s", status, http.StatusText(status))
	switch status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return &passingError{err}
	}
	return err
}

// follow asks at the location, and where it is sent from there. What comes back
// is no redirect; the caller closes its body.
func (f *fetcher) follow(ctx context.Context, at location, alive func()) (*http.Response, error) {
	secret := at.hasCredentials()
	for redirects := 0; ; redirects++ {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, at.url.String(), http.NoBody)
		if err != nil {
			return nil, errors.New("it cannot be asked for")
		}
		response, err := f.client.Do(request)
		if err != nil {
			return nil, &passingError{withoutURL(at, err)}
		}
		alive()
		if !isRedirect(response.StatusCode) {
			return response, nil
		}
		response.Body.Close() //nolint:errcheck // nothing in it is of interest
		if redirects == maxRedirects {
			return nil, fmt.Errorf("the server redirects more than %d times", maxRedirects)
		}
		if at, err = redirected(at, response.Header.Get("Location"), secret); err != nil {
			return nil, err
		}
		secret = secret || at.hasCredentials()
	}
}

// withoutURL takes the error apart that would show the url.
func withoutURL(at location, err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	if shown := at.hide(err.Error()); shown != err.Error() {
		return errors.New(shown)
	}
	return err
}

func isRedirect(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// redirected returns where a redirect leads. The words of a Location are not
// shown: they may be a signed address.
func redirected(at location, target string, secret bool) (location, error) {
	next, err := at.url.Parse(target)
	if err != nil || target == "" {
		return location{}, errors.New("the server redirects to what is not a uri")
	}
	if next.Scheme != schemeHTTP && next.Scheme != schemeHTTPS || next.Hostname() == "" {
		return location{}, errors.New("the server redirects to what is not http or https")
	}
	where := location{url: next, shown: Redact(next.String()), secrets: append(secretsOf(next), at.secrets...)}
	if at.url.Scheme == schemeHTTPS && next.Scheme == schemeHTTP && (secret || where.hasCredentials()) {
		return location{}, errors.New("the server redirects from https to http, where credentials could be read by others")
	}
	return where, nil
}
