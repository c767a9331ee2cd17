package dependency

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

const contents = "what was asked for\n"

func sumOf(text string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(text))) }

// quick are limits under which a hostile server costs a test little.
var quick = Limits{Size: 1 << 20, Time: 20 * time.Second, Stall: 10 * time.Second, Attempts: 3, Pause: time.Millisecond}

func options(t *testing.T) Options {
	t.Helper()
	return Options{CacheDir: filepath.Join(t.TempDir(), "cache"), Limits: quick}
}

// serve answers every request with the handler.
func serve(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

func fetchOne(t *testing.T, d Dependency, o Options) (File, error) {
	t.Helper()
	files, err := Fetch(t.Context(), []Dependency{d}, o)
	if err != nil {
		return File{}, err
	}
	return files[0], nil
}

// isWhatWasAskedFor reads a fetched file.
func isWhatWasAskedFor(t *testing.T, file File) {
	t.Helper()
	content, err := os.ReadFile(file.Path)
	if err != nil {
		t.Fatal(err)
	}
	if string(content) != contents || file.Size != int64(len(contents)) || file.SHA256 != sumOf(contents) {
		t.Errorf("got %+v with %q", file, content)
	}
}

// isEmpty makes sure that nothing was left in the cache.
func isEmpty(t *testing.T, folder string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	if len(entries) > 0 {
		t.Errorf("left behind: %v", entries)
	}
}

func TestADownloadIsMadeOnceAndKept(t *testing.T) {
	var requests atomic.Int32
	base := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		fmt.Fprint(w, contents)
	})
	o := options(t)
	var kinds []EventKind
	o.Event = func(e Event) { kinds = append(kinds, e.Kind) }
	for range 2 {
		file, err := fetchOne(t, Dependency{URI: base + "/a/some%20file.deb", SHA256: strings.ToUpper(sumOf(contents))}, o)
		if err != nil {
			t.Fatal(err)
		}
		isWhatWasAskedFor(t, file)
		if file.Name != "some file.deb" || filepath.Base(file.Path) != sumOf(contents) {
			t.Errorf("got %+v", file)
		}
	}
	if requests.Load() != 1 {
		t.Errorf("%d requests", requests.Load())
	}
	if want := []EventKind{Downloading, Downloaded, Cached}; !slices.Equal(kinds, want) {
		t.Errorf("events %v, want %v", kinds, want)
	}
}

func TestFilesOfThisMachineAreReadWhereTheyAre(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "a file.deb")
	if err := os.WriteFile(path, []byte(contents), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(folder, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	o := options(t)
	file, err := fetchOne(t, Dependency{URI: "file://" + folder + "/a%20file.deb", SHA256: sumOf(contents)}, o)
	if err != nil {
		t.Fatal(err)
	}
	isWhatWasAskedFor(t, file)
	if file.Path != path || file.Name != "a file.deb" {
		t.Errorf("got %+v", file)
	}
	for uri, want := range map[string]string{
		"file://" + folder + "/none":         "no such file",
		"file://" + folder:                   "not a regular file",
		"file://" + folder + "/pipe":         "not a regular file",
		"file://" + folder + "/a%20file.deb": "its sha256 is " + sumOf(contents) + ", not " + sumOf("another"),
	} {
		_, err := fetchOne(t, Dependency{URI: uri, SHA256: sumOf("another")}, o)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), uri) {
			t.Errorf("%s: %v; want %q", uri, err, want)
		}
	}
	isEmpty(t, o.CacheDir)
}

func TestADamagedCacheEntryIsDownloadedAgain(t *testing.T) {
	answer := contents
	var requests atomic.Int32
	base := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		fmt.Fprint(w, answer)
	})
	o := options(t)
	damage := func() {
		t.Helper()
		if err := os.MkdirAll(o.CacheDir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(o.CacheDir, sumOf(contents)), []byte("rotten"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	damage()
	var kinds []EventKind
	o.Event = func(e Event) { kinds = append(kinds, e.Kind) }
	wanted := Dependency{URI: base + "/file", SHA256: sumOf(contents)}
	file, err := fetchOne(t, wanted, o)
	if err != nil {
		t.Fatal(err)
	}
	isWhatWasAskedFor(t, file)
	if want := []EventKind{Damaged, Downloading, Downloaded}; !slices.Equal(kinds, want) {
		t.Errorf("events %v, want %v", kinds, want)
	}

	// The server has changed, too: once is enough to know.
	damage()
	answer = "rotten as well"
	requests.Store(0)
	if _, err := fetchOne(t, wanted, o); !errors.Is(err, ErrMismatch) {
		t.Errorf("got %v", err)
	}
	if requests.Load() != 1 {
		t.Errorf("%d requests", requests.Load())
	}
	isEmpty(t, o.CacheDir)
}

func TestOfAllThatWantAFileOneDownloadsIt(t *testing.T) {
	var requests atomic.Int32
	release := make(chan struct{})
	base := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		<-release
		fmt.Fprint(w, contents)
	})
	o := options(t)
	// What a killed command leaves is nobody's.
	if err := os.MkdirAll(o.CacheDir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(o.CacheDir, sumOf(contents)+".part"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			files, err := Fetch(t.Context(), []Dependency{{URI: base + "/file", SHA256: sumOf(contents)}}, o)
			if err != nil {
				t.Error(err)
				return
			}
			isWhatWasAskedFor(t, files[0])
		})
	}
	close(release)
	all.Wait()
	if requests.Load() != 1 {
		t.Errorf("%d requests", requests.Load())
	}
	entries, err := os.ReadDir(o.CacheDir)
	if err != nil || len(entries) != 1 || entries[0].Name() != sumOf(contents) {
		t.Errorf("the cache holds %v, %v", entries, err)
	}
}

