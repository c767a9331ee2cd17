package cli

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/servicepack/svp/engine"
	"github.com/servicepack/svp/engine/driver"
	"github.com/servicepack/svp/engine/envvar"
)

// TestCommandsAskTheEngine shows what each command line makes of its words.
func TestCommandsAskTheEngine(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"build -b redis -t shop/base":          "Build {Pack:redis Tag:shop/base NoCache:false Offline:false Timeout:0s}",
		"build -t base --no-cache --pack ./p":  "Build {Pack:./p Tag:base NoCache:true Offline:false Timeout:0s}",
		"build -b p -t b --timeout 90":         "Build {Pack:p Tag:b NoCache:false Offline:false Timeout:1m30s}",
		"build -b p -t b --offline":            "Build {Pack:p Tag:b NoCache:false Offline:true Timeout:0s}",
		"down shop":                            "Down shop",
		"start shop --timeout 2m":              "Start shop 2m0s",
		"stop shop":                            "Stop shop",
		"restart shop":                         "Restart shop 0s",
		"destroy shop -y":                      "Destroy shop",
		"destroy --yes shop":                   "Destroy shop",
		"env shop":                             "Env shop host",
		"env --view network shop":              "Env shop network",
		"bind shop web":                        "Bind shop web host",
		"bind shop web --view network":         "Bind shop web network",
		"unbind shop web":                      "Unbind shop web",
		"bindings shop":                        "Bindings shop",
		"ports -b redis":                       "InspectPack redis",
		"pack inspect redis":                   "InspectPack redis",
		"os pull debian/12":                    "OSPull debian/12",
		"os bootstrap debian/12 --mirror http": "OSBootstrap {Name:debian/12 Mirror:http Timeout:0s}",
		"gc":                                   "GC {DryRun:false Unused:false}",
		"gc --dry-run --unused":                "GC {DryRun:true Unused:true}",
		"client shop -- -tAc x":                `Client {Name:shop Component: Container:} ["-tAc" "x"]`,
		"client -c 1f2e":                       `Client {Name: Component: Container:1f2e} []`,
		"shell shop --component db -- ls":      `Shell {Name:shop Component:db Container:} ["ls"]`,
		"extra shop cmd -c x":                  `Extra {Name:shop Component: Container:} ["cmd" "-c" "x"]`,
		"extra -c 1f2e cmd --":                 `Extra {Name: Component: Container:1f2e} ["cmd" "--"]`,
		"backup shop":                          `Backup {Name:shop Component: Container:} []`,
		"restore -c 1f2e":                      `Restore {Name: Component: Container:1f2e} []`,
		"logs shop db -fn 5 -t": "Logs {Name:shop Component:db Follow:true Tail:5 " +
			"Since:0001-01-01 00:00:00 +0000 UTC Timestamps:true}",
		"logs shop --since 10m": "Logs {Name:shop Component: Follow:false Tail:0 " +
			"Since:2026-03-04 14:50:00 +0000 UTC Timestamps:false}",
		"logs shop --since 2026-01-02": "Logs {Name:shop Component: Follow:false Tail:0 " +
			"Since:2026-01-02 00:00:00 +0000 UTC Timestamps:false}",
		"logs shop -n 0": "Logs {Name:shop Component: Follow:false Tail:-1 " +
			"Since:0001-01-01 00:00:00 +0000 UTC Timestamps:false}",
		"update shop --plan big":                      "Update {Name:shop Pack: Plan:big Parameters:map[] Timeout:0s}",
		"update shop --parameter a=b= --parameter c=": "Update {Name:shop Pack: Plan: Parameters:map[a:b= c:] Timeout:0s}",
		"update shop -b ./p --plan big --timeout 5m":  "Update {Name:shop Pack:./p Plan:big Parameters:map[] Timeout:5m0s}",
		"up ./p":                 "Up {Pack:./p Name: Plan: Parameters:map[] Secrets:[] Publish:[] Public:false Temporary:false Offline:false Timeout:0s}",
		"up ./p --parameter a=b": "Up {Pack:./p Name: Plan: Parameters:map[a:b] Secrets:[] Publish:[] Public:false Temporary:false Offline:false Timeout:0s}",
		"up p shop --plan big --secret A=s --public -p 80": "Up {Pack:p Name:shop Plan:big Parameters:map[] " +
			"Secrets:[{Name:A Value:[redacted]}] Publish:[{HostPort:0 Container:{Number:80 Protocol:tcp}}] Public:true Temporary:false Offline:false Timeout:0s}",
		"setup -b p -i base -t one --secret A=s": "Setup {Pack:p Base:base Tag:one Plan: " +
			"Secrets:[{Name:A Value:[redacted]}] Timeout:0s}",
		"run -i one -n shop -p 81:80/udp": "Run {Image:one Name:shop Publish:[{HostPort:81 Container:{Number:80 Protocol:udp}}] " +
			"Public:false Timeout:0s}",
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "")
			w.require(t, 0, words(line)...)
			if diff := cmp.Diff([]string{want}, w.fake.calls); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSecretsAreTakenByteForByte(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(" of a file,\xff \r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const hard = ` a'b"c d$e#f%g\h:/@,=` + "\xff\xc3 "
	w := newWorld(t, "typed\n")
	secrets := &revealer{fakeBackend: w.fake}
	w.open = func(engine.Config) (backend, error) { return secrets, nil }
	w.require(t, 0, "up", "p", "--secret", "A="+hard, "--secret", "B=@"+file, "--secret", "C=@-", "--secret=D=")
	want := map[string]string{"A": hard, "B": " of a file,\xff \r", "C": "typed", "D": ""}
	if diff := cmp.Diff(want, secrets.given); diff != "" {
		t.Error(diff)
	}
	if strings.Contains(w.errOut.String(), "typed") {
		t.Errorf("a secret was told: %s", w.errOut)
	}
}

// revealer reveals the secrets that it is given.
type revealer struct {
	*fakeBackend
	given map[string]string
}

func (u *revealer) Up(_ context.Context, o engine.UpOptions) (engine.UpResult, error) {
	u.given = map[string]string{}
	for _, secret := range o.Secrets {
		u.given[secret.Name] = secret.Value.Reveal()
	}
	return engine.UpResult{Changed: true, Created: true}, nil
}

func TestResultsGoToStdoutAlone(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"up p shop":                      "PASSWORD=s3cret\n",
		"up p shop --format json":        "{\n  \"PASSWORD\": \"s3cret\"\n}\n",
		"run -i one":                     "PASSWORD=s3cret\n",
		"setup -b p -i base -t one":      "PASSWORD=s3cret\n",
		"env shop --format shell":        "PASSWORD='s3cret'\n",
		"build -b p -t shop/base":        "shop/base\n",
		"build -b p -t shop/base --json": "{\n  \"image\": \"shop/base\",\n  \"id\": \"sha256:1\",\n  \"reused\": true\n}\n",
		"ports -b p":                     "6379\n53/udp\n",
		"os pull debian/12":              "debian:12\n",
		"gc":                             "container c\nimage i\nimage j\n",
		"logs shop":                      "written to stdout\n",
		"down shop":                      "",
		"destroy shop --yes":             "",
		"version":                        "svp v1.2.3 ",
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "")
			w.fake.env = envvar.Set{secretVar("PASSWORD", "s3cret")}
			w.fake.up = engine.UpResult{Instance: engine.Instance{Name: "shop"}, Env: w.fake.env, Changed: true}
			w.fake.pack = engine.PackInfo{Ports: []string{"6379/tcp", "53/udp"}}
			w.fake.gc = engine.GCResult{Containers: []string{"c"}, Images: []string{"i", "j"}}
			w.require(t, 0, words(line)...)
			if got := w.out.String(); got != want && (line != "version" || !strings.HasPrefix(got, want)) {
				t.Errorf("stdout %q, want %q", got, want)
			}
			if strings.Contains(w.errOut.String(), "s3cret") {
				t.Errorf("stderr has the secret: %s", w.errOut)
			}
		})
	}
}

