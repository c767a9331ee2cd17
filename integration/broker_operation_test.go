package integration

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/servicepack/svp/integration/svptest"
)

// A quota refuses before anything is made, and says which one it is.
func TestBrokerQuotas(t *testing.T) {
	t.Parallel()
	pack := brokerPack(t, brokerTiny)
	p := startPlatform(t, svptest.BrokerOptions{
		Packs: []string{pack}, Flags: []string{"--max-instances", "3", "--max-per-plan", "2", "--max-per-organization", "1"},
	})
	service := p.service(t, pack)
	of := func(organization, plan string) fields {
		return service.provisionBody(t, plan).with(fields{"organization_guid": organization})
	}
	full := func(what, organization, plan string) {
		t.Helper()
		id := newName(t)
		answer := p.put(t, instancePath(id), of(organization, plan))
		if answer.Status < 400 || !strings.Contains(string(answer.Body), what) {
			t.Errorf("the quota of %s: %s", what, answer)
		}
		p.nothingMade(t, service, plan, id)
	}
	first := p.instance(t, service, "small", of("org-1", "small"))
	full("organization", "org-1", "large")
	p.instance(t, service, "small", of("org-2", "small"))
	full("plan", "org-3", "small")
	// One place is left, for which several come at the same moment.
	var group sync.WaitGroup
	statuses := make([]int, 4)
	for i := range statuses {
		group.Go(func() {
			statuses[i] = p.put(t, instancePath(newName(t)), of(fmt.Sprint("org-at-once-", i), "large")).Status
		})
	}
	group.Wait()
	if made := slices.DeleteFunc(statuses, func(status int) bool { return status != http.StatusCreated }); len(made) != 1 {
		t.Errorf("%d instances were made where there was place for one", len(made))
	}
	full("broker", "org-5", "large")
	// What is there is not counted again, and gives its place back.
	p.put(t, instancePath(first), of("org-1", "small")).Require(t, http.StatusOK)
	p.delete(t, instancePath(first), service.ids(t, "small")).Require(t, http.StatusOK)
	p.instance(t, service, "large", of("org-1", "large"))
}

// An instance of the warm pool is handed over as one that was made for the
// platform: with credentials of its own. The pool is filled again, also by a
// broker that follows one that was killed.
func TestBrokerWarm(t *testing.T) {
	t.Parallel()
	pack := brokerPack(t, brokerTiny)
	options := svptest.BrokerOptions{
		Packs: []string{pack}, Store: filepath.Join(t.TempDir(), "broker.db"), Flags: []string{"--warm", "1"},
	}
	p := startPlatform(t, options)
	service := p.service(t, pack)
	// One of each of the two plans.
	full := func(others int) {
		t.Helper()
		eventually(t, time.Minute, "the pool is full", func() bool {
			return strings.Count(p.metrics(t), `svp_broker_pool_instances{`) == 2 && !strings.Contains(p.metrics(t), `ready="false"`)
		})
		if names := runningNames(t, pack); len(names) != 2+others {
			t.Errorf("with a full pool and %d instances, these run: %v", others, names)
		}
	}
	full(0)
	pooled := runningNames(t, pack)
	first := p.instance(t, service, "small")
	_, credentials := p.bind(t, service, "small", first)
	if name := fmt.Sprint(credentials["NAME"]); !slices.Contains(pooled, name) {
		t.Errorf("instance %s is not of the pool: %v", name, pooled)
	}
	full(1)
	second := p.instance(t, service, "small")
	_, others := p.bind(t, service, "small", second)
	if own(t, credentials) == own(t, others) {
		t.Error("two instances have the same secret")
	}
	// With parameters of its own it is made anew.
	third := p.instance(t, service, "small", fields{"parameters": fields{"color": "red"}})
	_, made := p.bind(t, service, "small", third)
	if color := inside(t, made, "echo $PLAN_COLOR"); color != "red\n" {
		t.Errorf("the color is %q", color)
	}
	p.Kill()
	p = startPlatform(t, options)
	full(3)
	for _, id := range []string{first, second, third} {
		p.get(t, instancePath(id)).Require(t, http.StatusOK)
	}
	p.requireSilence(t)
}

// own is the secret of the instance itself.
func own(t *testing.T, credentials map[string]any) string {
	t.Helper()
	return svp(t, "env", fmt.Sprint(credentials["NAME"])).Env(t)["TOKEN"]
}

