package integration

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

const webapp = "../examples/webapp"

// guestbookAt is how the web app says where it is.
var guestbookAt = regexp.MustCompile(`http://127\.0\.0\.1:[0-9]+/`)

func TestExampleWebapp(t *testing.T) {
	t.Parallel()
	name := newName(t)
	instances := []string{name + "-postgresql", name + "-redis"}
	for _, instance := range instances {
		suite.DestroyAfter(t, instance)
	}
	env := append(suite.Environ(t), "GUESTBOOK="+name, "LISTEN=127.0.0.1:0")

	app, address := startWebapp(t, env)
	wantPage(t, address, "Nobody has written", "seen 1 times")
	post(t, address, http.StatusSeeOther, "name=zoë&message=<b>it's</b>")
	post(t, address, http.StatusBadRequest, "name=&message=nobody")
	wantPage(t, address, "<b>zoë</b>: &lt;b&gt;it&#39;s&lt;/b&gt;", "seen 2 times")
	closeWebapp(t, app)

	start(t, webapp, env, "./down").require(0)
	if left := suite.List(t, instances...); len(left) == 0 {
		t.Error("./down has removed the data")
	}
	app, address = startWebapp(t, env)
	wantPage(t, address, "<b>zoë</b>", "seen 3 times")
	closeWebapp(t, app)

	start(t, webapp, env, "./down", "--everything").require(2)
	for range 2 {
		start(t, webapp, env, "./down", "--destroy").require(0)
	}
	for _, left := range suite.List(t, instances...) {
		t.Errorf("left behind: %v", left)
	}
}

// startWebapp runs ./up and returns where the guestbook is when it is open.
func startWebapp(t *testing.T, env []string) (app *program, address string) {
	t.Helper()
	app = start(t, webapp, env, "./up")
	eventually(t, coldDeadline, "./up says where the guestbook is", func() bool {
		address = guestbookAt.FindString(app.output.String())
		return address != "" || app.hasEnded()
	})
	if address == "" {
		t.Fatalf("./up has ended:\n%s", app.output)
	}
	return app, address
}

// closeWebapp ends the app as Ctrl-C does.
func closeWebapp(t *testing.T, app *program) {
	t.Helper()
	app.signal(syscall.SIGINT)
	// The status says nothing: that of an interrupted `go run` is always 1.
	app.wait()
	if strings.Contains(app.output.String(), "webapp:") {
		t.Errorf("the app did not end well:\n%s", app.output)
	}
}

// visit sends a request and follows no redirection.
func visit(t *testing.T, method, address, form string) (status int, page string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(form))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if user := request.URL.User; user != nil {
		password, _ := user.Password()
		request.SetBasicAuth(user.Username(), password)
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

func wantPage(t *testing.T, address string, parts ...string) {
	t.Helper()
	status, page := visit(t, http.MethodGet, address, "")
	if status != http.StatusOK {
		t.Fatalf("GET %s: status %d\n%s", address, status, page)
	}
	for _, part := range parts {
		if !strings.Contains(page, part) {
			t.Errorf("the page lacks %q:\n%s", part, page)
		}
	}
}

func post(t *testing.T, address string, want int, form string) {
	t.Helper()
	values, err := url.ParseQuery(form)
	if err != nil {
		t.Fatal(err)
	}
	if status, page := visit(t, http.MethodPost, address, values.Encode()); status != want {
		t.Errorf("POST %s: status %d, want %d\n%s", form, status, want, page)
	}
}

// fickle is a pack whose backup does what the instance's secret says.
var fickle = map[string]string{"bin/backup": `#!/bin/sh
case $TOKEN in
good) echo "a backup" ;;
half) echo "half a back"; echo "the disk is on fire" >&2; exit 3 ;;
hangs) echo "half a back"; exec perl -e 'sleep 60 while 1' ;;
esac
`}

// nightly is the example's backup of all instances whose names begin with the
// prefix.
type nightly struct {
	folder, prefix string
	env            []string
}

func TestExampleNightlyBackup(t *testing.T) {
	t.Parallel()
	pack := tinyPack(t, fickle)
	n := nightly{folder: filepath.Join(t.TempDir(), "backups"), prefix: newName(t)}
	n.env = suite.Environ(t, onlyInstances(t, n.prefix))
	for _, behaviour := range []string{"good", "half", "empty", "hangs"} {
		up(t, pack, n.prefix+"-"+behaviour, "--secret", "TOKEN="+behaviour).Require(t, 0)
	}

	t.Run("one result an instance", n.testResults)
	t.Run("retention", n.testRetention)
	t.Run("chosen instances", n.testChosen)
	t.Run("time limit", func(t *testing.T) { n.run(t, 1, []string{"TIME_LIMIT=1s"}, n.folder, n.prefix+"-hangs") })
	t.Run("one at a time", n.testLock)
	t.Run("no Docker host", func(t *testing.T) { n.run(t, 7, []string{"DOCKER_HOST=unix:///nowhere.sock"}, n.folder) })
	t.Run("wrong usage", func(t *testing.T) {
		n.run(t, 2, nil)
		n.run(t, 2, []string{"KEEP_DAYS=0"}, n.folder)
	})
}

// run runs the script and checks its status.
func (n nightly) run(t *testing.T, status int, env []string, arguments ...string) (output string) {
	t.Helper()
	script, err := filepath.Abs("../examples/nightly-backup/nightly-backup")
	if err != nil {
		t.Fatal(err)
	}
	return start(t, t.TempDir(), append(slices.Clone(n.env), env...), append([]string{script}, arguments...)...).require(status)
}

func (n nightly) testResults(t *testing.T) {
	output := n.run(t, 1, []string{"EXCEPT=" + n.prefix + "-hangs"}, n.folder)
	for _, want := range []string{
		n.prefix + "-good: backed up", n.prefix + "-half: FAILED", n.prefix + "-empty: FAILED",
		"the disk is on fire", "1 backed up, 2 failed",
	} {
		if !strings.Contains(output, want) {
			t.Errorf("the output lacks %q:\n%s", want, output)
		}
	}
	n.wantFiles(t, "good/TODAY.backup")
	file := n.todays(t, "good")
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the backup is not private: %v, %v", info.Mode(), err)
	}
	if content, err := os.ReadFile(file); err != nil || string(content) != "a backup\n" {
		t.Errorf("the backup holds %q, %v", content, err)
	}
}

