package registry

import (
	"bytes"
	"encoding/base64"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestWhatIsPushedComesBack(t *testing.T) {
	f, c := newFakeRegistry(t), newClient(t, Options{})
	ref := f.reference(t, "packs/timber:1.2.3")
	pushed, existed, err := c.Push(t.Context(), ref, upload("a zip file"))
	if err != nil || existed {
		t.Fatalf("%+v, %v, %v", pushed, existed, err)
	}
	for _, ref := range []Reference{ref, ref.At(pushed.Digest)} {
		found, err := c.Resolve(t.Context(), ref)
		if err != nil || found != pushed {
			t.Fatalf("%s: %+v, %v; want %+v", ref, found, err, pushed)
		}
		var got bytes.Buffer
		if err := c.Download(t.Context(), ref, found, &got); err != nil || got.String() != "a zip file" {
			t.Errorf("%s: %q, %v", ref, got.String(), err)
		}
	}
	if pushed.Coordinate != "org.cloudname:timber:1.2.3" || !strings.HasPrefix(pushed.PackDigest, "sha256:abab") || pushed.Signature == "" || pushed.SHA256 != sumOf([]byte("a zip file")) {
		t.Errorf("the manifest says %+v", pushed)
	}
}

func TestATagKeepsItsContents(t *testing.T) {
	f, c := newFakeRegistry(t), newClient(t, Options{})
	ref := f.reference(t, "timber:1")
	first, _, err := c.Push(t.Context(), ref, upload("first"))
	if err != nil {
		t.Fatal(err)
	}
	again, existed, err := c.Push(t.Context(), ref, upload("first"))
	if err != nil || !existed || again != first {
		t.Errorf("the same once more: %+v, %v, %v", again, existed, err)
	}
	if _, _, err := c.Push(t.Context(), ref, upload("second")); !errors.Is(err, ErrOther) {
		t.Errorf("other contents: %v", err)
	}
	f.Put("image", []byte(`{"schemaVersion":2,"config":{"mediaType":"application/vnd.oci.image.config.v1+json"},"layers":[]}`))
	if _, _, err := c.Push(t.Context(), f.reference(t, "timber:image"), upload("first")); !errors.Is(err, ErrOther) {
		t.Errorf("over an image: %v", err)
	}
	if _, _, err := c.Push(t.Context(), ref.At(first.Digest), upload("first")); !errors.Is(err, ErrReference) {
		t.Errorf("to a digest: %v", err)
	}
	if found, err := c.Resolve(t.Context(), ref); err != nil || found != first {
		t.Errorf("afterwards: %+v, %v", found, err)
	}
}

func TestTheManifestIsTheSameEverywhere(t *testing.T) {
	a, b := newFakeRegistry(t), newFakeRegistry(t)
	c := newClient(t, Options{})
	one, _, err := c.Push(t.Context(), a.reference(t, "timber:1"), upload("a zip file"))
	if err != nil {
		t.Fatal(err)
	}
	two, _, err := c.Push(t.Context(), b.reference(t, "other/name:2"), upload("a zip file"))
	if err != nil || one != two {
		t.Errorf("%+v and %+v, %v", one, two, err)
	}
}

// The layer is there already when another tag has it.
func TestNothingIsUploadedTwice(t *testing.T) {
	f, c := newFakeRegistry(t), newClient(t, Options{})
	for _, tag := range []string{"timber:1", "timber:2"} {
		if _, _, err := c.Push(t.Context(), f.reference(t, tag), upload("a zip file")); err != nil {
			t.Fatal(err)
		}
	}
	uploads := slices.DeleteFunc(f.Requests(), func(request string) bool { return !strings.HasPrefix(request, "POST") })
	if len(uploads) != 2 { // the layer and the empty configuration
		t.Errorf("%d uploads: %q", len(uploads), f.Requests())
	}
}

func TestCredentialsComeFromDockersConfiguration(t *testing.T) {
	f := newFakeRegistry(t)
	f.Answer = func(w http.ResponseWriter, r *http.Request) bool {
		if name, password, _ := r.BasicAuth(); name == "ann" && password == "hush-hush" {
			return false
		}
		w.Header().Set("Www-Authenticate", `Basic realm="registry"`)
		w.WriteHeader(http.StatusUnauthorized)
		return true
	}
	ref := f.reference(t, "timber:1")
	nobody := newClient(t, Options{})
	_, err := nobody.Resolve(t.Context(), ref)
	_, _, pushErr := nobody.Push(t.Context(), ref, upload("a zip file"))
	if !errors.Is(err, ErrUnauthorized) || !errors.Is(pushErr, ErrUnauthorized) {
		t.Errorf("without credentials: %v, %v", err, pushErr)
	}
	for password, want := range map[string]error{"hush-hush": nil, "wrong-one": ErrUnauthorized} {
		config := t.TempDir()
		known := base64.StdEncoding.EncodeToString([]byte("ann:" + password))
		text := `{"auths":{"` + f.server.Listener.Addr().String() + `":{"auth":"` + known + `"}}}`
		if err := os.WriteFile(filepath.Join(config, "config.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		t.Setenv("DOCKER_CONFIG", config)
		ann, err := New(Options{})
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = ann.Push(t.Context(), ref, upload("a zip file"))
		if !errors.Is(err, want) || err != nil && strings.Contains(err.Error(), password) {
			t.Errorf("with a password: %v", err)
		}
	}
}

func TestShowHidesCredentials(t *testing.T) {
	digest := "@sha256:" + strings.Repeat("0", 64)
	for text, want := range map[string]string{
		"oci://a.b/c:1":                     "oci://a.b/c:1",
		"oci://a.b/c" + digest:              "oci://a.b/c" + digest,
		"oci://me:s3cret@a.b/c:1":           "oci://REDACTED@a.b/c:1",
		"oci://me:s3/cr@et@a.b/c" + digest:  "oci://REDACTED@a.b/c" + digest,
		"somebody@else is no reference:1:2": "somebody@else is no reference:1:2",
	} {
		if got := Show(text); got != want {
			t.Errorf("%s: %s", text, got)
		}
	}
}

func TestParseReference(t *testing.T) {
	digest := "sha256:" + strings.Repeat("0", 64)
	for text, want := range map[string]string{
		"oci://localhost:5000/a/b:1":            "oci://localhost:5000/a/b:1",
		"oci://[::1]:5000/a:1.2.3":              "oci://[::1]:5000/a:1.2.3",
		"oci://example.org/a@" + digest:         "oci://example.org/a@" + digest,
		"oci://example.org/a:1@" + digest:       "oci://example.org/a@" + digest,
		"oci://a/b":                             "",
		"oci://a":                               "",
		"oci:///b:1":                            "",
		"oci://a/../b:1":                        "",
		"oci://a/B:1":                           "",
		"oci://a/b:1/c":                         "",
		"oci://a/b:":                            "",
		"oci://a/b@sha256:12":                   "",
		"oci://a/b@sha512:" + digest[7:] + "00": "",
		"oci://ann:hush-hush@a/b:1":             "",
		"OCI://a/b:1":                           "",
		"a/b:1":                                 "",
		"":                                      "",
	} {
		ref, err := ParseReference(text)
		switch {
		case want == "" && (!errors.Is(err, ErrReference) || strings.Contains(err.Error(), "hush-hush")):
			t.Errorf("%q: %v, %v", text, ref, err)
		case want != "" && (err != nil || ref.String() != want || (ref.Tag() == "") != strings.Contains(text, "@")):
			t.Errorf("%q: %v, %v", text, ref, err)
		}
	}
}

func TestOnlyThisMachineIsSpokenToInTheClear(t *testing.T) {
	for text, want := range map[string]bool{
		"oci://localhost:5000/a:1": true, "oci://localhost/a:1": true, "oci://127.0.0.9:1/a:1": true, "oci://[::1]:5000/a:1": true,
		"oci://localhost.example.org/a:1": false, "oci://192.0.2.1:5000/a:1": false, "oci://127.0.0.1.example.org/a:1": false,
	} {
		ref, err := ParseReference(text)
		if err != nil || ref.onLoopback() != want {
			t.Errorf("%s: %v, %v", text, ref.onLoopback(), err)
		}
	}
}

func FuzzParseReference(f *testing.F) {
	for _, seed := range []string{"oci://localhost:5000/a/b:1", "oci://a/b@sha256:" + strings.Repeat("0", 64), "oci://a@b/c:1", "oci://a/b:1@c"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ref, err := ParseReference(text)
		if err != nil {
			return
		}
		again, err := ParseReference(ref.String())
		if err != nil || again != ref {
			t.Errorf("%q: %v becomes %v, %v", text, ref, again, err)
		}
	})
}

func FuzzReadManifest(f *testing.F) {
	good, err := writeManifest("a.zip", Package{SHA256: strings.Repeat("0", 64), Size: 1, Coordinate: "a:b:1"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"artifactType":"` + ArtifactType + `","layers":[{"digest":"sha256:../../x","size":-1,"mediaType":"` + LayerType + `"}]}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		found, err := readManifest(content)
		if err == nil && (len(found.SHA256) != 64 || strings.Trim(found.SHA256, "0123456789abcdef") != "" || found.Size <= 0) {
			t.Errorf("%q is read as %+v", content, found)
		}
		if err != nil && !errors.Is(err, ErrNoPackage) {
			t.Errorf("%q: %v", content, err)
		}
	})
}