// runningNames are the instances of the pack that have a running container.
func runningNames(t *testing.T, pack string) []string {
	t.Helper()
	var names []string
	for _, object := range suite.List(t, filepath.Base(pack)) {
		if object.Kind == "container" && object.Labels[svptest.LabelInstance] != "" {
			names = append(names, object.Labels[svptest.LabelInstance])
		}
	}
	return names
}

// metrics are those of the broker, as Prometheus reads them.
func (p *platform) metrics(t *testing.T) string {
	t.Helper()
	answer, err := p.TryDo(t.Context(), svptest.Request{Method: http.MethodGet, Path: "/metrics"})
	if err != nil || answer.Status != http.StatusOK {
		t.Fatalf("no metrics: %v %s", err, answer)
	}
	return string(answer.Body)
}

// A broker with TLS and a file of credentials takes both anew while it runs; it
// tells how it is, and what it has done.
func TestBrokerOperation(t *testing.T) {
	t.Parallel()
	packs, folder := t.TempDir(), t.TempDir()
	pack := addPack(t, packs, brokerTiny)
	certificate, key := filepath.Join(folder, "broker.crt"), filepath.Join(folder, "broker.key")
	users := filepath.Join(folder, "users")
	writeCertificate(t, certificate, key, 1)
	change(t, os.WriteFile(users, []byte(svptest.BrokerUsername+":"+svptest.BrokerPassword+"\nsecond:with:colons\n"), 0o600))
	p := startPlatform(t, svptest.BrokerOptions{
		Packs: []string{packs}, TLS: true,
		Flags: []string{"--tls-cert", certificate, "--tls-key", key, "--credentials-file", users, "--log-format", "json", "--public-url", "https://broker.example.com"},
	})
	second := svptest.Request{Method: http.MethodGet, Path: "/v2/catalog", User: url.UserPassword("second", "with:colons")}
	p.Do(t, second).Require(t, http.StatusOK)
	const unreadable = "GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n"
	if answer := p.Raw(t, unreadable); answer == "" {
		t.Error("no answer to a request that cannot be read")
	} else {
		requireRefusal(t, unreadable, answer)
	}
	if serial := serialOf(t, p); serial != 1 {
		t.Errorf("the certificate has the number %d", serial)
	}

	writeCertificate(t, certificate, key, 2)
	change(t, os.WriteFile(users, []byte(svptest.BrokerUsername+":"+svptest.BrokerPassword+"\nthird:another\n"), 0o600))
	// However long the packs take.
	slow := addPack(t, packs, map[string]string{"bin/query": "#!/bin/sh\nsleep 60\n"})
	p.Signal(syscall.SIGHUP)
	eventually(t, startDeadline, "the old credentials are refused", func() bool { return p.Do(t, second).Status == http.StatusUnauthorized })
	if strings.Contains(p.Stderr(), filepath.Base(slow)) {
		t.Error("the old credentials were good until all packs had been read")
	}
	change(t, os.RemoveAll(slow))
	eventually(t, startDeadline, "the new certificate", func() bool { return serialOf(t, p) == 2 })
	second.User = url.UserPassword("third", "another")
	p.Do(t, second).Require(t, http.StatusOK)

	// What is wrong changes nothing.
	change(t, os.WriteFile(users, []byte("nonsense"), 0o600))
	change(t, os.WriteFile(certificate, []byte("nonsense"), 0o600))
	p.Signal(syscall.SIGHUP)
	eventually(t, startDeadline, "a complaint in the log", func() bool { return strings.Contains(p.Stderr(), `"level":"ERROR"`) })
	p.Do(t, second).Require(t, http.StatusOK)

	service := p.service(t, pack)
	path := instancePath(newName(t))
	begun := p.async(t, http.MethodPut, path, nil, service.provisionBody(t, "small"))
	// Section "Provisioning": with the first answer.
	if link, _ := begun.Fields(t)["dashboard_url"].(string); !strings.HasPrefix(link, "https://broker.example.com/dashboard/") {
		t.Errorf("the dashboard is at %q", link)
	}
	if state, description := p.await(t, path, operation(t, begun)); state != succeeded {
		t.Fatalf("the instance is %s: %s", state, description)
	}
	p.delete(t, path, service.ids(t, "small")).Require(t, http.StatusOK)
	metrics := p.metrics(t)
	for _, want := range []string{
		`svp_broker_operations_total{kind="provision",result="succeeded"} 1`, `svp_broker_operations_total{kind="deprovision",result="succeeded"} 1`,
		`svp_broker_operation_duration_seconds_count{kind="provision"} 1`,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("the metrics lack %s:\n%s", want, metrics)
		}
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		answer, err := p.TryDo(t.Context(), svptest.Request{Method: http.MethodGet, Path: path, Anonymous: true})
		if err != nil || answer.Status != http.StatusOK {
			t.Errorf("%s: %v %s", path, err, answer)
		}
	}
	answer, err := p.TryDo(t.Context(), svptest.Request{Method: http.MethodGet, Path: "/metrics", Anonymous: true})
	if err != nil || answer.Status != http.StatusUnauthorized {
		t.Errorf("metrics for anybody: %v %s", err, answer)
	}
	p.requireSilence(t)
}

