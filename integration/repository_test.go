package integration

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/servicepack/svp/integration/svptest"
)

const (
	// repositoryUser may read the repositories of the tests.
	repositoryUser = "reader"
	// repositorySecret is their password; it must never be seen.
	repositorySecret = "p4ss-of-the-reader"
	// redisPlace is where the package of packs/redis is in a repository.
	redisPlace = "org/servicepack/redis/1.0.0/redis-1.0.0-copkg.zip"
)

// packageRedis makes the package of packs/redis in a new folder.
func packageRedis(t testing.TB) (zip string) {
	t.Helper()
	folder := t.TempDir()
	requireStatus(t, svp(t, "pack", "package", "-b", "../packs/redis", "-o", folder), 0)
	return filepath.Join(folder, filepath.Base(redisPlace))
}

func requireStatus(t testing.TB, result svptest.Result, status int) svptest.Result {
	t.Helper()
	if result.Status != status {
		t.Fatalf("status %d, want %d\n%s", result.Status, status, result)
	}
	return result
}

// servedAddress finds in the log where a repository is served.
var servedAddress = regexp.MustCompile(`the repository is served.*addr=(\S+)`)

// serveRepository serves the folder, and returns where.
func serveRepository(t testing.TB, folder string, flags ...string) (server *svptest.Process, address string) {
	t.Helper()
	server = suite.Start(t, svptest.Call{Args: append([]string{"repo", "serve", folder, "--listen", "127.0.0.1:0"}, flags...)})
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(time.Minute); ; <-again.C {
		if found := servedAddress.FindStringSubmatch(server.Stderr()); found != nil {
			return server, found[1]
		}
		if time.Now().After(deadline) {
			t.Fatalf("the repository is not served:\n%s", server.Stderr())
		}
	}
}

// curl asks as a user does who has nothing of svp.
func curl(t testing.TB, args ...string) (output []byte, status int) {
	t.Helper()
	command := exec.CommandContext(t.Context(), "curl", append([]string{"--silent", "--show-error", "--path-as-is", "--max-time", "60"}, args...)...)
	output, err := command.Output()
	if command.ProcessState == nil {
		t.Fatal(err)
	}
	return output, command.ProcessState.ExitCode()
}

// TestRepositoryWithTLSAndPasswords publishes a package, and reads it with curl and
// with svp.
func TestRepositoryWithTLSAndPasswords(t *testing.T) {
	t.Parallel()
	zip, folder, home := packageRedis(t), t.TempDir(), t.TempDir()
	repo, users := filepath.Join(folder, "repo"), filepath.Join(folder, "users")
	certificate, key, signing := filepath.Join(folder, "crt"), filepath.Join(folder, "key"), filepath.Join(folder, "signing")
	writeCertificate(t, certificate, key, 1)
	change(t, os.WriteFile(users, []byte("other:password\n"+repositoryUser+":"+repositorySecret+"\n"), 0o600))
	requireStatus(t, svp(t, "pack", "keygen", "-o", signing), 0)
	requireStatus(t, svp(t, "pack", "publish", zip, "--repo", repo, "--key", signing), 0)
	server, address := serveRepository(t, repo, "--tls-cert", certificate, "--tls-key", key, "--credentials-file", users)
	base := "https://" + address
	login := filepath.Join(folder, "curlrc")
	change(t, os.WriteFile(login, []byte(fmt.Sprintf("user = \"%s:%s\"\ncacert = %s\n", repositoryUser, repositorySecret, certificate)), 0o600))

	contents, err := os.ReadFile(zip)
	change(t, err)
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"whole":          {[]string{base + "/" + redisPlace}, string(contents)},
		"range":          {[]string{"--range", "100-199", base + "/" + redisPlace}, string(contents[100:200])},
		"end":            {[]string{"--range", "-10", base + "/" + redisPlace}, string(contents[len(contents)-10:])},
		"head":           {[]string{"--head", "--output", os.DevNull, "--write-out", "%{http_code} %header{content-length}", base + "/" + redisPlace}, fmt.Sprintf("200 %d", len(contents))},
		"listing":        {[]string{"--output", os.DevNull, "--write-out", "%{http_code}", base + "/org/"}, "404"},
		"outside":        {[]string{"--output", os.DevNull, "--write-out", "%{http_code}", base + "/../users"}, "404"},
		"lock":           {[]string{"--output", os.DevNull, "--write-out", "%{http_code}", base + "/.svp-lock"}, "404"},
		"upload":         {[]string{"--output", os.DevNull, "--write-out", "%{http_code}", "--upload-file", zip, base + "/" + redisPlace}, "405"},
		"without a name": {[]string{"--user", ":", "--output", os.DevNull, "--write-out", "%{http_code}", base + "/index.json"}, "401"},
	} {
		if got, status := curl(t, append([]string{"--config", login}, test.args...)...); status != 0 || string(got) != test.want {
			t.Errorf("%s: curl ends with %d, %d bytes: %.100q, want %.100q", name, status, len(got), got, test.want)
		}
	}

	secret := filepath.Join(folder, "secret")
	change(t, os.WriteFile(secret, []byte(repositorySecret+"\n"), 0o600))
	env := []string{"XDG_CONFIG_HOME=" + home, "XDG_DATA_HOME=" + home, "SVP_CA_BUNDLE=" + certificate}
	call := func(args ...string) svptest.Result {
		return suite.Run(t, svptest.Call{Args: args, Env: env, Dir: folder})
	}
	requireStatus(t, call("repo", "add", "main", base, "--username", repositoryUser, "--password-file", secret, "--key", signing+".pub"), 0)
	installed := requireStatus(t, call("pack", "install", "org.servicepack:redis:latest", "--require-signature"), 0)
	for _, name := range []string{"servicepack.yaml", "bin/run"} {
		if _, err := os.Stat(filepath.Join(strings.TrimSpace(installed.Stdout), name)); err != nil {
			t.Errorf("what was installed lacks %s: %v", name, err)
		}
	}
	change(t, os.WriteFile(filepath.Join(home, "svp/passwords/main"), []byte("wrong-"+repositorySecret+"\n"), 0o600))
	refused := requireStatus(t, call("pack", "install", "org.servicepack:redis:1.0.+", "--dir", t.TempDir()), 5)
	if !strings.Contains(refused.Stderr, "401") {
		t.Errorf("with a wrong password: %s", refused.Stderr)
	}

	requireStatus(t, suite.Run(t, svptest.Call{
		Args: []string{"pack", "install", "org.servicepack:redis:1.0.0", "-r", base, "--dir", t.TempDir(), "--no-save"}, Dir: folder,
		Env: append(env, "SVP_REPO_USERNAME="+repositoryUser, "SVP_REPO_PASSWORD="+repositorySecret),
	}), 0)

	server.Signal(syscall.SIGTERM)
	ended := requireStatus(t, server.Wait(), 0)
	if !strings.Contains(ended.Stderr, "status=206") || !strings.Contains(ended.Stderr, "user="+repositoryUser) {
		t.Errorf("the log lacks requests:\n%s", ended.Stderr)
	}
	for name, text := range map[string]string{"log": ended.Stderr, "svp": refused.Stderr, "configuration": readFile(t, filepath.Join(home, "svp/config.yaml"))} {
		if strings.Contains(text, repositorySecret) {
			t.Errorf("the password is in the %s:\n%s", name, text)
		}
	}
}

