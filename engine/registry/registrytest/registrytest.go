// Package registrytest is an OCI registry in memory, for tests.
package registrytest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
)

// Registry speaks as much of the distribution protocol (OCI distribution
// specification 1.1, "Endpoints") as packages need. Its zero value is empty.
type Registry struct {
	// Answer, where it is set, is asked first, and tells whether it has answered.
	Answer func(w http.ResponseWriter, r *http.Request) bool

	mu        sync.Mutex
	blobs     map[string][]byte // by digest
	manifests map[string][]byte // by digest and by tag
	requests  []string
}

// Requests are all that came so far, as "GET /v2/…".
func (f *Registry) Requests() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.requests...)
}

// Put puts a manifest under a tag.
func (f *Registry) Put(tag string, manifest []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.putManifest(tag, manifest)
}

func (f *Registry) putManifest(name string, content []byte) {
	if f.manifests == nil {
		f.manifests = map[string][]byte{}
	}
	f.manifests[name], f.manifests[Digest(content)] = content, content
}

// Digest is the digest of contents.
func Digest(content []byte) string {
	sum := sha256.Sum256(content)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// ServeHTTP implements http.Handler.
func (f *Registry) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.requests = append(f.requests, r.Method+" "+r.URL.Path)
	answer := f.Answer
	f.mu.Unlock()
	if answer != nil && answer(w, r) {
		return
	}
	content, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client has gone
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	isBlob, name := strings.Contains(r.URL.Path, "/blobs/"), r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	switch r.Method {
	case http.MethodPost:
		w.Header().Set("Location", "/v2/upload/blobs/1")
		w.WriteHeader(http.StatusAccepted)
	case http.MethodPut:
		f.put(w, r, isBlob, name, content)
	default:
		f.get(w, isBlob, name)
	}
}

func (f *Registry) put(w http.ResponseWriter, r *http.Request, isBlob bool, name string, content []byte) {
	wanted := r.URL.Query().Get("digest")
	switch {
	case !isBlob:
		f.putManifest(name, content)
	case Digest(content) != wanted:
		http.Error(w, `{"errors":[{"code":"DIGEST_INVALID"}]}`, http.StatusBadRequest)
		return
	default:
		if f.blobs == nil {
			f.blobs = map[string][]byte{}
		}
		f.blobs[wanted] = content
	}
	w.WriteHeader(http.StatusCreated)
}

func (f *Registry) get(w http.ResponseWriter, isBlob bool, name string) {
	content, found := f.manifests[name]
	if isBlob {
		content, found = f.blobs[name]
	}
	if !found {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	if !isBlob {
		w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
		w.Header().Set("Docker-Content-Digest", Digest(content))
	}
	w.Header().Set("Content-Length", fmt.Sprint(len(content)))
	_, _ = w.Write(content) // who does not want it has gone
}
