package integration

import (
	"archive/zip"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/servicepack/svp/integration/svptest"
)

// tellingBuild tells what a build sees of the network and of its dependencies,
// and fails when it can change them.
const tellingBuild = `#!/bin/sh
case $1 in
base)
	echo "network:" $(ls /sys/class/net)
	echo "brought:" $(cat "${SVP_DEPENDENCIES:-/none}"/* 2>&1)
	[ -z "${SVP_DEPENDENCIES-}" ] || ! touch "$SVP_DEPENDENCIES/more" 2>/dev/null || exit 9
	mkdir /srv/tiny
	;;
setup) ls -A /etc/servicepack/dependencies >/srv/tiny/left ;;
esac
`

// offlinePack is a pack with two dependencies, which are files of this machine. It returns its folder
// and name, and their folder.
func offlinePack(t *testing.T) (pack, name, dependencies string) {
	t.Helper()
	dependencies, name = t.TempDir(), newName(t)
	manifest := "group: org.example\nname: " + name + "\nversion: 1.0.0\ndependencies:\n"
	for _, file := range []string{"a one", "b%two"} {
		write(t, filepath.Join(dependencies, file), file)
		escaped := strings.NewReplacer("%", "%25", " ", "%20").Replace(file)
		manifest += fmt.Sprintf("  - uri: file://%s/%s\n    sha256: %x\n", dependencies, escaped, sha256.Sum256([]byte(file)))
	}
	return tinyPack(t, map[string]string{"bin/build": tellingBuild, "servicepack.yaml": manifest}), name, dependencies
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// told makes sure of what the build told.
func told(t *testing.T, result svptest.Result, lines ...string) {
	t.Helper()
	result.Require(t, 0)
	for _, line := range lines {
		if !slices.Contains(strings.Split(result.Stderr, "\n"), "svp: base: "+line) {
			t.Errorf("the build did not say %q: %s", line, result)
		}
	}
}

func TestOfflineBuildsHaveTheirDependenciesAndNoNetwork(t *testing.T) {
	t.Parallel()
	pack, name, _ := offlinePack(t)
	tag := newName(t)
	told(t, svp(t, "build", "--offline", "-b", pack, "-t", tag), "network: lo", "brought: a oneb%two")
	nothingBrought(t, name)

	// The image that is there is used, whether or not there is a network.
	if again := svp(t, "build", "-b", pack, "-t", tag).Require(t, 0); strings.Contains(again.Stderr, "network:") {
		t.Errorf("built again: %s", again)
	}
	instance := newName(t)
	up(t, pack, instance, "--offline").Require(t, 0)
	if left := svp(t, "shell", instance, "--", "cat", "/srv/tiny/left").Require(t, 0); left.Stdout != "" {
		t.Errorf("in the image: %q", left.Stdout)
	}
	// With a network, a build of a folder downloads for itself.
	told(t, svp(t, "build", "--no-cache", "-b", pack, "-t", tag), "network: eth0 lo", "brought: cat: '/none/*': No such file or directory")
}

func TestCachedPackagesBringTheirDependencies(t *testing.T) {
	t.Parallel()
	pack, name, dependencies := offlinePack(t)
	packages, tag := t.TempDir(), newName(t)
	made := svp(t, "pack", "package", "--cached", "-b", pack, "-o", packages).Require(t, 0)
	if err := os.RemoveAll(dependencies); err != nil {
		t.Fatal(err)
	}
	folder := extracted(t, strings.TrimSpace(made.Stdout))
	brought := "brought: a oneb%two"
	told(t, svp(t, "build", "--offline", "-b", folder, "-t", tag), "network: lo", brought)
	told(t, svp(t, "build", "--no-cache", "-b", folder, "-t", tag), "network: eth0 lo", brought)
	nothingBrought(t, name)

	// Without the package, the files are nowhere.
	complaint(t, svp(t, "build", "--offline", "--no-cache", "-b", pack, "-t", tag), 4, "no such file")

	// What is no longer what the pack says is not built from.
	write(t, filepath.Join(folder, "lib", "dependencies", "b%two"), "b%evil")
	changed := newName(t)
	complaint(t, svp(t, "build", "--offline", "--no-cache", "-b", folder, "-t", changed), 1,
		"b%25two: its sha256 is "+fmt.Sprintf("%x", sha256.Sum256([]byte("b%evil"))), "not "+fmt.Sprintf("%x", sha256.Sum256([]byte("b%two"))))
	nothingBrought(t, name)
	complaint(t, svp(t, "setup", "-b", folder, "-i", changed, "-t", newName(t)), 4, changed)
}

// nothingBrought makes sure that what brought the files to a build is gone.
func nothingBrought(t *testing.T, pack string) {
	t.Helper()
	for _, object := range suite.List(t, pack) {
		if object.Kind != "image" {
			t.Errorf("left behind: %v", object)
		}
	}
}

// extracted unpacks a zip archive.
func extracted(t *testing.T, name string) string {
	t.Helper()
	archive, err := zip.OpenReader(name)
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	folder := filepath.Join(t.TempDir(), newName(t))
	for _, file := range archive.File {
		path := filepath.Join(folder, file.Name)
		if file.Mode().IsDir() {
			change(t, os.MkdirAll(path, 0o755))
			continue
		}
		change(t, os.MkdirAll(filepath.Dir(path), 0o755))
		opened, err := file.Open()
		change(t, err)
		content, err := io.ReadAll(opened)
		change(t, err)
		change(t, os.WriteFile(path, content, file.Mode().Perm()))
	}
	return folder
}

func TestOfflineNothingIsFetched(t *testing.T) {
	t.Parallel()
	manifest := "dependencies:\n"
	for _, name := range []string{"one", "two"} {
		manifest += fmt.Sprintf("  - uri: https://me:s3cret@example.invalid/%s?token=s3cret\n    sha256: %064d\n", name, 1)
	}
	pack, tag := tinyPack(t, map[string]string{"servicepack.yaml": manifest}), newName(t)
	result := svp(t, "build", "--offline", "-b", pack, "-t", tag)
	complaint(t, result, 4, "https://REDACTED@example.invalid/one?token=REDACTED", "https://REDACTED@example.invalid/two?token=REDACTED")
	if !strings.Contains(result.Stderr, "\n  hint: take a package that brings it along: svp pack package --cached") || strings.Contains(result.Stderr, "s3cret") {
		t.Errorf("got %s", result)
	}
	nothingLeft(t, pack, tag)

	config := filepath.Join(t.TempDir(), "config.yaml")
	write(t, config, "os_images: {debian/12: no-such-image:1}\n")
	for _, arguments := range [][]string{{"build", "-b", pack, "-t", tag}, {"build", "-b", pack, "-t", tag, "--isolate"}, {"up", pack, tag}} {
		arguments = append(arguments, "--offline", "--config", config)
		complaint(t, svp(t, arguments...), 4, "there is no image no-such-image:1 on the container host, and offline none is pulled")
	}
	nothingLeft(t, pack, tag)
}

// However a build ends, what brought the files to it goes.
func TestInterruptedOfflineBuildsLeaveNothing(t *testing.T) {
	t.Parallel()
	for signal, status := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGKILL: -1} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			pack, name, _ := offlinePack(t)
			change(t, os.WriteFile(filepath.Join(pack, "bin", "build"), []byte("#!/bin/sh\nexec sleep 600\n"), 0o755))
			process := suite.Start(t, svptest.Call{Args: []string{"build", "--offline", "-b", pack, "-t", newName(t)}})
			eventually(t, time.Minute, "the build has its files", func() bool {
				containers, volumes := 0, 0
				for _, object := range suite.List(t, name) {
					switch {
					case object.Kind == "volume":
						volumes++
					case object.Kind == "container":
						containers++
					}
				}
				return containers == 1 && volumes == 1 && strings.Contains(process.Stderr(), "started")
			})
			process.Signal(signal)
			if ended := process.Wait(); ended.Status != status {
				t.Errorf("status %d, want %d: %s", ended.Status, status, ended)
			}
			// The host may still be making the container that the killed command asked for.
			eventually(t, time.Minute, "gc leaves nothing", func() bool {
				svp(t, "gc").Require(t, 0)
				return len(suite.List(t, name)) == 0
			})
		})
	}
}