// TestRepositoryServerLetsDownloadsEnd ends it while somebody reads.
func TestRepositoryServerLetsDownloadsEnd(t *testing.T) {
	t.Parallel()
	repo := t.TempDir()
	large := filepath.Join(repo, "org/large/1/large-1-copkg.zip")
	change(t, os.MkdirAll(filepath.Dir(large), 0o755))
	change(t, os.WriteFile(large, bytes.Repeat([]byte("x"), 16<<20), 0o644))
	requireStatus(t, svp(t, "repo", "index", repo), 0)
	server, address := serveRepository(t, repo)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/org/large/1/large-1-copkg.zip", nil)
	change(t, err)
	response, err := http.DefaultClient.Do(request)
	change(t, err)
	defer response.Body.Close()
	server.Signal(syscall.SIGTERM)
	awaitRefused(t, address)
	size, err := bytes.NewBuffer(nil).ReadFrom(response.Body)
	if err != nil || size != 16<<20 {
		t.Errorf("the download ended after %d bytes: %v", size, err)
	}
	requireStatus(t, server.Wait(), 0)
}

// awaitRefused waits until nobody listens.
func awaitRefused(t testing.TB, address string) {
	t.Helper()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(time.Minute); ; <-again.C {
		if _, status := curl(t, "--output", os.DevNull, "http://"+address+"/"); status == 7 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the server takes more connections")
		}
	}
}

// TestPublishersAreKilled lets several publish at once, and kills some of them. In
// the end every package that is there is whole, and in the index.
func TestPublishersAreKilled(t *testing.T) {
	t.Parallel()
	zip, repo := packageRedis(t), filepath.Join(t.TempDir(), "repo")
	for round := range 6 {
		publishers := make([]*svptest.Process, 3)
		for i := range publishers {
			publishers[i] = suite.Start(t, svptest.Call{Args: []string{"pack", "publish", zip, "--repo", repo}})
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(round)*10*time.Millisecond)
		<-ctx.Done() // a moment that is another one each time, and any will do
		cancel()
		publishers[0].Signal(syscall.SIGKILL)
		for _, publisher := range publishers[1:] {
			requireStatus(t, publisher.Wait(), 0)
		}
		publishers[0].Wait()
		index := readFile(t, filepath.Join(repo, "index.json"))
		if strings.Count(index, `"version"`) != 1 {
			t.Errorf("the index:\n%s", index)
		}
		requireStatus(t, svp(t, "repo", "index", repo), 0)
		if again := readFile(t, filepath.Join(repo, "index.json")); again != index {
			t.Errorf("the index made anew differs:\n%s\n%s", index, again)
		}
		left, err := filepath.Glob(filepath.Join(repo, ".svp-*"))
		if err != nil || len(left) != 1 {
			t.Errorf("left behind: %v, %v", left, err)
		}
		if round%2 == 1 {
			change(t, os.RemoveAll(repo))
		}
	}
}
