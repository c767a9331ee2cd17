package registry

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/servicepack/svp/engine/registry/registrytest"
)

// fakeRegistry is a registry that listens.
type fakeRegistry struct {
	*registrytest.Registry
	server *httptest.Server
}

func newFakeRegistry(t *testing.T) *fakeRegistry {
	t.Helper()
	f := &fakeRegistry{Registry: &registrytest.Registry{}}
	f.server = httptest.NewServer(f)
	t.Cleanup(f.server.Close)
	return f
}

func (f *fakeRegistry) reference(t *testing.T, name string) Reference {
	t.Helper()
	ref, err := ParseReference(Scheme + f.server.Listener.Addr().String() + "/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

func digestOf(content []byte) string { return registrytest.Digest(content) }

func sumOf(content []byte) string { return strings.TrimPrefix(digestOf(content), "sha256:") }

// newClient is a client that nobody has given credentials to.
func newClient(t *testing.T, o Options) *Client {
	t.Helper()
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	client, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func upload(content string) Upload {
	return Upload{
		Name: "timber-1.2.3-copkg.zip", Content: strings.NewReader(content), Size: int64(len(content)), SHA256: sumOf([]byte(content)),
		Coordinate: "org.cloudname:timber:1.2.3", PackDigest: "sha256:" + strings.Repeat("ab", 32), Signature: "untrusted comment: x",
	}
}
