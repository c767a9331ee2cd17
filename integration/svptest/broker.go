package svptest

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The credentials of the brokers of tests.
const (
	BrokerUsername = "platform"
	BrokerPassword = "the-Password-of-the-platform"
)

// brokerDeadline bounds a broker's life, which is as long as its test: as the tests
// are bounded, by .ci/test. brokerStart is how long it may take to be ready, and
// answerDeadline a request.
const (
	brokerDeadline = 60 * time.Minute
	brokerStart    = 2 * time.Minute
	answerDeadline = 2 * time.Minute
)

// BrokerOptions say what a broker is started with.
type BrokerOptions struct {
	Packs []string // folders
	Store string   // a file, or a URL
	Flags []string
	Env   []string
	TLS   bool // the flags make it serve TLS
}

// Broker is a running svp broker, seen by a platform.
type Broker struct {
	*Process
	URL    string
	client *http.Client
}

// StartBroker starts a broker on a free port and waits until it is ready. It is
// killed when the test ends.
func (s *Suite) StartBroker(t testing.TB, o BrokerOptions) *Broker {
	t.Helper()
	args := append([]string{"broker", "--packs", strings.Join(o.Packs, ","), "--listen", "127.0.0.1:0", "--store", o.Store}, o.Flags...)
	env := append([]string{"SVP_BROKER_USERNAME=" + BrokerUsername, "SVP_BROKER_PASSWORD=" + BrokerPassword}, o.Env...)
	b := &Broker{Process: s.Start(t, Call{Args: args, Env: env, Deadline: brokerDeadline})}
	transport := &http.Transport{
		// The certificates of tests are their own.
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	}
	b.client = &http.Client{
		Transport: transport, Timeout: answerDeadline,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	t.Cleanup(transport.CloseIdleConnections)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("evidence: the end of the broker's log\n%s", tail(b.Stderr()))
		}
	})
	scheme := "http://"
	if o.TLS {
		scheme = "https://"
	}
	Eventually(t, brokerStart, "the broker is ready", func() bool {
		b.requireRunning(t)
		if b.URL == "" {
			if listening := listenAddress.FindStringSubmatch(b.Stderr()); listening != nil {
				b.URL = scheme + listening[1]
			}
			return false
		}
		return b.ready(t)
	})
	return b
}

// listenAddress finds the log's field with the address, in text and in JSON.
var listenAddress = regexp.MustCompile(`\baddr"?[=:]"?((?:[0-9.]+|\[[0-9a-f:]+\]):[0-9]+)`)

func (b *Broker) requireRunning(t testing.TB) {
	t.Helper()
	select {
	case <-b.ended:
		t.Fatalf("the broker has ended: %s", b.result)
	default:
	}
}

func (b *Broker) ready(t testing.TB) bool {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.URL+"/readyz", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := b.client.Do(request)
	if err != nil {
		return false
	}
	return response.Body.Close() == nil && response.StatusCode == http.StatusOK
}

// Kill ends the broker as a crash does, and waits until it is gone.
func (b *Broker) Kill() {
	b.t.Helper()
	b.Signal(syscall.SIGKILL)
	b.Wait()
	b.client.CloseIdleConnections()
}

// Stop ends the broker as its operator does.
func (b *Broker) Stop() Result {
	b.t.Helper()
	b.Signal(syscall.SIGTERM)
	return b.Wait()
}

// Request is a request of a platform. What is empty takes what suits most.
type Request struct {
	Method, Path string     // the path is sent as it is, percent-encoding and all
	Query        url.Values // added to that of the path
	Body         any        // sent as JSON, unless it is a string
	Version      string     // of the API; NoVersion: the header is not sent
	Header       http.Header
	User         *url.Userinfo // nil: the broker's
	Anonymous    bool          // without credentials
}

// Versions of clients.
const (
	NoVersion      = "-"
	CurrentVersion = "2.17"
)

// Answer is what a broker answered.
type Answer struct {
	Request Request
	Status  int
	Header  http.Header
	Body    []byte
}

// Do sends the request and checks what the specification demands of every
// answer. It fails the test when there is none.
func (b *Broker) Do(t testing.TB, r Request) Answer {
	t.Helper()
	answer, err := b.TryDo(t.Context(), r)
	if err != nil {
		t.Fatalf("%s %s: %v", r.Method, r.Path, err)
	}
	answer.check(t)
	return answer
}

// TryDo sends the request; a broker that does not answer is an error.
func (b *Broker) TryDo(ctx context.Context, r Request) (Answer, error) {
	request, err := b.newRequest(ctx, r)
	if err != nil {
		return Answer{}, err
	}
	response, err := b.client.Do(request)
	if err != nil {
		return Answer{}, err
	}
	body, err := io.ReadAll(response.Body)
	return Answer{Request: r, Status: response.StatusCode, Header: response.Header, Body: body}, errors.Join(err, response.Body.Close())
}

