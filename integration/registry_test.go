package integration

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/servicepack/svp/integration/svptest"
)

// The credentials of a registry that wants some, and what htpasswd makes of them.
const (
	registryPassword = "the-Password-of-the-registry"
	registryHtpasswd = "ann:$2a$05$qwwZIHOW2j2dkFyn80hlVO8lHug/raL1KL3n46T0dH1IS0QAelf0i\n"
)

// startRegistry runs Debian's docker-registry for the time of the test, and returns
// its address. With passwords, only who is in them is let in.
func startRegistry(t *testing.T, passwords string) (address string) {
	t.Helper()
	folder := t.TempDir()
	address = freeAddress(t)
	config := "version: 0.1\nlog: {level: warn}\nstorage: {filesystem: {rootdirectory: " + folder + "}}\nhttp: {addr: \"" + address + "\", secret: test}\n"
	if passwords != "" {
		change(t, os.WriteFile(filepath.Join(folder, "htpasswd"), []byte(passwords), 0o600))
		config += "auth: {htpasswd: {realm: test, path: " + filepath.Join(folder, "htpasswd") + "}}\n"
	}
	change(t, os.WriteFile(filepath.Join(folder, "config.yml"), []byte(config), 0o600))
	ctx, cancel := context.WithCancel(context.Background())
	server := exec.CommandContext(ctx, "docker-registry", "serve", filepath.Join(folder, "config.yml"))
	log := &svptest.Output{}
	server.Stdout, server.Stderr = log, log
	server.Cancel = func() error { return server.Process.Signal(syscall.SIGTERM) }
	server.WaitDelay = 5 * time.Second
	if err := server.Start(); err != nil {
		cancel()
		t.Fatalf("start docker-registry, a package of Debian: %v", err)
	}
	t.Cleanup(func() {
		cancel()
		_ = server.Wait() // it was told to end
		if t.Failed() {
			t.Logf("evidence: the registry's log\n%s", log.String())
		}
	})
	eventually(t, time.Minute, "the registry answers", func() bool {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/v2/", http.NoBody)
		change(t, err)
		answer, err := http.DefaultClient.Do(request)
		if err == nil {
			err = answer.Body.Close()
		}
		return err == nil
	})
	return address
}

func TestRegistryKeepsPackages(t *testing.T) {
	t.Parallel()
	pack, place := packagedPack(t, nil), newPackages(t)
	ref := "oci://" + startRegistry(t, "") + "/packs/tiny:1.2.3"
	zip := strings.TrimSpace(place.svp(t, "pack", "package", "-b", pack, "-o", t.TempDir()).Require(t, 0).Stdout)

	pushed := place.svp(t, "pack", "push", zip, ref).Require(t, 0)
	byDigest := strings.TrimSpace(pushed.Stdout)
	if again := place.svp(t, "pack", "push", zip, ref).Require(t, 0); again.Stdout != pushed.Stdout {
		t.Errorf("pushed again: %s", again)
	}
	// The folder becomes the same package.
	if again := place.svp(t, "pack", "push", pack, ref).Require(t, 0); again.Stdout != pushed.Stdout {
		t.Errorf("the folder pushed: %s", again)
	}
	other := packagedPack(t, map[string]string{"etc/other": "x"})
	refusedPackage(t, place.svp(t, "pack", "push", other, ref), 5, "the tag is there with other contents")

	folder := t.TempDir()
	for _, name := range []string{ref, byDigest} {
		got := strings.TrimSpace(place.svp(t, "pack", "pull", name, "-o", folder).Require(t, 0).Stdout)
		if read(t, got) != read(t, zip) {
			t.Errorf("%s is not what was pushed", name)
		}
	}
	refusedPackage(t, place.svp(t, "pack", "pull", strings.Replace(ref, "1.2.3", "1.2.4", 1)), 4, "not found")
	refusedPackage(t, place.svp(t, "pack", "pull", ref[:len(ref)-1]+"@sha256:"+strings.Repeat("0", 64)), 4, "not found")
}

func read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(name)
	change(t, err)
	return string(content)
}

func TestRegistryWithPasswords(t *testing.T) {
	t.Parallel()
	pack, place := packagedPack(t, nil), newPackages(t)
	address := startRegistry(t, registryHtpasswd)
	ref := "oci://" + address + "/tiny:1"
	said := refusedPackage(t, place.svp(t, "pack", "push", pack, ref), 5, "does not let this user in")
	refusedPackage(t, place.svp(t, "pack", "pull", ref), 5, "does not let this user in")
	docker := t.TempDir()
	known := base64.StdEncoding.EncodeToString([]byte("ann:" + registryPassword))
	change(t, os.WriteFile(filepath.Join(docker, "config.json"), fmt.Appendf(nil, `{"auths":{%q:{"auth":%q}}}`, address, known), 0o600))
	place.env = append(place.env, "DOCKER_CONFIG="+docker)
	result := place.svp(t, "pack", "push", pack, ref).Require(t, 0)
	pulled := place.svp(t, "pack", "pull", ref).Require(t, 0)
	for _, text := range []string{said, result.Stderr, result.Stdout, pulled.Stderr, pulled.Stdout} {
		if strings.Contains(text, registryPassword) || strings.Contains(text, known) {
			t.Errorf("the password is shown: %s", text)
		}
	}
}

// refusedPackage checks that svp failed with that status and said why, after all
// that it told of its progress, in one line that holds all the words.
func refusedPackage(t *testing.T, result svptest.Result, status int, words ...string) string {
	t.Helper()
	result.Require(t, status)
	said := ""
	for line := range strings.SplitSeq(result.Stderr, "\n") {
		if strings.HasPrefix(line, "svp: ") {
			said = line
		}
	}
	for _, word := range words {
		if !strings.Contains(said, word) {
			t.Errorf("the complaint lacks %q: %s", word, result)
		}
	}
	if result.Stdout != "" {
		t.Errorf("a command that failed printed a result: %s", result)
	}
	return said
}
