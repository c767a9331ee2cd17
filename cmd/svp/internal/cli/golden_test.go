package cli

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/servicepack/svp/engine"
	"github.com/servicepack/svp/engine/driver"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", "golden", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s: %s", name, diff)
	}
}

func goldenInstances() []engine.Instance {
	created := testNow.Add(-2 * time.Hour)
	return []engine.Instance{
		{
			Name: "cache", ID: "0f3c", State: engine.StateStopped, Pack: "redis", PackDigest: "sha256:2", Contract: "0", Plan: "default",
			Image: "svp-instance:cache", Network: "svp", Ports: []string{"6379/tcp"}, Published: []string{},
			Components: []engine.Component{{Container: "cache", State: string(driver.Exited), ExitCode: 137}},
			Volumes:    []engine.Volume{}, Created: testNow.Add(-30 * 24 * time.Hour),
		},
		{
			Name: "shop", ID: "9a1b", State: engine.StateRunning, Pack: "postgresql", PackVersion: "1.2.0", PackDigest: "sha256:1",
			Contract: "1", Plan: "default", Image: "svp-instance:shop", Network: "svp", Address: "172.23.0.7",
			Ports: []string{"5432/tcp", "9187/tcp"}, Published: []string{"127.0.0.1:15432:5432/tcp"},
			Components: []engine.Component{
				{Name: "postgresql", Container: "shop-postgresql", State: string(driver.Running), Started: created},
				{Name: "exporter", Container: "shop-exporter", State: string(driver.Running), Started: created},
			},
			Volumes: []engine.Volume{{Name: "svp-9a1b-data", Path: "/var/lib/postgresql"}}, Created: created,
		},
	}
}

// TestDocuments guards what scripts rely on: fields are only ever added.
func TestDocuments(t *testing.T) {
	t.Parallel()
	for name, line := range map[string]string{
		"list.txt":          "list",
		"list-names.txt":    "list --quiet",
		"list.json":         "ls --json",
		"info.txt":          "info shop",
		"info-stopped.txt":  "info cache",
		"info.json":         "info shop --json",
		"host.txt":          "info",
		"host.json":         "info --json",
		"os-list.txt":       "os list",
		"os-list.json":      "os list --json",
		"pack-inspect.txt":  "pack inspect redis",
		"pack-inspect.json": "pack inspect redis --json",
		"gc.json":           "gc --json",
		"help.txt":          "help",
		"help-up.txt":       "up --help",
		"help-os.txt":       "os --help",
		"exit-status.txt":   "help exit-status",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "")
			w.set(map[string]string{"HOME": "/home/u"})
			w.fake.instances = goldenInstances()
			w.fake.usage = map[string]int64{"shop": 7864320}
			w.fake.host = driver.Host{
				Name: "vm", Engine: "Docker 20.10.24", Endpoint: "unix:///var/run/docker.sock", Reach: driver.Reach{PublishedAt: "127.0.0.1", Reachable: true},
			}
			w.fake.images = []engine.OSImage{
				{Name: "debian/12", Reference: "debian:12", Present: true, ID: "sha256:3", Size: 74500000, Bootstrap: true},
				{Name: "ubuntu/24.04", Reference: "mirror/ubuntu:24.04"},
			}
			w.fake.pack = engine.PackInfo{
				Name: "redis", Group: "org.servicepack", Version: "1.0.0", Description: "a store", Tags: []string{"cache"},
				Path: "/packs/redis", Origin: "folder", Digest: "sha256:2", Contract: 1, OS: "debian/12",
				Secrets: []string{"REDIS_PASSWORD"}, Components: []string{}, Ports: []string{"6379/tcp"},
				Volumes: []string{"/var/lib/redis"}, Scripts: []string{"backup", "client"}, Plans: []string{"default"},
			}
			w.fake.gc = engine.GCResult{Containers: []string{"c"}, Volumes: []string{}, Images: []string{}, Networks: []string{}}
			w.require(t, 0, words(line)...)
			golden(t, name, w.out.String())
			if w.errOut.Len() > 0 {
				t.Errorf("stderr: %s", w.errOut)
			}
		})
	}
}

func TestEmptyListIsADocument(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "")
	w.require(t, 0, "list", "--json")
	if got, want := w.out.String(), "{\n  \"instances\": []\n}\n"; got != want {
		t.Errorf("stdout %q, want %q", got, want)
	}
}