// listPackages prints where the Debian packages are that redis-server needs, as
// packs/README.md tells authors to find out.
const listPackages = `#!/bin/sh
apt-get update --quiet=2
apt-get install --print-uris --quiet=2 --no-install-recommends -o Acquire::ForceHash=SHA256 redis-server
`

var printedURI = regexp.MustCompile(`'(http[^']+)' \S+ \d+ SHA256:([0-9a-f]{64})`)

func TestRedisOffline(t *testing.T) {
	t.Parallel()
	listing := svp(t, "build", "-b", tinyPack(t, map[string]string{"bin/build": listPackages}), "-t", newName(t)).Require(t, 0)
	found := printedURI.FindAllStringSubmatch(listing.Stderr, -1)
	if len(found) == 0 {
		t.Fatalf("apt names no packages: %s", listing)
	}
	pack, name := filepath.Join(t.TempDir(), newName(t)), newName(t)
	change(t, os.CopyFS(pack, os.DirFS("../packs/redis")))
	manifest := "group: org.example\nname: " + filepath.Base(pack) + "\nversion: 1.0.0\ndependencies:\n"
	for _, match := range found {
		manifest += fmt.Sprintf("  - {uri: %q, sha256: %s}\n", match[1], match[2])
	}
	write(t, filepath.Join(pack, "servicepack.yaml"), manifest)

	made := strings.TrimSpace(svp(t, "pack", "package", "--cached", "-b", pack, "-o", t.TempDir()).Require(t, 0).Stdout)
	base := svp(t, "build", "--offline", "-b", made, "-t", newName(t)).Require(t, 0)
	if !strings.Contains(base.Stderr, "Setting up redis-server") {
		t.Errorf("nothing was installed: %s", base)
	}
	up(t, made, name, "--offline").Require(t, 0)
	if pong := svp(t, "client", name, "--", "PING").Require(t, 0); pong.Stdout != "PONG\n" {
		t.Errorf("redis says %q", pong.Stdout)
	}
}
