package registry

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// fakeRegistry speaks as much of the distribution protocol (OCI distribution
// specification 1.1, "Endpoints") as packages need. answer, where it is set, is
// asked first, and tells whether it has answered.
type fakeRegistry struct {
	*httptest.Server
	mu        sync.Mutex
	blobs     map[string][]byte // by digest
	manifests map[string][]byte // by digest and by tag
	requests  []string
	answer    func(w http.ResponseWriter, r *http.Request) bool
}

func newFakeRegistry(t *testing.T) *fakeRegistry {
	t.Helper()
	f := &fakeRegistry{blobs: map[string][]byte{}, manifests: map[string][]byte{}}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

func (f *fakeRegistry) reference(t *testing.T, name string) Reference {
	t.Helper()
	ref, err := ParseReference(Scheme + strings.TrimPrefix(f.URL, "http://") + "/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

func (f *fakeRegistry) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.requests = append(f.requests, r.Method+" "+r.URL.Path)
	f.mu.Unlock()
	if f.answer != nil && f.answer(w, r) {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	kind, name := "manifests", r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	if strings.Contains(r.URL.Path, "/blobs/") {
		kind = "blobs"
	}
	switch r.Method {
	case http.MethodPost:
		w.Header().Set("Location", "/v2/upload/blobs/1")
		w.WriteHeader(http.StatusAccepted)
	case http.MethodPut:
		f.put(w, r, kind, name)
	default:
		f.get(w, kind, name)
	}
}

func (f *fakeRegistry) put(w http.ResponseWriter, r *http.Request, kind, name string) {
	content, err := io.ReadAll(r.Body)
	wanted := r.URL.Query().Get("digest")
	if kind == "blobs" && (err != nil || digestOf(content) != wanted) {
		http.Error(w, `{"errors":[{"code":"DIGEST_INVALID"}]}`, http.StatusBadRequest)
		return
	}
	if kind == "blobs" {
		f.blobs[wanted] = content
	} else {
		f.manifests[name], f.manifests[digestOf(content)] = content, content
	}
	w.WriteHeader(http.StatusCreated)
}

func (f *fakeRegistry) get(w http.ResponseWriter, kind, name string) {
	content, found := f.manifests[name]
	if kind == "blobs" {
		content, found = f.blobs[name]
	}
	if !found {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	if kind == "manifests" {
		w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
		w.Header().Set("Docker-Content-Digest", digestOf(content))
	}
	w.Header().Set("Content-Length", fmt.Sprint(len(content)))
	_, _ = w.Write(content)
}

func digestOf(content []byte) string { return "sha256:" + sumOf(content) }

func sumOf(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// newClient is a client that nobody has given credentials to, and that soon
// loses its patience.
func newClient(t *testing.T, o Options) *Client {
	t.Helper()
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	if o.Stall == 0 {
		o.Stall = 5 * time.Second
	}
	client, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func upload(content string) Upload {
	return Upload{
		Name: "timber-1.2.3-copkg.zip", Content: strings.NewReader(content), Size: int64(len(content)), SHA256: sumOf([]byte(content)),
		Coordinate: "org.cloudname:timber:1.2.3", PackDigest: "sha256:" + strings.Repeat("ab", 32),
	}
}