func TestWaitingForAnotherDownloadCanBeCancelled(t *testing.T) {
	o := options(t)
	held, err := cache{folder: o.CacheDir}.begin(t.Context(), sumOf(contents))
	if err != nil {
		t.Fatal(err)
	}
	defer held.discard()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = Fetch(ctx, []Dependency{{URI: "http://127.0.0.1:1/file", SHA256: sumOf(contents)}}, o)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestADownloadCanBeCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	base := serve(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, contents)
		_ = http.NewResponseController(w).Flush()
		cancel()
		<-r.Context().Done()
	})
	o := options(t)
	_, err := Fetch(ctx, []Dependency{{URI: base + "/file", SHA256: sumOf(contents)}}, o)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	isEmpty(t, o.CacheDir)
}

func TestFailuresThatPassAreTriedAgain(t *testing.T) {
	for name, fail := range map[string]http.HandlerFunc{
		"unavailable": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
		"cut off": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "19")
			fmt.Fprint(w, contents[:5])
		},
	} {
		t.Run(name, func(t *testing.T) {
			var requests atomic.Int32
			base := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if requests.Add(1) < 3 {
					fail(w, r)
					return
				}
				fmt.Fprint(w, contents)
			})
			o := options(t)
			retries := 0
			o.Event = func(e Event) {
				if e.Kind == Retrying && e.Err != nil {
					retries++
				}
			}
			file, err := fetchOne(t, Dependency{URI: base + "/file", SHA256: sumOf(contents)}, o)
			if err != nil {
				t.Fatal(err)
			}
			isWhatWasAskedFor(t, file)
			if retries != 2 {
				t.Errorf("%d retries were told", retries)
			}
		})
	}
}

func TestOfflineNamesEverythingThatIsMissing(t *testing.T) {
	base := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, contents) })
	o := options(t)
	have := Dependency{URI: base + "/have", SHA256: sumOf(contents)}
	if _, err := fetchOne(t, have, o); err != nil {
		t.Fatal(err)
	}
	o.Offline = true
	file, err := fetchOne(t, have, o)
	if err != nil {
		t.Fatal(err)
	}
	isWhatWasAskedFor(t, file)
	_, err = Fetch(t.Context(), []Dependency{
		{URI: "https://me:secret@example.org/one?token=secret", SHA256: sumOf("one")}, have,
		{URI: "https://example.org/two", SHA256: sumOf("two")},
	}, o)
	var missing *MissingError
	if !errors.As(err, &missing) {
		t.Fatalf("got %v", err)
	}
	want := []string{"https://REDACTED@example.org/one?token=REDACTED", "https://example.org/two"}
	if !slices.Equal(missing.URIs, want) || strings.Contains(err.Error(), "secret") {
		t.Errorf("missing %q", missing.URIs)
	}
}

func TestContentsAreVerifiedWhileTheyAreRead(t *testing.T) {
	wanted := Dependency{URI: "https://me:secret@example.org/a%20file", SHA256: sumOf(contents)}
	if name, err := wanted.Name(); err != nil || name != "a file" {
		t.Errorf("%q, %v", name, err)
	}
	for text, good := range map[string]bool{contents: true, contents + "x": false, "": false} {
		reader, err := wanted.Verify(io.NopCloser(strings.NewReader(text)))
		if err != nil {
			t.Fatal(err)
		}
		read, err := io.ReadAll(reader)
		if string(read) != text || good != (err == nil) {
			t.Errorf("read %q, %v", read, err)
		}
		if err != nil && (!errors.Is(err, ErrMismatch) || strings.Contains(err.Error(), "secret")) {
			t.Errorf("got %v", err)
		}
	}
	if _, err := (Dependency{URI: "x"}).Verify(nil); !errors.Is(err, ErrInvalid) {
		t.Errorf("got %v", err)
	}
}
