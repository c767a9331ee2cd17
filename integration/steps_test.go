package integration

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// imageID is the id of the image of that name.
func imageID(t *testing.T, reference string) string {
	t.Helper()
	image, err := suite.Host.API.ImageInspect(t.Context(), reference)
	change(t, err)
	return image.ID
}

func TestBuildIsReused(t *testing.T) {
	t.Parallel()
	pack := tinyPack(t, map[string]string{"etc/settings": "value=1\n"})
	tag := newName(t) + "/base:1"
	build := func(flags ...string) string {
		t.Helper()
		svp(t, append([]string{"build", "-b", pack, "-t", tag}, flags...)...).Require(t, 0)
		return imageID(t, tag)
	}
	file := filepath.Join(pack, "etc/settings")
	first := build()
	if again := build(); again != first {
		t.Errorf("an unchanged pack was built anew: %s, then %s", first, again)
	}
	change(t, os.MkdirAll(filepath.Join(pack, ".git"), 0o700))
	change(t, os.WriteFile(filepath.Join(pack, ".git/HEAD"), []byte("ref"), 0o600))
	change(t, os.Chmod(file, 0o600))
	if again := build(); again != first {
		t.Errorf("what a checkout adds made a difference: %s, then %s", first, again)
	}
	seen := map[string]string{first: "the first build"}
	differs := func(what, id string) {
		t.Helper()
		if before, ok := seen[id]; ok {
			t.Errorf("%s gave the image of %s", what, before)
		}
		seen[id] = what
	}
	change(t, os.WriteFile(file, []byte("value=2\n"), 0o600))
	differs("a changed byte", build())
	change(t, os.Chmod(file, 0o700))
	differs("a file made executable", build())
	change(t, os.Rename(file, file+".d"))
	differs("a file renamed", build())
	differs("--no-cache", build("--no-cache"))
}

func TestPublish(t *testing.T) {
	t.Parallel()
	pack := tinyPack(t, server)
	reached := func(address string) bool {
		connection, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
		if err == nil {
			change(t, connection.Close())
		}
		return err == nil
	}
	elsewhere := otherAddress(t)

	t.Run("nothing unless asked", func(t *testing.T) {
		t.Parallel()
		name := newName(t)
		up(t, pack, name).Require(t, 0)
		if ports := published(t, name); len(ports) != 0 {
			t.Errorf("published: %v", ports)
		}
	})
	t.Run("on loopback", func(t *testing.T) {
		t.Parallel()
		name := newName(t)
		token := up(t, pack, name, "-p", "8080").Env(t)["TOKEN"]
		before := published(t, name)
		if len(before) != 1 || !strings.HasPrefix(before[0], "127.0.0.1:") || !strings.HasSuffix(before[0], ":8080/tcp") {
			t.Fatalf("published: %v", before)
		}
		port := strings.Split(before[0], ":")[1]
		if answer := ask(t, "127.0.0.1:"+port); answer != "I am "+token+"\n" {
			t.Errorf("it answers %q", answer)
		}
		if reached(net.JoinHostPort(elsewhere, port)) {
			t.Errorf("port %s can be reached at %s", port, elsewhere)
		}
		svp(t, "down", name).Require(t, 0)
		svp(t, "start", name).Require(t, 0)
		if after := published(t, name); fmt.Sprint(after) != fmt.Sprint(before) {
			t.Errorf("after down and start published at %v, before at %v", after, before)
		}
		if answer := ask(t, "127.0.0.1:"+port); answer != "I am "+token+"\n" {
			t.Errorf("after down and start it answers %q", answer)
		}

		// The same port again is refused, whoever has it.
		other := newName(t)
		complaint(t, up(t, pack, other, "-p", port+":8080"), 5, other, port)
		nothingLeft(t, other, other)
	})
	t.Run("public", func(t *testing.T) {
		t.Parallel()
		name := newName(t)
		token := up(t, pack, name, "-p", "8080", "--public").Env(t)["TOKEN"]
		ports := published(t, name)
		if len(ports) != 1 || !strings.HasPrefix(ports[0], "0.0.0.0:") {
			t.Fatalf("published: %v", ports)
		}
		if answer := ask(t, net.JoinHostPort(elsewhere, strings.Split(ports[0], ":")[1])); answer != "I am "+token+"\n" {
			t.Errorf("it answers %q", answer)
		}
	})
}

// published is where the instance is published.
func published(t *testing.T, name string) []string {
	t.Helper()
	var info struct{ Published []string }
	decode(t, svp(t, "info", name, "--json"), &info)
	return info.Published
}

// otherAddress is an address of this machine that is not its loopback.
func otherAddress(t *testing.T) string {
	t.Helper()
	addresses, err := net.InterfaceAddrs()
	change(t, err)
	for _, address := range addresses {
		if network, ok := address.(*net.IPNet); ok && network.IP.To4() != nil && !network.IP.IsLoopback() {
			return network.IP.String()
		}
	}
	t.Fatal("this machine has no address")
	return ""
}

// Build scripts see the certificate authorities; images do not hold them.
func TestCABundle(t *testing.T) {
	t.Parallel()
	search := &search{}
	bundle := filepath.Join(t.TempDir(), "ca.pem")
	marker := search.marker()
	change(t, os.WriteFile(bundle, []byte("-----BEGIN CERTIFICATE-----\n"+marker+"\n-----END CERTIFICATE-----\n"), 0o600))
	pack := tinyPack(t, map[string]string{"bin/build": "#!/bin/sh\ncat \"$SSL_CERT_FILE\"\n"})
	base, image := newName(t), newName(t)
	for _, args := range [][]string{
		{"build", "-b", pack, "-t", base, "--ca-bundle", bundle},
		{"setup", "-b", pack, "-i", base, "-t", image, "--ca-bundle", bundle},
	} {
		if result := svp(t, args...).Require(t, 0); !strings.Contains(result.Stderr, marker) {
			t.Errorf("the build script does not see the certificate authorities: %s", result)
		}
	}
	for _, reference := range []string{base, image} {
		search.filesystem(t, reference, false)
	}
	for _, object := range suite.List(t, filepath.Base(pack)) {
		if object.Kind != "image" {
			t.Errorf("left behind: %v", object)
		}
	}
	complaint(t, svp(t, "build", "-b", pack, "-t", base, "--ca-bundle", bundle+".none"), 2, bundle+".none")

	name := newName(t)
	result := up(t, pack, name, "--ca-bundle", bundle)
	if !strings.Contains(result.Stderr, marker) {
		t.Errorf("the set-up of an instance does not see the certificate authorities: %s", result)
	}
	mounted := svp(t, "shell", name, "--", "ls", "-A", "/etc/servicepack/ca").Require(t, 0)
	if mounted.Stdout != "" {
		t.Errorf("the running service sees the certificate authorities: %s", mounted.Stdout)
	}
}