func (n nightly) testRetention(t *testing.T) {
	old := []string{"2001-01-01.backup", "2001-01-02.backup", "2001-01-03.backup", "notes.txt"}
	for _, behaviour := range []string{"good", "half"} {
		folder := n.folderOf(behaviour)
		if err := os.MkdirAll(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		for _, name := range old {
			if err := os.WriteFile(filepath.Join(folder, name), []byte("old"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	n.run(t, 1, []string{"KEEP_DAYS=2", "EXCEPT=" + n.prefix + "-hangs"}, n.folder)
	n.wantFiles(t, "good/2001-01-03.backup", "good/TODAY.backup", "good/notes.txt",
		"half/2001-01-01.backup", "half/2001-01-02.backup", "half/2001-01-03.backup", "half/notes.txt")
}

func (n nightly) testChosen(t *testing.T) {
	good, others := n.prefix+"-good", fmt.Sprintf("EXCEPT=%[1]s-half %[1]s-empty %[1]s-hangs", n.prefix)
	for _, output := range []string{n.run(t, 0, nil, n.folder, good), n.run(t, 0, []string{others}, n.folder)} {
		if !strings.Contains(output, "1 backed up, 0 failed") {
			t.Errorf("one instance was chosen:\n%s", output)
		}
	}
}

func (n nightly) testLock(t *testing.T) {
	lock, err := os.Open(filepath.Join(n.folder, ".lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if output := n.run(t, 1, nil, n.folder); !strings.Contains(output, "in progress") {
		t.Errorf("the script does not say that another one is at work:\n%s", output)
	}
}

func (n nightly) folderOf(behaviour string) string {
	return filepath.Join(n.folder, n.prefix+"-"+behaviour)
}

// today is any date of a backup made by these tests, whose old files are older.
var today = regexp.MustCompile(`20[2-9][0-9]-[0-9]{2}-[0-9]{2}`)

// todays is the instance's newest backup.
func (n nightly) todays(t *testing.T, behaviour string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(n.folderOf(behaviour), "*.backup"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no backup: %v", err)
	}
	return files[len(files)-1]
}

// wantFiles checks which files there are, hidden ones included.
func (n nightly) wantFiles(t *testing.T, want ...string) {
	t.Helper()
	var got []string
	err := filepath.WalkDir(n.folder, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && entry.Name() != ".lock" {
			name := strings.TrimPrefix(path, n.folder+"/"+n.prefix+"-")
			got = append(got, today.ReplaceAllString(name, "TODAY"))
		}
		return err
	})
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("the folder holds %q, want %q; %v", got, want, err)
	}
}
