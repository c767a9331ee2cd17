package repository_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/servicepack/svp/engine/repository"
	"github.com/servicepack/svp/engine/secrets"
)

// patient are options for servers that answer, however busy this machine is; quick
// ones are for those that do not.
var (
	patient = repository.Options{Stall: time.Minute, Pause: time.Millisecond}
	quick   = repository.Options{Stall: 3 * time.Second, Pause: time.Millisecond}
)

// password must never be seen.
const password = "pass-word-0f-timber"

// filled is a repository with timber and its signature.
func filled(t testing.TB) string {
	t.Helper()
	folder := t.TempDir()
	signed := item(t, timber, contents)
	signed.Sign = signing
	publish(t, folder, signed)
	publish(t, folder, item(t, version("1.10"), "newer"))
	return folder
}

func serve(t testing.TB, handler http.Handler) repository.Location {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return repository.Location{URL: server.URL + "/base"}
}

// served is a filled repository behind a web server that knows nothing of svp.
func served(t testing.TB) http.Handler {
	return http.StripPrefix("/base", http.FileServer(http.Dir(filled(t))))
}

func TestPackagesAreFetchedFromEveryKindOfRepository(t *testing.T) {
	t.Parallel()
	folder := filled(t)
	for name, location := range map[string]repository.Location{
		"folder":         {URL: folder},
		"file":           {URL: "file://" + folder + "/"},
		"web server":     serve(t, served(t)),
		"trailing slash": {URL: serve(t, served(t)).URL + "/"},
	} {
		c := client(t, location, patient)
		versions, err := c.Versions(t.Context(), timber.Group, timber.Name)
		if err != nil || !slices.Equal(versions, []string{"1.2.3", "1.10"}) {
			t.Errorf("%s: versions %v, %v", name, versions, err)
		}
		var to target
		fetched, err := c.Fetch(t.Context(), timber, &to)
		if err != nil || to.String() != contents || fetched.SHA256 != sumOf(contents) || fetched.Size != int64(len(contents)) ||
			string(fetched.Signature) != "signed: "+contents {
			t.Errorf("%s: %q, %+v, %v", name, to.String(), fetched, err)
		}
		unsigned, err := c.Fetch(t.Context(), version("1.10"), &to)
		if err != nil || to.String() != "newer" || unsigned.Signature != nil {
			t.Errorf("%s: unsigned: %q, %+v, %v", name, to.String(), unsigned, err)
		}
		if _, err := c.Fetch(t.Context(), version("9"), &to); !errors.Is(err, repository.ErrNotFound) {
			t.Errorf("%s: a version that is not there: %v", name, err)
		}
		if _, err := c.Versions(t.Context(), "org", "nosuch"); !errors.Is(err, repository.ErrNotFound) {
			t.Errorf("%s: a package that is not there: %v", name, err)
		}
	}
}

// with answers the package itself another way than its neighbours.
func with(t testing.TB, answer http.HandlerFunc) http.Handler {
	next := served(t)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, ".zip") {
			answer(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// TestHostileServers end in an error that says what is wrong.
func TestHostileServers(t *testing.T) {
	t.Parallel()
	limited := patient
	limited.MaxPackage = 1 << 20
	short := patient
	short.Total = 300 * time.Millisecond
	for name, test := range map[string]struct {
		answer  http.HandlerFunc
		options repository.Options
		want    error
		says    string
	}{
		"silent":              {waiting, quick, repository.ErrTimeout, "timeout awaiting response headers"},
		"silent in between":   {sending("the bytes", waiting), quick, repository.ErrTimeout, "silent for"},
		"drop by drop":        {endless(10 * time.Millisecond), short, repository.ErrTimeout, "took longer than"},
		"endless":             {endless(0), limited, repository.ErrTooLarge, "more than 1048576 bytes"},
		"announced too large": {length("1048577"), limited, repository.ErrTooLarge, "1048577 bytes"},
		"cut off":             {length("100"), patient, nil, "the download is cut off"},
		"longer than it says": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "5")
			_, _ = w.Write([]byte(contents[:5]))
		}, patient, repository.ErrChecksum, sumOf(contents)},
		"other contents": {saying("text/plain", "other"), patient, repository.ErrChecksum, sumOf("other")},
		"web page":       {saying("text/html; charset=utf-8", "<html>Please sign in"), patient, repository.ErrInvalid, "web page"},
		"packed":         {header("Content-Encoding", "gzip"), patient, repository.ErrInvalid, "packed"},
		"no HTTP":        {hijacked("SSH-2.0-OpenSSH_9\r\n\r\n"), patient, repository.ErrUnreachable, ""},
		"closes":         {hijacked(""), patient, repository.ErrUnreachable, "closed the connection"},
		"endless header": {hijacked("HTTP/1.1 200 OK\r\nA: " + strings.Repeat("a", 1<<20)), patient, repository.ErrUnreachable, ""},
		"redirects":      {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) }, patient, repository.ErrInvalid, "more than 5"},
		"redirect to disk": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "file:///etc/passwd")
			w.WriteHeader(http.StatusFound)
		}, patient, repository.ErrUnreachable, "unsupported protocol scheme"},
		"404":            {status(404), patient, repository.ErrNotFound, "not found"},
		"401":            {status(401), patient, repository.ErrUnauthorized, "status 401 (Unauthorized)"},
		"403":            {status(403), patient, repository.ErrUnauthorized, "status 403 (Forbidden)"},
		"500":            {status(500), patient, repository.ErrUnreachable, "status 500 (Internal Server Error)"},
		"206 unasked":    {status(206), patient, repository.ErrUnreachable, "status 206"},
		"status of lies": {hijacked("HTTP/1.1 999 \x1b[2Jpwned\r\nContent-Length: 0\r\n\r\n"), patient, repository.ErrUnreachable, "status 999"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			location := serve(t, with(t, test.answer))
			location.Username, location.Password = "me", secrets.New(password)
			var to target
			_, err := client(t, location, test.options).Fetch(t.Context(), timber, &to)
			if err == nil || test.want != nil && !errors.Is(err, test.want) {
				t.Fatalf("error: %v, want %v", err, test.want)
			}
			text := err.Error()
			if !strings.Contains(text, test.says) || !strings.Contains(text, timber.String()) || strings.ContainsAny(text, "\x1b\n") ||
				strings.Contains(text, password) || len(text) > 1000 {
				t.Errorf("error: %q, want it to say %q", text, test.says)
			}
		})
	}
}

