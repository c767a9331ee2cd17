package dependency

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// hang answers nothing more until the client has gone.
func hang(r *http.Request) { <-r.Context().Done() }

func flush(w http.ResponseWriter) { _ = http.NewResponseController(w).Flush() }

func TestHostileServersEndInAClearError(t *testing.T) {
	impatient, limited := quick, quick
	impatient.Stall, impatient.Attempts = 30*time.Millisecond, 1
	limited.Time = 100 * time.Millisecond
	cases := map[string]struct {
		limits  Limits
		handler http.HandlerFunc
		want    string
	}{
		"never answers": {impatient, func(_ http.ResponseWriter, r *http.Request) { hang(r) }, "has sent nothing for 30ms"},
		"stops in the middle": {impatient, func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, contents)
			flush(w)
			hang(r)
		}, "has sent nothing for 30ms"},
		"a byte at a time": {limited, func(w http.ResponseWriter, r *http.Request) {
			again := time.NewTicker(time.Millisecond)
			defer again.Stop()
			for r.Context().Err() == nil {
				fmt.Fprint(w, "x")
				flush(w)
				<-again.C
			}
		}, "it takes longer than 100ms"},
		"endless": {quick, func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				fmt.Fprint(w, strings.Repeat("x", 1<<12))
			}
		}, "the file is too large: more than 1 MiB"},
		"announces too much": {quick, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "1000000000000")
			flush(w)
			hang(r)
		}, "the file is too large: more than 1 MiB"},
		"short body": {quick, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, contents)
		}, "after 19 bytes: the server announced 100"},
		"wrong length": {quick, func(w http.ResponseWriter, _ *http.Request) {
			raw(w, "HTTP/1.1 200 OK\r\nContent-Length: -7\r\n\r\n"+contents)
		}, "bad Content-Length"},
		"wrong contents": {quick, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "something else") },
			"its sha256 is " + sumOf("something else") + ", not " + sumOf(contents)},
		"wrong type": {quick, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			fmt.Fprint(w, "<html>sign in</html>")
		}, "; the server sent a web page"},
		"compressed unasked": {quick, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			fmt.Fprint(w, "no gzip")
		}, "its sha256 is " + sumOf("no gzip")},
		"redirects for ever": {quick, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, r.URL.Path+"x", http.StatusFound)
		}, "redirects more than 5 times"},
		"redirects to a file": {quick, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "file:///etc/passwd")
			w.WriteHeader(http.StatusFound)
		}, "redirects to what is not http or https"},
		"redirects nowhere": {quick, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusFound) },
			"redirects to what is not a uri"},
		"not found":    {quick, http.NotFound, "the server answers 404 Not Found"},
		"broken":       {quick, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }, "the server answers 500"},
		"part of it":   {quick, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusPartialContent) }, "the server answers 206"},
		"no HTTP":      {quick, func(w http.ResponseWriter, _ *http.Request) { raw(w, "220 ftp ready\x1b[2J\r\n") }, "malformed HTTP"},
		"says nothing": {quick, func(w http.ResponseWriter, _ *http.Request) { raw(w, "") }, "EOF"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			o := options(t)
			o.Limits = c.limits
			uri := serve(t, c.handler) + "/file"
			_, err := fetchOne(t, Dependency{URI: uri, SHA256: sumOf(contents)}, o)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "dependency "+uri+": ") {
				t.Errorf("got %v; want %q", err, c.want)
			}
			if err != nil && strings.ContainsAny(err.Error(), "\x1b\r\n") {
				t.Errorf("the error is for no terminal: %q", err)
			}
			isEmpty(t, o.CacheDir)
		})
	}
}

// raw answers with these bytes and ends the connection.
func raw(w http.ResponseWriter, text string) {
	connection, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	_, _ = io.WriteString(connection, text)
	_ = connection.Close()
}

func TestHowOftenIsTriedDependsOnTheFailure(t *testing.T) {
	for status, want := range map[int]int32{
		http.StatusNotFound: 1, http.StatusForbidden: 1, http.StatusOK: 1,
		http.StatusServiceUnavailable: 3, http.StatusTooManyRequests: 3,
	} {
		var requests atomic.Int32
		uri := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			requests.Add(1)
			w.WriteHeader(status)
		})
		if _, err := fetchOne(t, Dependency{URI: uri + "/file", SHA256: sumOf(contents)}, options(t)); err == nil {
			t.Errorf("%d: no error", status)
		}
		if requests.Load() != want {
			t.Errorf("%d: %d requests, want %d", status, requests.Load(), want)
		}
	}
}

