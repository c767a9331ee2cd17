package registry

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// pull resolves and downloads, and tells how much was written.
func pull(t *testing.T, c *Client, ref Reference) (int, error) {
	t.Helper()
	found, err := c.Resolve(t.Context(), ref)
	if err != nil {
		return 0, err
	}
	var got countingWriter
	err = c.Download(t.Context(), ref, found, &got)
	return int(got), err
}

type countingWriter int

func (w *countingWriter) Write(p []byte) (int, error) {
	*w += countingWriter(len(p))
	return len(p), nil
}

// redirectLoop answers everything with another address of its own.
func redirectLoop(w http.ResponseWriter, r *http.Request) bool {
	http.Redirect(w, r, r.URL.Path+"x", http.StatusTemporaryRedirect)
	return true
}

// forever sends bytes as long as somebody reads them.
func forever(w http.ResponseWriter, r *http.Request) {
	for r.Context().Err() == nil {
		if _, err := w.Write(make([]byte, 64<<10)); err != nil {
			return
		}
	}
}

func silence(_ http.ResponseWriter, r *http.Request) bool {
	<-r.Context().Done()
	return true
}

func onBlobs(do func(w http.ResponseWriter, r *http.Request)) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/blobs/") {
			return false
		}
		do(w, r)
		return true
	}
}

func onManifests(do func(w http.ResponseWriter)) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/manifests/") {
			return false
		}
		do(w)
		return true
	}
}

// manifestOf answers with a manifest, and says that it is what was asked for.
func manifestOf(text string) func(http.ResponseWriter, *http.Request) bool {
	return onManifests(func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
		w.Header().Set("Content-Length", fmt.Sprint(len(text)))
		_, _ = io.WriteString(w, text)
	})
}

func layerOf(fields string) string {
	return `{"schemaVersion":2,"artifactType":"` + ArtifactType + `","layers":[{` + fields + `}]}`
}

func TestAHostileRegistryIsRefused(t *testing.T) {
	zip := strings.Repeat("a zip file ", 1000)
	good := fmt.Sprintf(`"mediaType":%q,"digest":%q`, LayerType, digestOf([]byte(zip)))
	for name, test := range map[string]struct {
		answer func(http.ResponseWriter, *http.Request) bool
		want   error
	}{
		"other bytes": {onBlobs(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, strings.ToUpper(zip)) }), ErrNoPackage},
		"a longer body": {onBlobs(func(w http.ResponseWriter, _ *http.Request) {
			w.(http.Flusher).Flush()
			_, _ = io.WriteString(w, zip+"x")
		}), ErrNoPackage},
		"an endless body": {onBlobs(func(w http.ResponseWriter, r *http.Request) {
			w.(http.Flusher).Flush()
			_, _ = io.WriteString(w, zip)
			forever(w, r)
		}), ErrNoPackage},
		"a short body": {onBlobs(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(len(zip)))
			_, _ = io.WriteString(w, zip[:100])
		}), ErrUnreachable},
		"a wrong length": {onBlobs(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "x") }), ErrNoPackage},
		"no blob":        {onBlobs(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) }), ErrNotFound},
		"silence":        {silence, ErrTimeout},
		"a body that stalls": {onBlobs(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, zip[:100])
			w.(http.Flusher).Flush()
			silence(w, r)
		}), ErrTimeout},
		"a redirect loop":    {redirectLoop, ErrUnreachable},
		"a forbidden place":  {onManifests(func(w http.ResponseWriter) { w.WriteHeader(http.StatusForbidden) }), ErrUnauthorized},
		"a web page":         {onManifests(func(w http.ResponseWriter) { _, _ = io.WriteString(w, "<html>") }), ErrNoPackage},
		"no JSON":            {manifestOf("{"), ErrNoPackage},
		"an image":           {manifestOf(`{"schemaVersion":2,"config":{"mediaType":"application/vnd.oci.image.config.v1+json"}}`), ErrNoPackage},
		"no layer":           {manifestOf(`{"artifactType":"` + ArtifactType + `"}`), ErrNoPackage},
		"another layer":      {manifestOf(layerOf(`"mediaType":"text/plain","size":1`)), ErrNoPackage},
		"a path as a digest": {manifestOf(layerOf(`"mediaType":"` + LayerType + `","digest":"sha256:../../../etc/passwd","size":1`)), ErrNoPackage},
		"a weak digest":      {manifestOf(layerOf(`"mediaType":"` + LayerType + `","digest":"md5:d41d8cd98f00b204e9800998ecf8427e","size":1`)), ErrNoPackage},
		"a negative size":    {manifestOf(layerOf(good + `,"size":-1`)), ErrNoPackage},
		"a giant package":    {manifestOf(layerOf(good + `,"size":1000000000000`)), ErrTooLarge},
		"a giant manifest":   {manifestOf(`{"x":"` + strings.Repeat("x", maxManifest) + `"}`), ErrTooLarge},
		"another digest": {onManifests(func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
			w.Header().Set("Docker-Content-Digest", digestOf([]byte("something else")))
			_, _ = io.WriteString(w, "{}")
		}), ErrNoPackage},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFakeRegistry(t)
			ref := f.reference(t, "timber:1")
			if _, _, err := newClient(t, Options{}).Push(t.Context(), ref, upload(zip)); err != nil {
				t.Fatal(err)
			}
			// A busy machine is no hostile registry.
			stall := time.Minute
			if errors.Is(test.want, ErrTimeout) {
				stall = 300 * time.Millisecond
			}
			c := newClient(t, Options{Stall: stall, MaxPackage: 1 << 30})
			f.Answer = test.answer
			written, err := pull(t, c, ref)
			if !errors.Is(err, test.want) || !strings.HasPrefix(err.Error(), ref.String()+": ") {
				t.Errorf("the error is %v, want %v", err, test.want)
			}
			if written > len(zip) {
				t.Errorf("%d bytes were written", written)
			}
		})
	}
}