// waiting answers nothing for as long as the client waits.
func waiting(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

func sending(text string, then http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(text))
		_ = http.NewResponseController(w).Flush()
		then(w, r)
	}
}

func endless(pause time.Duration) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write([]byte(strings.Repeat("x", 1000))); err != nil {
				return
			}
			_ = http.NewResponseController(w).Flush()
			select {
			case <-time.After(pause):
			case <-r.Context().Done():
			}
		}
	}
}

func length(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", text) }
}

func saying(kind, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		_, _ = w.Write([]byte(text))
	}
}

func header(name, value string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set(name, value)
		_, _ = w.Write([]byte(contents))
	}
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// hijacked answers with these bytes, and nothing around them.
func hijacked(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		connection, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer connection.Close()
		_, _ = connection.Write([]byte(text))
	}
}

func TestWhatPassesIsTriedAgain(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]http.HandlerFunc{
		"unavailable": status(503), "bad gateway": status(502), "too many": status(429), "cut off": length("100"), "closes": hijacked(""),
	} {
		var asked atomic.Int64
		next := served(t)
		location := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, ".zip") && asked.Add(1) < 3 {
				answer(w, r)
				return
			}
			next.ServeHTTP(w, r)
		}))
		var to target
		if _, err := client(t, location, patient).Fetch(t.Context(), timber, &to); err != nil || to.String() != contents || asked.Load() != 3 {
			t.Errorf("%s: %q, %v, asked %d times", name, to.String(), err, asked.Load())
		}
	}
}

func TestWhatDoesNotPassIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	for _, code := range []int{404, 401, 500} {
		var asked atomic.Int64
		location := serve(t, with(t, func(w http.ResponseWriter, _ *http.Request) {
			asked.Add(1)
			w.WriteHeader(code)
		}))
		var to target
		if _, err := client(t, location, patient).Fetch(t.Context(), timber, &to); err == nil || asked.Load() != 1 {
			t.Errorf("%d: %v, asked %d times", code, err, asked.Load())
		}
	}
}

// TestCredentialsStayWithTheRepository lets it redirect to another host.
func TestCredentialsStayWithTheRepository(t *testing.T) {
	t.Parallel()
	var seen atomic.Pointer[string]
	elsewhere := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got := r.Header.Get("Authorization") + r.Header.Get("Referer")
		seen.Store(&got)
		_, _ = w.Write([]byte(contents))
	}))
	next := served(t)
	location := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		username, given, _ := r.BasicAuth()
		switch {
		case username != "me" || given != password:
			w.WriteHeader(http.StatusUnauthorized)
		case strings.HasSuffix(r.URL.Path, ".zip"):
			http.Redirect(w, r, elsewhere.URL, http.StatusFound)
		default:
			next.ServeHTTP(w, r)
		}
	}))
	location.URL = strings.Replace(location.URL, "http://", "http://me:"+password+"@", 1)
	c := client(t, location, patient)
	var to target
	if _, err := c.Fetch(t.Context(), timber, &to); err != nil || to.String() != contents {
		t.Errorf("%q, %v", to.String(), err)
	}
	if got := seen.Load(); got == nil || strings.Contains(*got, "Basic") || strings.Contains(*got, password) {
		t.Errorf("the other host saw %v", got)
	}
	if shown := fmt.Sprintf("%+v %s", c.Location(), c.Location()); strings.Contains(shown, password) {
		t.Errorf("shown: %s", shown)
	}
	location.Username, location.Password = "me", secrets.New("wrong-"+password)
	_, err := client(t, location, patient).Fetch(t.Context(), timber, &to)
	if !errors.Is(err, repository.ErrUnauthorized) || strings.Contains(err.Error(), password) {
		t.Errorf("with a wrong password: %v", err)
	}
}

