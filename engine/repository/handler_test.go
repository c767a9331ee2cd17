package repository_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/servicepack/svp/engine/repository"
	"github.com/servicepack/svp/engine/secrets"
)

// lines is a log that can be read while it is written.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// start serves the folder, and returns its address and log.
func start(t testing.TB, folder string, o repository.HandlerOptions) (base string, log *lines) {
	t.Helper()
	log = &lines{}
	o.Log = slog.New(slog.NewJSONHandler(log, nil))
	handler, err := repository.NewHandler(folder, o)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- handler.Serve(ctx, listener, time.Minute) }()
	t.Cleanup(func() {
		stop()
		if err := errors.Join(<-ended, handler.Close()); err != nil {
			t.Error(err)
		}
	})
	return "http://" + listener.Addr().String(), log
}

// reply is an answer without its body.
type reply struct {
	status int
	length int64
	header http.Header
}

func ask(t testing.TB, method, url string, header map[string]string) (reply, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range header {
		request.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{response.StatusCode, response.ContentLength, response.Header}, string(body)
}

func TestTheHandlerServesARepository(t *testing.T) {
	t.Parallel()
	folder := filled(t)
	kinds := map[string]string{
		"index.json": "application/json", timberPath: "application/zip", timberPath + ".sha256": "text/plain; charset=utf-8",
		timberPath + ".minisig": "text/plain; charset=utf-8",
	}
	// Answers leave in other ways by their size.
	for _, size := range []int{2 << 10, 3 << 10, 4 << 10, 5 << 10, 30 << 10, 64 << 10, 64<<10 + 10, 10 << 20} {
		number := fmt.Sprint(size)
		publish(t, folder, item(t, version(number), strings.Repeat("0123456789", size/10)))
		kinds[strings.ReplaceAll(timberPath, "1.2.3", number)] = "application/zip"
	}
	base, log := start(t, folder, repository.HandlerOptions{})
	files := tree(t, folder)
	for path, kind := range kinds {
		want := files[path]
		response, body := ask(t, http.MethodGet, base+"/"+path, nil)
		if response.status != 200 || body != want || response.header.Get("Content-Type") != kind ||
			response.length != int64(len(want)) || response.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("GET %s: %d, %d bytes of %d: %v", path, response.status, len(body), len(want), response.header)
		}
		etag := response.header.Get("Etag")
		if response, body := ask(t, http.MethodHead, base+"/"+path, nil); response.status != 200 || body != "" || response.length != int64(len(want)) {
			t.Errorf("HEAD %s: %d %q", path, response.status, body)
		}
		if response, body := ask(t, http.MethodGet, base+"/"+path, map[string]string{"Range": "bytes=4-8"}); response.status != 206 || body != want[4:9] {
			t.Errorf("range of %s: %d %q", path, response.status, body)
		}
		if response, _ := ask(t, http.MethodGet, base+"/"+path, map[string]string{"If-None-Match": etag}); response.status != 304 {
			t.Errorf("again %s: %d", path, response.status)
		}
		if response, body := ask(t, http.MethodGet, base+"/"+path, map[string]string{"Range": "bytes=4-8", "If-Range": `"another"`}); response.status != 200 || body != want {
			t.Errorf("range of another %s: %d", path, response.status)
		}
		if response, _ := ask(t, http.MethodGet, base+"/"+path, map[string]string{"Range": "bytes=99999999-"}); response.status != 416 {
			t.Errorf("range beyond %s: %d", path, response.status)
		}
	}
	first := strings.SplitN(log.String(), "\n", 2)[0]
	var line struct {
		Msg, Method, Path, Client string
		Status                    int
		Bytes                     int
	}
	if err := json.Unmarshal([]byte(first), &line); err != nil || line.Msg != "served" || line.Method != http.MethodGet || line.Status != 200 ||
		line.Bytes != len(tree(t, folder)[line.Path[1:]]) || !strings.HasPrefix(line.Client, "127.0.0.1:") {
		t.Errorf("log: %s: %+v, %v", first, line, err)
	}
}