func TestARegistryThatIsTooSlowAltogether(t *testing.T) {
	f := newFakeRegistry(t)
	c := newClient(t, Options{})
	ref := f.reference(t, "timber:1")
	if _, _, err := c.Push(t.Context(), ref, upload(strings.Repeat("x", 1<<20))); err != nil {
		t.Fatal(err)
	}
	f.Answer = onBlobs(func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil { // a byte now and then, so that it never stalls
			_, _ = io.WriteString(w, "x")
			w.(http.Flusher).Flush()
			select {
			case <-r.Context().Done():
			case <-time.After(10 * time.Millisecond):
			}
		}
	})
	_, err := pull(t, newClient(t, Options{Total: 500 * time.Millisecond}), ref)
	if !errors.Is(err, ErrTimeout) {
		t.Errorf("the error is %v", err)
	}
}

func TestNobodyThere(t *testing.T) {
	f := newFakeRegistry(t)
	ref := f.reference(t, "timber:1")
	f.server.Close()
	c := newClient(t, Options{})
	_, err := c.Resolve(t.Context(), ref)
	_, _, pushErr := c.Push(t.Context(), ref, upload("x"))
	if !errors.Is(err, ErrUnreachable) || !errors.Is(pushErr, ErrUnreachable) {
		t.Errorf("the errors are %v, %v", err, pushErr)
	}
}

// What fails on this machine is not blamed on the registry.
func TestADiskThatIsFull(t *testing.T) {
	f, c := newFakeRegistry(t), newClient(t, Options{})
	ref := f.reference(t, "timber:1")
	pushed, _, err := c.Push(t.Context(), ref, upload("a zip file"))
	if err != nil {
		t.Fatal(err)
	}
	full := errors.New("no space left on device")
	if err := c.Download(t.Context(), ref, pushed, failing{full}); !errors.Is(err, full) || errors.Is(err, ErrNoPackage) {
		t.Errorf("the error is %v", err)
	}
	broken := upload("another zip file")
	broken.Content = failing{full}
	if _, _, err := c.Push(t.Context(), f.reference(t, "timber:2"), broken); !errors.Is(err, full) {
		t.Errorf("the error is %v", err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