func (b *Broker) newRequest(ctx context.Context, r Request) (*http.Request, error) {
	var body io.Reader = http.NoBody
	switch sent := r.Body.(type) {
	case nil:
	case string:
		body = strings.NewReader(sent)
	default:
		text, err := json.Marshal(sent)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, r.Method, b.URL, body)
	if err != nil {
		return nil, err
	}
	path := r.Path
	if len(r.Query) > 0 {
		path += "?" + r.Query.Encode()
	}
	// What is opaque is sent byte for byte.
	request.URL.Opaque = path
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Broker-API-Request-Identity", requestIdentity(r))
	if r.Version != NoVersion {
		request.Header.Set("X-Broker-API-Version", r.version())
	}
	if !r.Anonymous {
		user := r.User
		if user == nil {
			user = url.UserPassword(BrokerUsername, BrokerPassword)
		}
		password, _ := user.Password()
		request.SetBasicAuth(user.Username(), password)
	}
	for name, values := range r.Header {
		request.Header[http.CanonicalHeaderKey(name)] = values
	}
	return request, nil
}

func (r Request) version() string {
	if r.Version == "" {
		return CurrentVersion
	}
	return r.Version
}

// requestIdentity differs between requests.
func requestIdentity(r Request) string { return r.Method + "-" + url.QueryEscape(r.Path) }

// check holds the answer to what the specification says of all: JSON objects; a
// description in each error; the request's identity; no failure of the broker.
func (a Answer) check(t testing.TB) {
	t.Helper()
	if a.Status >= 500 {
		t.Errorf("a failure of the broker: %s", a)
	}
	if got, want := a.Header.Get("X-Broker-API-Request-Identity"), requestIdentity(a.Request); got != want {
		t.Errorf("the answer has the request identity %q, want %q: %s", got, want, a)
	}
	if a.Request.Method == http.MethodHead {
		return
	}
	if got := a.Header.Get("Content-Type"); got != "application/json" && !strings.HasPrefix(got, "application/json;") {
		t.Errorf("an answer of the type %q: %s", got, a)
	}
	fields := a.Fields(t)
	if a.Status < 400 || a.Status == http.StatusGone {
		return
	}
	if text, ok := fields["description"].(string); !ok || text == "" {
		t.Errorf("an error without a description: %s", a)
	}
	if code, sent := fields["error"]; sent && (code == "" || code == nil) {
		t.Errorf("an error with an empty code: %s", a)
	}
	_, usable := fields["instance_usable"]
	_, repeatable := fields["update_repeatable"]
	if usable && a.Request.Method != http.MethodPatch && a.Request.Method != http.MethodDelete ||
		repeatable && a.Request.Method != http.MethodPatch {
		t.Errorf("instance_usable or update_repeatable in an error of another operation: %s", a)
	}
}

// Fields are those of the JSON object that the answer is.
func (a Answer) Fields(t testing.TB) map[string]any {
	t.Helper()
	var fields map[string]any
	if err := json.Unmarshal(a.Body, &fields); err != nil || fields == nil {
		t.Fatalf("the answer is no JSON object: %v: %s", err, a)
	}
	return fields
}

// Require fails the test at once unless the answer has one of the statuses.
func (a Answer) Require(t testing.TB, statuses ...int) Answer {
	t.Helper()
	for _, status := range statuses {
		if a.Status == status {
			return a
		}
	}
	t.Fatalf("status %d, want %v: %s", a.Status, statuses, a)
	return a
}

// String shows the exchange, for messages of tests.
func (a Answer) String() string {
	const shown = 2000
	return fmt.Sprintf("%s %s?%s as %s\n%.*s\nstatus %d\n%v\n%.*s", a.Request.Method, a.Request.Path, a.Request.Query.Encode(),
		a.Request.version(), shown, fmt.Sprint(a.Request.Body), a.Status, a.Header, shown, a.Body)
}

// Raw sends the bytes over a connection of its own, and returns what comes back
// until the broker closes it or is silent for a while.
func (b *Broker) Raw(t testing.TB, text string) string {
	t.Helper()
	address, err := url.Parse(b.URL)
	if err != nil {
		t.Fatal(err)
	}
	var dialer interface {
		DialContext(ctx context.Context, network, address string) (net.Conn, error)
	} = &net.Dialer{}
	if address.Scheme == "https" {
		dialer = &tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}} // as the client's
	}
	connection, err := dialer.DialContext(t.Context(), "tcp", address.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	const silence = 10 * time.Second
	if err := connection.SetDeadline(time.Now().Add(silence)); err != nil {
		t.Fatal(err)
	}
	// A broker may well close the connection before it has read all.
	_, _ = io.WriteString(connection, text)
	answer, _ := io.ReadAll(connection)
	return string(answer)
}

// tail is the end of a long text.
func tail(text string) string {
	const shown = 8000
	return text[max(0, len(text)-shown):]
}
