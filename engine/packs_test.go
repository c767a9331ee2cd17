package engine

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/fstest"
)

// describesItself is a query script that tells which of several packs it is of.
func describesItself(which string) string {
	return "#!/bin/sh\n# " + which + "\n[ \"$1\" != os ] || echo debian/12\n"
}

func writePack(t *testing.T, folder string) {
	t.Helper()
	for _, script := range []string{"query", "build", "run"} {
		file := filepath.Join(folder, "bin", script)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(describesItself(folder)), 0o700); err != nil {
			t.Fatal(err)
		}
	}
}

func embeddedPacks() fstest.MapFS {
	return fstest.MapFS{
		"README.md":          {Data: []byte("packs")},
		"shop/bin/query":     {Data: []byte(describesItself("embedded"))},
		"shop/bin/build":     {Data: []byte("#!/bin/sh\n")},
		"shop/bin/run":       {Data: []byte("#!/bin/sh\n")},
		"shop/etc/shop.conf": {Data: []byte("port 80\n")},
	}
}

func TestAPackIsAFolderThenOnThePathThenEmbedded(t *testing.T) {
	work, path := t.TempDir(), t.TempDir()
	t.Chdir(work)
	e := &Engine{config: Config{PackPath: []string{filepath.Join(path, "absent"), path}, Embedded: embeddedPacks(), CacheDir: t.TempDir()}}
	look := func(name, wantOrigin string) {
		t.Helper()
		found, err := e.findPack(t.Context(), name, false)
		if err != nil || found.Origin != wantOrigin {
			t.Errorf("%s: %+v, %v; want a %s", name, found, err, wantOrigin)
		}
	}
	look("shop", originEmbedded)
	writePack(t, filepath.Join(path, "shop"))
	look("shop", originPath)
	if err := os.WriteFile("shop", []byte("a file, and so no pack"), 0o600); err != nil {
		t.Fatal(err)
	}
	look("shop", originPath)
	if err := os.Remove("shop"); err != nil {
		t.Fatal(err)
	}
	writePack(t, "shop")
	look("shop", originFolder)
	look("./shop", originFolder)
	look("./absent", originFolder) // whoever names a folder means a folder
}

func TestAPackThatIsNowhereNamesThoseThatThereAre(t *testing.T) {
	t.Chdir(t.TempDir())
	path := t.TempDir()
	writePack(t, filepath.Join(path, "cache"))
	e := &Engine{config: Config{PackPath: []string{path}, Embedded: embeddedPacks(), CacheDir: t.TempDir()}}
	for _, name := range []string{"absent", "README.md", "..x"} {
		_, err := e.openPack(t.Context(), name)
		var failure *Error
		if !errors.As(err, &failure) || failure.Kind != NotFound || failure.Hint != "packs known by name: cache, shop" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := e.openPack(t.Context(), ""); err == nil {
		t.Error("a pack without a name was found")
	}
}

func TestAnEmbeddedPackIsUnpackedOnceAndCanRun(t *testing.T) {
	t.Chdir(t.TempDir())
	cache := t.TempDir()
	e := &Engine{config: Config{Embedded: embeddedPacks(), CacheDir: cache}}
	var folders [8]string
	var tasks []func() error
	for i := range folders {
		tasks = append(tasks, func() (err error) { folders[i], err = e.unpackEmbedded("shop"); return err })
	}
	if err := parallel(tasks...); err != nil {
		t.Fatal(err)
	}
	if found := slices.Compact(folders[:]); len(found) != 1 {
		t.Fatalf("several folders: %q", found)
	}
	for file, want := range map[string]fs.FileMode{"bin/query": 0o755, "bin/run": 0o755, "etc/shop.conf": 0o644} {
		info, err := os.Stat(filepath.Join(folders[0], file))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v; want %v", file, info, err, want)
		}
	}
	if left, err := filepath.Glob(filepath.Join(cache, "packs", "*", ".unpack-*")); err != nil || len(left) > 0 {
		t.Errorf("left in the cache: %q, %v", left, err)
	}
	changed := embeddedPacks()
	changed["shop/etc/shop.conf"].Data = []byte("port 81\n")
	other := &Engine{config: Config{Embedded: changed, CacheDir: cache}}
	if folder, err := other.unpackEmbedded("shop"); err != nil || folder == folders[0] {
		t.Errorf("another svp's pack is unpacked to %s, %v", folder, err)
	}
	info, err := e.InspectPack(t.Context(), "shop")
	if err != nil || info.Name != "shop" || info.OS != "debian/12" || info.Origin != originEmbedded {
		t.Errorf("InspectPack = %+v, %v", info, err)
	}
}
