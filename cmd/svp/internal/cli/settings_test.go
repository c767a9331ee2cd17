package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func writeConfig(t *testing.T, w *world, content string) string {
	t.Helper()
	path := filepath.Join(w.variables["HOME"], ".config", "svp", "config.yaml")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFlagsBeatEnvironmentBeatsFileBeatsDefaults(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "")
	own := filepath.Join(w.variables["HOME"], ".local/share/svp/packs")
	step := func(title string, want settings) {
		t.Helper()
		got, err := w.settings()
		if err != nil {
			t.Fatalf("%s: %v", title, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", title, diff)
		}
	}
	want := settings{Progress: progressAuto, PackPath: []string{own}, PackageDir: filepath.Join(filepath.Dir(own), "packages")}
	step("defaults", want)

	folder := filepath.Dir(writeConfig(t, w, "host: tcp://file:1\nnetwork: file\nca_bundle: ca.pem\npack_path: [packs, /abs]\n"+
		"os_images: {debian/12: mirror/debian@sha256:1}\nprogress: plain\ntimeout: 1m\npackage_dir: kept\nrequire_signature: true\n"))
	bundle := filepath.Join(folder, "ca.pem")
	other := filepath.Join(w.variables["HOME"], "other.pem")
	for _, file := range []string{bundle, other} {
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want = settings{
		Host: "tcp://file:1", Network: "file", CABundle: bundle, PackPath: []string{filepath.Join(folder, "packs"), "/abs", own},
		OSImages: map[string]string{"debian/12": "mirror/debian@sha256:1"}, Progress: progressPlain, Timeout: time.Minute,
		PackageDir: filepath.Join(folder, "kept"), RequireSignature: true,
	}
	step("file", want)

	w.set(map[string]string{
		"DOCKER_HOST": "tcp://env:1", "SVP_NETWORK": "env", "SVP_CA_BUNDLE": other, "SVP_PACK_PATH": "/env:/two",
		"SVP_PROGRESS": "json", "SVP_TIMEOUT": "120", "SVP_PACKAGE_DIR": "/copkg",
	})
	want.Host, want.Network, want.CABundle, want.PackPath = "tcp://env:1", "env", other, []string{"/env", "/two", own}
	want.Progress, want.Timeout, want.PackageDir = progressJSON, 2*time.Minute, "/copkg"
	step("environment", want)

	w.chosen = settingFlags{host: "tcp://flag:1", network: "flag", caBundle: bundle, progress: "tty", timeout: "3m"}
	want.Host, want.Network, want.CABundle, want.Progress, want.Timeout = "tcp://flag:1", "flag", bundle, progressTTY, 3*time.Minute
	step("flags", want)
}

func TestDockerContextBeatsTheFile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "")
	writeConfig(t, w, "host: tcp://file:1\n")
	w.set(map[string]string{"DOCKER_CONTEXT": "remote"})
	got, err := w.settings()
	if err != nil || got.Host != fromDockerContext {
		t.Errorf("host %q, %v", got.Host, err)
	}
}

func TestSettingsReachTheEngine(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "")
	w.set(map[string]string{"XDG_CACHE_HOME": "/cache", "XDG_STATE_HOME": "relative"})
	w.require(t, 0, "up", "p", "--network", "shop")
	config := w.fake.config
	got := []string{config.Network, config.CacheDir, config.LogDir}
	if diff := cmp.Diff([]string{"shop", "/cache/svp", w.variables["HOME"] + "/.local/state/svp/logs"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestConfigProblemsNameFileAndLine(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]string{
		"network: x\nnetwrk: y\n": ":2: unknown key netwrk; known are host, network,",
		"pack_path: /x\n":         ":1: cannot unmarshal",
		"progress: loud\n":        ": unknown progress \"loud\"",
		"timeout: never\n":        ": \"never\" is no time limit",
		"a: [\n":                  ":1: ",
	} {
		w := newWorld(t, "")
		path := writeConfig(t, w, content)
		w.require(t, 2, "list")
		if got := w.errOut.String(); !strings.HasPrefix(got, "svp: "+path+want) {
			t.Errorf("%q: stderr %q, want %q", content, got, path+want)
		}
	}
}

func TestEmptyConfigIsFine(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "")
	writeConfig(t, w, "# nothing yet\n")
	w.require(t, 0, "list")
}

func TestWrongVariableIsNamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "")
	w.set(map[string]string{"SVP_TIMEOUT": "soon"})
	w.require(t, 2, "list")
	if got, want := w.errOut.String(), "svp: SVP_TIMEOUT: \"soon\" is no time limit"; !strings.HasPrefix(got, want) {
		t.Errorf("stderr %q, want %q", got, want)
	}
}

func TestHomeWithoutVariable(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "")
	w.variables = map[string]string{}
	w.require(t, 1, "list")
	if got, want := w.errOut.String(), "svp: find the home folder (set HOME): nobody is at home\n"; got != want {
		t.Errorf("stderr %q, want %q", got, want)
	}
	w.userHome = func() (string, error) { return "/root", nil }
	w.require(t, 0, "list")
	if got, want := w.fake.config.CacheDir, "/root/.cache/svp"; got != want {
		t.Errorf("cache %q, want %q", got, want)
	}
}