func TestUpTellsWhatItFound(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		created, changed bool
		want             string
	}{
		{true, true, ""},
		{false, true, "svp: shop existed already and is up again\n"},
		{false, false, "svp: shop is up already, nothing was changed\n"},
	} {
		w := newWorld(t, "")
		w.fake.up = engine.UpResult{Instance: engine.Instance{Name: "shop"}, Created: c.created, Changed: c.changed}
		w.require(t, 0, "up", "p", "shop")
		if got := w.errOut.String(); got != c.want {
			t.Errorf("created %t, changed %t: stderr %q, want %q", c.created, c.changed, got, c.want)
		}
	}
}

func TestEnvironmentIsWrittenToAPrivateFile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "")
	w.fake.env = envvar.Set{secretVar("PASSWORD", "s3cret")}
	file := filepath.Join(t.TempDir(), "shop.env")
	w.require(t, 0, "env", "shop", "-o", file)
	content, err := os.ReadFile(file)
	if err != nil || string(content) != "PASSWORD=s3cret\n" {
		t.Errorf("%q, %v", content, err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v: others can read it", info.Mode(), err)
	}
	folder := filepath.Join(t.TempDir(), "binding")
	w.require(t, 0, "env", "shop", "--format", "servicebinding", "-o", folder)
	if content, err := os.ReadFile(filepath.Join(folder, "PASSWORD")); err != nil || string(content) != "s3cret" {
		t.Errorf("%q, %v", content, err)
	}
}

func TestInfoWithoutNameShowsFoldersEvenWithoutHost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "")
	w.set(map[string]string{"XDG_STATE_HOME": "/state", "SVP_PACK_PATH": "/a::/b", "HOME": "/home/u"})
	w.fake.err = &engine.Error{Op: "reach", Kind: engine.NoHost, Err: driver.ErrUnavailable}
	w.require(t, 7, "info")
	for _, want := range []string{
		"configuration:   /home/u/.config/svp/config.yaml\n", "logs:            /state/svp/logs\n",
		"packs:           /a, /b, /home/u/.local/share/svp/packs\n", "host:            none answers\n",
	} {
		if !strings.Contains(w.out.String(), want) {
			t.Errorf("no %q in:\n%s", want, w.out)
		}
	}
}

func TestParseSince(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 4, 15, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"90s":                       now.Add(-90 * time.Second),
		"2026-03-04T12:00:00Z":      time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC),
		"2026-03-04T12:00:00+02:00": time.Date(2026, 3, 4, 10, 0, 0, 0, time.UTC),
		"2026-03-04 12:00:00":       time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC),
	} {
		if got, ok := parseSince(text, now); !ok || !got.Equal(want) {
			t.Errorf("%s: %v %t, want %v", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "-5m", "x", "10"} {
		if got, ok := parseSince(text, now); ok {
			t.Errorf("%q is the time %v", text, got)
		}
	}
}
