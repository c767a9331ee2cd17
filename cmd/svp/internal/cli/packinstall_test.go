package cli

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A repository may have a certificate that only its organization vouches for.
func TestTheConfiguredAuthoritiesAreTrusted(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "repository")
	newWorld(t, "").require(t, 0, "pack", "publish", tinyPackage(t), "--repo", folder)
	server := httptest.NewTLSServer(http.FileServer(http.Dir(folder)))
	defer server.Close()
	authorities := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(authorities, block, 0o600); err != nil {
		t.Fatal(err)
	}
	resolve := []string{"pack", "resolve", "org.example:tiny:latest", "-r", server.URL}
	unknown := newWorld(t, "")
	unknown.require(t, 1, resolve...)
	if !strings.Contains(unknown.errOut.String(), "\n  hint: name the file with the authority's certificate: --ca-bundle FILE") {
		t.Errorf("without: %s", unknown.errOut)
	}
	newWorld(t, "").require(t, 0, append(resolve, "--ca-bundle", authorities)...)
	packages := filepath.Join(t.TempDir(), "packages")
	newWorld(t, "").require(t, 0, "pack", "install", "org.example:tiny:1.0.0", "-r", server.URL, "--no-save", "--dir", packages, "--ca-bundle", authorities)
	newWorld(t, "").require(t, 0, "pack", "uninstall", "org.example:tiny:1.0.0", "--dir", packages)
	w := newWorld(t, "")
	w.set(map[string]string{"SVP_CA_BUNDLE": authorities})
	w.require(t, 0, resolve...)
}