// TestTheHandlerServesNothingElse tries what a folder may hold beside packages, and
// what lies outside.
func TestTheHandlerServesNothingElse(t *testing.T) {
	t.Parallel()
	folder := filled(t)
	secret := filepath.Join(filepath.Dir(folder), "secret")
	write(t, secret, "secret")
	for name, text := range map[string]string{
		"README": "secret", ".htpasswd": "secret", ".svp-new-A/timber-1-copkg.zip": "secret", ".git/a/1/a-1-copkg.zip": "secret",
		"org/cloudname/timber/1.2.3/notes.txt": "secret", "org/timber-1-copkg.zip": "secret", "index.json.old": "secret",
	} {
		write(t, filepath.Join(folder, name), text)
	}
	links := map[string]string{
		"org/cloudname/timber/3/timber-3-copkg.zip": secret, "org/cloudname/timber/4/timber-4-copkg.zip": "../../../../README",
		"org/linked": filepath.Dir(folder), "org/cloudname/timber/5/timber-5-copkg.zip": "/dev/zero",
	}
	for name, to := range links {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(folder, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(to, filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(folder, "org/cloudname/timber/6/timber-6-copkg.zip"), 0o755); err != nil {
		t.Fatal(err)
	}
	base, _ := start(t, folder, repository.HandlerOptions{})
	for _, path := range []string{
		"", "/", "/org", "/org/", "/org/cloudname/timber/1.2.3/", "/README", "/.htpasswd", "/.svp-lock", "/.svp-new-A/timber-1-copkg.zip",
		"/.git/a/1/a-1-copkg.zip", "/org/cloudname/timber/1.2.3/notes.txt", "/org/timber-1-copkg.zip", "/index.json.old", "/index.json/",
		"/index.json.sha256", "/org/linked/1/linked-1-copkg.zip", "/org/cloudname/timber/3/timber-3-copkg.zip",
		"/org/cloudname/timber/4/timber-4-copkg.zip", "/org/cloudname/timber/5/timber-5-copkg.zip", "/org/cloudname/timber/6/timber-6-copkg.zip",
		"/../secret", "/%2e%2e/secret", "/..%2fsecret", "//index.json", "/./index.json", "/x/../index.json", "/org/cloudname/../cloudname/timber/1.2.3/timber-1.2.3-copkg.zip",
		"/org//cloudname/timber/1.2.3/timber-1.2.3-copkg.zip", "/" + timberPath + "/", "/" + timberPath + ".sha256.sha256", "/" + timberPath + "%00", "/index.json%00.zip",
		"/org/cloudname/timber/9/timber-9-copkg.zip",
	} {
		status, body := raw(t, base, "GET "+path+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		if status != 404 && status != 400 || strings.Contains(body, "secret") || strings.Contains(body, contents) || strings.Contains(body, "format") {
			t.Errorf("GET %s: %d %q", path, status, body)
		}
	}
	for _, method := range []string{"PUT", "POST", "DELETE", "OPTIONS", "PROPFIND"} {
		if response, _ := ask(t, method, base+"/index.json", nil); response.status != 405 || response.header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %d", method, response.status)
		}
	}
}

// raw sends a request as it is: no client cleans its path.
func raw(t testing.TB, base, request string) (status int, answer string) {
	t.Helper()
	connection, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	if _, err := io.WriteString(connection, request); err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(connection)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscanf(string(text), "HTTP/1.1 %d ", &status); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return status, string(text)
}

func TestOnlyWhoIsLetInReads(t *testing.T) {
	t.Parallel()
	folder := filled(t)
	base, log := start(t, folder, repository.HandlerOptions{Allow: func(username, given string) bool { return username == "me" && given == password }})
	for name, header := range map[string]map[string]string{
		"nobody": nil, "no Basic": {"Authorization": "Bearer " + password}, "wrong": {"Authorization": "Basic bWU6d3Jvbmc="},
	} {
		for _, path := range []string{"/index.json", "/nosuch", "/" + timberPath} {
			response, body := ask(t, http.MethodGet, base+path, header)
			if response.status != 401 || !strings.HasPrefix(response.header.Get("WWW-Authenticate"), "Basic ") || strings.Contains(body, contents) {
				t.Errorf("%s: %s: %d %q", name, path, response.status, body)
			}
		}
	}
	var to target
	c := client(t, repository.Location{URL: base, Username: "me", Password: secrets.New(password)}, patient)
	if _, err := c.Fetch(t.Context(), timber, &to); err != nil || to.String() != contents {
		t.Errorf("%q, %v", to.String(), err)
	}
	if text := log.String(); strings.Contains(text, password) || strings.Contains(text, "bWU6") || !strings.Contains(text, `"user":"me"`) {
		t.Errorf("log:\n%s", text)
	}
}

// TestAClientThatTakesNothingIsGivenUp, and leaves its place to another.
func TestAClientThatTakesNothingIsGivenUp(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	publish(t, folder, item(t, timber, strings.Repeat("x", 64<<20)))
	base, log := start(t, folder, repository.HandlerOptions{Requests: 1, Stall: 3 * time.Second})
	connection, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	if _, err := io.WriteString(connection, "GET /"+timberPath+" HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := connection.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if response, _ := ask(t, http.MethodGet, base+"/index.json", nil); response.status != 503 || response.header.Get("Retry-After") == "" {
		t.Errorf("while the only place is taken: %d", response.status)
	}
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(time.Minute); ; <-again.C {
		if response, _ := ask(t, http.MethodGet, base+"/index.json", nil); response.status == 200 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the client still has its place:\n%s", log)
		}
	}
}

// TestTheHandlerSeesWhatHasChanged at once in the index, and soon elsewhere.
func TestTheHandlerSeesWhatHasChanged(t *testing.T) {
	t.Parallel()
	folder := filled(t)
	base, _ := start(t, folder, repository.HandlerOptions{})
	for _, number := range []string{"2", "3", "4"} {
		publish(t, folder, item(t, version(number), contents))
		if _, body := ask(t, http.MethodGet, base+"/index.json", nil); !strings.Contains(body, `"version": "`+number+`"`) {
			t.Errorf("the index lacks version %s:\n%s", number, body)
		}
	}
	if response, _ := ask(t, http.MethodGet, base+"/"+timberPath, nil); response.status != 200 {
		t.Errorf("while it is there: %d", response.status)
	}
	if err := os.Remove(filepath.Join(folder, timberPath)); err != nil {
		t.Fatal(err)
	}
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(time.Minute); ; <-again.C {
		if response, _ := ask(t, http.MethodGet, base+"/"+timberPath, nil); response.status == 404 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("a package that was removed is still served")
		}
	}
}