// A broker that nobody could use safely does not start.
func TestBrokerStartRefused(t *testing.T) {
	t.Parallel()
	pack, folder := brokerPack(t, brokerTiny), t.TempDir()
	open := filepath.Join(folder, "users")
	change(t, os.WriteFile(open, []byte("a:b\n"), 0o600))
	change(t, os.Chmod(open, 0o644))
	location := filepath.Join(folder, "broker.db")
	credentials := []string{"SVP_BROKER_USERNAME=a", "SVP_BROKER_PASSWORD=b"}
	for what, test := range map[string]struct {
		flags, env []string
	}{
		"no credentials":             {nil, nil},
		"no password":                {nil, credentials[:1]},
		"credentials for all":        {[]string{"--credentials-file", open}, nil},
		"a certificate alone":        {[]string{"--tls-cert", open}, credentials},
		"a certificate that is none": {[]string{"--tls-cert", open, "--tls-key", open}, credentials},
		"an address of nobody":       {[]string{"--listen", "192.0.2.1:1"}, credentials},
		"packs that are not there":   {[]string{"--packs", filepath.Join(folder, "none")}, credentials},
	} {
		args := append([]string{"broker", "--packs", pack, "--listen", "127.0.0.1:0", "--store", location}, test.flags...)
		result := svpCall(t, svptest.Call{Args: args, Env: test.env, Deadline: 30 * time.Second})
		if result.Status == 0 || result.Stdout != "" || strings.Contains(result.Stderr, "goroutine") {
			t.Errorf("%s: %s", what, result)
		}
	}
	p := startPlatform(t, svptest.BrokerOptions{Packs: []string{pack}, Store: location})
	second := svpCall(t, svptest.Call{
		Args: []string{"broker", "--packs", pack, "--listen", "127.0.0.1:0", "--store", location}, Env: credentials, Deadline: 30 * time.Second,
	})
	if second.Status == 0 || !strings.Contains(second.Stderr, location) {
		t.Errorf("a second broker on one file: %s", second)
	}
	p.get(t, "/v2/catalog").Require(t, http.StatusOK)
	for _, name := range []string{location, location + ".key"} {
		info, err := os.Stat(name)
		change(t, err)
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s can be read by others: %v", name, info.Mode())
		}
	}
}

// A client that sends slowly, or keeps quiet, does not hold the broker's
// connections for ever, and others are served meanwhile.
func TestBrokerSlowClients(t *testing.T) {
	t.Parallel()
	p := startPlatform(t, svptest.BrokerOptions{Packs: []string{brokerPack(t, brokerTiny)}})
	address, err := url.Parse(p.URL)
	change(t, err)
	var quiet []net.Conn
	for range 100 {
		connection, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address.Host)
		change(t, err)
		defer connection.Close()
		_, err = io.WriteString(connection, "GET /v2/catalog HTTP/1.1\r\nHost:")
		change(t, err)
		quiet = append(quiet, connection)
	}
	p.get(t, "/v2/catalog").Require(t, http.StatusOK)
	change(t, quiet[0].SetReadDeadline(time.Now().Add(time.Minute)))
	if text, err := io.ReadAll(quiet[0]); err != nil {
		t.Errorf("the connection of a client that keeps quiet stays open: %v, %q", err, text)
	}
}

// writeCertificate writes a certificate of that number, and its key.
func writeCertificate(t *testing.T, certificate, key string, serial int64) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	change(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		Subject: pkix.Name{CommonName: "svp tests"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	change(t, err)
	change(t, os.WriteFile(certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	change(t, err)
	change(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}), 0o600))
}

// serialOf is the number of the certificate that the broker shows.
func serialOf(t *testing.T, p *platform) int64 {
	t.Helper()
	address, err := url.Parse(p.URL)
	change(t, err)
	dialer := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}
	connection, err := dialer.DialContext(t.Context(), "tcp", address.Host)
	change(t, err)
	defer connection.Close()
	return connection.(*tls.Conn).ConnectionState().PeerCertificates[0].SerialNumber.Int64()
}