const (
	userSecret  = "user-s3cret"
	tokenSecret = "t0ken/s3cret+x"
)

// secretURI adds credentials of each kind to an address.
func secretURI(address string) string {
	scheme, rest, _ := strings.Cut(address, "://")
	return scheme + "://me:" + userSecret + "@" + rest + "/file?name=x&token=t0ken%2Fs3cret%2Bx"
}

func TestCredentialsAreSentAndNeverShown(t *testing.T) {
	nobody := closedPort(t)
	handlers := map[string]http.HandlerFunc{
		"fetched":   func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, contents) },
		"not found": http.NotFound,
		"mismatch":  func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "other") },
		"repeated by the server": func(w http.ResponseWriter, r *http.Request) {
			raw(w, "broken "+r.URL.String()+" "+tokenSecret+"\r\n\r\n")
		},
		"redirected to a broken address": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "http://me:"+userSecret+"@%zz/"+tokenSecret)
			w.WriteHeader(http.StatusFound)
		},
		"redirected to nobody": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "http://me:"+userSecret+"@"+nobody+"/x?token="+tokenSecret)
			w.WriteHeader(http.StatusFound)
		},
	}
	for name, handler := range handlers {
		t.Run(name, func(t *testing.T) {
			var authorised atomic.Bool
			base := serve(t, func(w http.ResponseWriter, r *http.Request) {
				user, password, _ := r.BasicAuth()
				authorised.Store(user == "me" && password == userSecret && r.FormValue("token") == tokenSecret)
				handler(w, r)
			})
			o := options(t)
			var told strings.Builder
			o.Event = func(e Event) { fmt.Fprintf(&told, "%+v\n", e) }
			_, err := fetchOne(t, Dependency{URI: secretURI(base), SHA256: sumOf(contents)}, o)
			fmt.Fprintf(&told, "%v\n", err)
			if !authorised.Load() {
				t.Error("the server did not get the credentials")
			}
			entries, _ := os.ReadDir(o.CacheDir)
			fmt.Fprintf(&told, "%v\n", entries)
			for _, secret := range []string{userSecret, tokenSecret, "t0ken%2F"} {
				if strings.Contains(told.String(), secret) {
					t.Errorf("%q is shown:\n%s", secret, told.String())
				}
			}
		})
	}
}

// closedPort is an address at which nobody listens.
func closedPort(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	return address
}

func TestCredentialsAreForTheServerThatTheyWereMeantFor(t *testing.T) {
	var leaked atomic.Value
	other := serve(t, func(w http.ResponseWriter, r *http.Request) {
		leaked.Store(r.Header.Get("Authorization") + r.Header.Get("Referer") + r.URL.RawQuery)
		fmt.Fprint(w, contents)
	})
	first := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other+"/elsewhere", http.StatusFound)
	})
	file, err := fetchOne(t, Dependency{URI: secretURI(first), SHA256: sumOf(contents)}, options(t))
	if err != nil {
		t.Fatal(err)
	}
	isWhatWasAskedFor(t, file)
	if leaked.Load() != "" {
		t.Errorf("the other server got %q", leaked.Load())
	}
}

func TestRedirectsFromHTTPSToHTTP(t *testing.T) {
	plain := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, contents) })
	secure := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, plain+"/file?"+r.URL.Query().Get("add"), http.StatusFound)
	}))
	defer secure.Close()
	for uri, allowed := range map[string]bool{
		secure.URL + "/file":           true, // the sum tells whether it is the right one
		secretURI(secure.URL):          false,
		secure.URL + "/file?add=sig=1": false,
	} {
		o := options(t)
		o.RootCAs = x509.NewCertPool()
		o.RootCAs.AddCert(secure.Certificate())
		_, err := fetchOne(t, Dependency{URI: uri, SHA256: sumOf(contents)}, o)
		if allowed != (err == nil) {
			t.Errorf("%s: %v", Redact(uri), err)
		}
		if err != nil && !strings.Contains(err.Error(), "from https to http") {
			t.Errorf("%s: %v", Redact(uri), err)
		}
	}
}

func TestAServerThatIsNotTrustedIsRefused(t *testing.T) {
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = nil
	secure.StartTLS()
	defer secure.Close()
	o := options(t)
	o.Limits.Attempts = 1
	_, err := fetchOne(t, Dependency{URI: secure.URL + "/file", SHA256: sumOf(contents)}, o)
	if err == nil || !strings.Contains(err.Error(), "certificate") || errors.Is(err, ErrMismatch) {
		t.Errorf("got %v", err)
	}
}
