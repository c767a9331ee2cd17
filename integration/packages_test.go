package integration

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/servicepack/svp/integration/svptest"
)

// packagesPlace is a user of packages, with folders of their own.
type packagesPlace struct {
	dir string   // where packages are installed
	env []string // for svp
}

func newPackages(t *testing.T) *packagesPlace {
	t.Helper()
	place := &packagesPlace{dir: filepath.Join(t.TempDir(), "packages")}
	place.env = []string{"SVP_PACKAGE_DIR=" + place.dir, "XDG_CACHE_HOME=" + t.TempDir(), "XDG_CONFIG_HOME=" + t.TempDir()}
	t.Cleanup(func() { letWrite(t, place.dir) })
	return place
}

// letWrite lets the folder be removed, in which svp lets nobody write.
func letWrite(t *testing.T, folder string) {
	t.Helper()
	err := filepath.WalkDir(folder, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		return os.Chmod(name, 0o755)
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func (p *packagesPlace) svp(t *testing.T, args ...string) svptest.Result {
	t.Helper()
	return svpCall(t, svptest.Call{Args: args, Env: p.env})
}

// publish makes a package of the pack and returns the zip file's name, and the
// repository that has it.
func (p *packagesPlace) publish(t *testing.T, pack string) (zip, repository string) {
	t.Helper()
	zip = strings.TrimSpace(p.svp(t, "pack", "package", "-b", pack, "-o", t.TempDir()).Require(t, 0).Stdout)
	repository = filepath.Join(t.TempDir(), "repository")
	p.svp(t, "pack", "publish", zip, "--repo", repository).Require(t, 0)
	return zip, repository
}

// coordinateOf is the coordinate of a packagedPack.
func coordinateOf(pack string) string { return "org.example:" + filepath.Base(pack) + ":1.2.3" }

// In whatever form a pack comes, it is the same, and so is its base image.
func TestEveryFormOfAPackHasTheSameBase(t *testing.T) {
	t.Parallel()
	pack, place := packagedPack(t, nil), newPackages(t)
	zip, repository := place.publish(t, pack)
	place.svp(t, "repo", "add", "main", repository).Require(t, 0)
	archive := filepath.Join(t.TempDir(), "tiny.tar.gz")
	place.svp(t, "archive", "create", "-b", pack, "-o", archive).Require(t, 0)
	ref := "oci://" + startRegistry(t, "") + "/tiny:1"
	place.svp(t, "pack", "push", zip, ref).Require(t, 0)

	type built struct {
		ID     string
		Reused bool
	}
	var first built
	decode(t, place.svp(t, "build", "-b", pack, "-t", newName(t), "--json"), &first)
	for _, form := range []string{zip, archive, coordinateOf(pack), "org.example:" + filepath.Base(pack) + ":latest", ref} {
		var next built
		decode(t, place.svp(t, "build", "-b", form, "-t", newName(t), "--json"), &next)
		if !next.Reused || next.ID != first.ID {
			t.Errorf("%s: %+v, and not the image of the folder, %+v", form, next, first)
		}
	}
}

// Packages are code of others: no command runs anything of them on this machine.
func TestPackagesAreAskedInIsolation(t *testing.T) {
	t.Parallel()
	marker := filepath.Join(t.TempDir(), "ran")
	pack := packagedPack(t, nil)
	change(t, os.WriteFile(filepath.Join(pack, "bin", "query"), []byte("#!/bin/sh\ntouch "+marker+"\n"+strings.TrimPrefix(packagedService["bin/query"], "#!/bin/sh\n")), 0o755))
	place := newPackages(t)
	zip, repository := place.publish(t, pack)
	change(t, os.Remove(marker)) // the user's own folder is asked here
	installed := strings.TrimSpace(place.svp(t, "pack", "install", coordinateOf(pack), "-r", repository, "--no-save").Require(t, 0).Stdout)
	name := newName(t)
	suite.DestroyAfter(t, name)
	place.svp(t, "pack", "lint", zip) // whatever it finds
	for _, args := range [][]string{
		{"pack", "inspect", zip}, {"pack", "inspect", installed}, {"ports", "-b", coordinateOf(pack)},
		{"broker", "check", "--packs", zip}, {"up", coordinateOf(pack), name}, {"update", name, "-b", zip, "--plan", "default"},
		{"pack", "package", "-b", installed, "-o", t.TempDir()},
	} {
		place.svp(t, args...).Require(t, 0)
		if _, err := os.Stat(marker); err == nil {
			t.Fatalf("svp %s: bin/query ran on this machine", strings.Join(args, " "))
		}
	}
	if said := place.svp(t, "client", name, "--", "kept").Require(t, 0); said.Stdout != "kept\n" {
		t.Errorf("its client says %s", said)
	}
}

// A broker offers packages as it does folders.
func TestBrokerOffersPackages(t *testing.T) {
	t.Parallel()
	place := newPackages(t)
	zipped, installed := packagedPack(t, nil), packagedPack(t, nil)
	zip, _ := place.publish(t, zipped)
	_, repository := place.publish(t, installed)
	place.svp(t, "repo", "add", "main", repository).Require(t, 0)
	p := startPlatform(t, svptest.BrokerOptions{Packs: []string{zip, coordinateOf(installed), "org.example:none:1"}, Env: place.env})
	for _, pack := range []string{zipped, installed} {
		service := p.service(t, filepath.Base(pack))
		path := instancePath(newName(t))
		task := operation(t, p.async(t, http.MethodPut, path, nil, service.provisionBody(t, "default")))
		if state, description := p.await(t, path, task); state != succeeded {
			t.Errorf("the instance of %s is %s: %s", pack, state, description)
		}
	}
	if len(p.services) != 2 {
		t.Errorf("%d services are offered: %v", len(p.services), p.services)
	}
}

// gatedRepository serves a repository, and stops in the middle of zip files until
// the gate is open.
func gatedRepository(t *testing.T, folder string) (url string, open func()) {
	t.Helper()
	gate := make(chan struct{})
	open = func() { close(gate) }
	files := http.FileServer(http.Dir(folder))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, ".zip") {
			w = &gatedWriter{ResponseWriter: w, gate: gate, ended: r.Context()}
		}
		files.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL, open
}

type gatedWriter struct {
	http.ResponseWriter
	gate  chan struct{}
	ended context.Context //nolint:containedctx // the request's, as this is
}

func (w *gatedWriter) Write(p []byte) (int, error) {
	half := len(p) / 2
	n, err := w.ResponseWriter.Write(p[:half])
	if err != nil {
		return n, err
	}
	w.ResponseWriter.(http.Flusher).Flush()
	select {
	case <-w.gate:
	case <-w.ended.Done():
		return n, w.ended.Err()
	}
	more, err := w.ResponseWriter.Write(p[half:])
	return n + more, err
}

// arriving tells that half of a package is there.
func arriving(dir string) bool {
	found, err := filepath.Glob(filepath.Join(dir, ".*", "*.zip"))
	if err != nil || len(found) == 0 {
		return false
	}
	info, err := os.Stat(found[0])
	return err == nil && info.Size() > 0
}

// entries are the names in a folder.
func entries(t *testing.T, folder string) []string {
	t.Helper()
	list, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	change(t, err)
	var names []string
	for _, entry := range list {
		names = append(names, entry.Name())
	}
	return names
}

// However an installation ends, there is the whole package or nothing.
func TestInterruptedInstall(t *testing.T) {
	t.Parallel()
	pack, place := packagedPack(t, nil), newPackages(t)
	_, repository := place.publish(t, pack)
	url, open := gatedRepository(t, repository)
	args := []string{"pack", "install", coordinateOf(pack), "-r", url, "--no-save"}
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGKILL} {
		process := suite.Start(t, svptest.Call{Args: args, Env: place.env})
		eventually(t, 20*time.Second, "half of the package is there", func() bool { return arriving(place.dir) })
		process.Signal(signal)
		result := process.Wait()
		if left := entries(t, place.dir); signal != syscall.SIGKILL && (result.Status != 130 || len(left) > 0) {
			t.Errorf("%v: status %d, %q is left", signal, result.Status, left)
		}
		if list := place.svp(t, "pack", "list", "--quiet").Require(t, 0); list.Stdout != "" {
			t.Errorf("%v: %s is installed", signal, list.Stdout)
		}
	}
	refusedPackage(t, place.svp(t, append(args, "--timeout", "500ms")...), 6, "time limit")
	open()
	place.svp(t, args...).Require(t, 0)
	if left := entries(t, place.dir); !slices.Equal(left, []string{"org"}) {
		t.Errorf("in the folder of packages: %q", left)
	}
	place.svp(t, "pack", "uninstall", coordinateOf(pack)).Require(t, 0)
	if left := entries(t, place.dir); len(left) > 0 {
		t.Errorf("left after it was uninstalled: %q", left)
	}
}