func TestTLSIsNotGivenUp(t *testing.T) {
	t.Parallel()
	plain := serve(t, served(t))
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, plain.URL+strings.TrimPrefix(r.URL.Path, "/base"), http.StatusFound)
	}))
	t.Cleanup(server.Close)
	location := repository.Location{URL: server.URL + "/base"}
	var to target
	if _, err := client(t, location, patient).Fetch(t.Context(), timber, &to); !errors.Is(err, repository.ErrUnreachable) ||
		!strings.Contains(err.Error(), "certificate") {
		t.Errorf("with an unknown certificate: %v", err)
	}
	trusting := patient
	trusting.RootCAs = server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	if _, err := client(t, location, trusting).Fetch(t.Context(), timber, &to); !errors.Is(err, repository.ErrInvalid) ||
		!strings.Contains(err.Error(), "from https to http") {
		t.Errorf("redirected to http: %v", err)
	}
}

func TestNothingAnswers(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(nil)
	server.Close()
	for _, url := range []string{server.URL, filepath.Join(t.TempDir(), "nosuch")} {
		if _, err := client(t, repository.Location{URL: url}, patient).Index(t.Context()); !errors.Is(err, repository.ErrUnreachable) {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func TestAnInterruptedFetchSaysSo(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]http.HandlerFunc{"silent": waiting, "in between": sending("the bytes", waiting)} {
		ctx, cancel := context.WithCancel(t.Context())
		slow := repository.Options{Stall: time.Minute}
		location := serve(t, with(t, func(w http.ResponseWriter, r *http.Request) {
			cancel()
			answer(w, r)
		}))
		var to target
		if _, err := client(t, location, slow).Fetch(ctx, timber, &to); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAFolderIsReadNoFurther than it reaches.
func TestAFolderIsReadNoFurther(t *testing.T) {
	t.Parallel()
	folder, outside := t.TempDir(), filepath.Join(t.TempDir(), "secret")
	write(t, outside, contents)
	place := filepath.Join(folder, timberPath)
	write(t, place+".sha256", sumOf(contents))
	if err := os.Symlink(outside, place); err != nil {
		t.Fatal(err)
	}
	var to target
	if _, err := client(t, repository.Location{URL: folder}, patient).Fetch(t.Context(), timber, &to); err == nil || to.Len() > 0 {
		t.Errorf("a link that leads out: %q, %v", to.String(), err)
	}
	if err := errors.Join(os.Remove(place), os.Mkdir(place, 0o755)); err != nil {
		t.Fatal(err)
	}
	if _, err := client(t, repository.Location{URL: folder}, patient).Fetch(t.Context(), timber, &to); !errors.Is(err, repository.ErrInvalid) {
		t.Errorf("a folder: %v", err)
	}
	limited := patient
	limited.MaxPackage = 3
	if _, err := client(t, repository.Location{URL: filled(t)}, limited).Fetch(t.Context(), timber, &to); !errors.Is(err, repository.ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
}

func TestChecksumsAreLinesOfSha256sum(t *testing.T) {
	t.Parallel()
	sum := sumOf(contents)
	for text, right := range map[string]bool{
		sum: true, sum + "\n": true, sum + "  timber-1.2.3-copkg.zip\n": true, sum + " *timber-1.2.3-copkg.zip\r\n": true,
		"": false, "<html>": false, sum[1:]: false, strings.ToUpper(sum): false, sum + "  another.zip\n": false, sum + " a b": false,
	} {
		folder := t.TempDir()
		write(t, filepath.Join(folder, timberPath), contents)
		write(t, filepath.Join(folder, timberPath+".sha256"), text)
		var to target
		_, err := client(t, repository.Location{URL: folder}, patient).Fetch(t.Context(), timber, &to)
		if right != (err == nil) || !right && !errors.Is(err, repository.ErrInvalid) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestLocations(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"https://packs.example.org/base/":           "https://packs.example.org/base",
		"http://me:" + password + "@127.0.0.1:8081": "http://127.0.0.1:8081",
		"file:///srv/packs":                         "file:///srv/packs",
		"/srv/packs/":                               "/srv/packs",
		"packs":                                     "packs",
	} {
		location, err := repository.ParseLocation(text)
		if err != nil || location.String() != want {
			t.Errorf("%s: %s, %v", text, location, err)
		}
	}
	for _, text := range []string{
		"", "ftp://example.org", "oci://example.org/a", "https://", "https:///path", "file://", "file://other/srv",
		"https://me:" + password + "@example.org/?x=1", "https://me:" + password + "@example.org/#x", "https://me:" + password + "@exa mple.org",
		"https://me:" + password + "@example.org:port",
	} {
		_, err := repository.ParseLocation(text)
		if err == nil || strings.Contains(err.Error(), password) || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