func TestInstallsAtOnce(t *testing.T) {
	t.Parallel()
	pack, place := packagedPack(t, nil), newPackages(t)
	_, repository := place.publish(t, pack)
	url, open := gatedRepository(t, repository)
	work := t.TempDir()
	var processes []*svptest.Process
	for range 4 {
		processes = append(processes, suite.Start(t, svptest.Call{
			Args: []string{"pack", "install", coordinateOf(pack), "-r", url}, Env: place.env, Dir: work,
		}))
	}
	eventually(t, 20*time.Second, "all of them are at it", func() bool {
		found, err := filepath.Glob(filepath.Join(place.dir, ".*", "*.zip"))
		return err == nil && len(found) == len(processes)
	})
	open()
	for _, process := range processes {
		process.Wait().Require(t, 0)
	}
	list := place.svp(t, "pack", "list", "--quiet").Require(t, 0)
	if left := entries(t, place.dir); list.Stdout != coordinateOf(pack)+"\n" || !slices.Equal(left, []string{"org"}) {
		t.Errorf("%q is installed, in the folder is %q", list.Stdout, left)
	}
	if left := entries(t, work); !slices.Equal(left, []string{"svp.lock"}) {
		t.Errorf("in the working directory: %q", left)
	}
}

// An installed package brings what its build would download.
func TestInstalledPackagesAreBuiltWithoutNetwork(t *testing.T) {
	t.Parallel()
	pack, name, dependencies := offlinePack(t)
	place := newPackages(t)
	zip := strings.TrimSpace(place.svp(t, "pack", "package", "--cached", "-b", pack, "-o", t.TempDir()).Require(t, 0).Stdout)
	repository := filepath.Join(t.TempDir(), "repository")
	place.svp(t, "pack", "publish", zip, "--repo", repository).Require(t, 0)
	place.svp(t, "repo", "add", "main", repository).Require(t, 0)
	place.env = append(place.env, "XDG_CACHE_HOME="+t.TempDir()) // where nothing was downloaded
	change(t, os.RemoveAll(dependencies))
	installed := "org.example:" + name + ":1.0.0"
	complaint(t, place.svp(t, "build", "--offline", "-b", installed, "-t", newName(t)), 4, "offline nothing is fetched")
	place.svp(t, "pack", "install", installed, "--no-save").Require(t, 0)
	for _, form := range []string{installed, zip} {
		told(t, place.svp(t, "build", "--offline", "--no-cache", "-b", form, "-t", newName(t)), "network: lo", "brought: a oneb%two")
	}
	nothingBrought(t, name)
}
