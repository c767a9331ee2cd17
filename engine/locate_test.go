package engine

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/servicepack/svp/engine/driver"
)

// fakeLocator knows all that holds a colon.
type fakeLocator struct {
	folder  string
	err     error
	offline bool // as it was asked last
}

func (f *fakeLocator) Knows(text string) bool { return strings.Contains(text, ":") }

func (f *fakeLocator) Locate(_ context.Context, _ string, offline bool) (folder, origin string, err error) {
	f.offline = offline
	return f.folder, "package", f.err
}

func (f *fakeLocator) Fetched(folder string) bool { return filepath.Clean(folder) == f.folder }

func TestWhatTheLocatorKnowsIsFoundWhereNoFolderIs(t *testing.T) {
	t.Chdir(t.TempDir())
	store := filepath.Join(t.TempDir(), "shop")
	writePack(t, store)
	writePack(t, "a:folder:1")
	e := offline(t, Config{Locator: &fakeLocator{folder: store}, Embedded: embeddedPacks(), CacheDir: t.TempDir()})
	for name, want := range map[string]FoundPack{
		"a:package:1": {Folder: store, Origin: "package", Fetched: true},
		"oci://a/b:1": {Folder: store, Origin: "package", Fetched: true},
		"a:folder:1":  {Folder: "a:folder:1", Origin: originFolder},
		store + "/":   {Folder: store + "/", Origin: originFolder, Fetched: true},
		"./nowhere":   {Folder: "./nowhere", Origin: originFolder},
	} {
		if found, err := e.FindPack(t.Context(), name); err != nil || found != want {
			t.Errorf("%s: %+v, %v; want %+v", name, found, err, want)
		}
	}
}

// A pack that was fetched is not asked on this machine, whatever was asked for:
// without a host there is no answer.
func TestAPackThatWasFetchedIsAskedInIsolation(t *testing.T) {
	store := filepath.Join(t.TempDir(), "shop")
	writePack(t, store)
	marker := filepath.Join(t.TempDir(), "ran")
	if err := os.WriteFile(filepath.Join(store, "bin", "query"), []byte("#!/bin/sh\ntouch "+marker+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	e := offline(t, Config{Locator: &fakeLocator{folder: store}, PackPath: []string{filepath.Dir(store)}})
	for _, name := range []string{"a:package:1", store, "shop"} {
		_, inspectErr := e.InspectPack(t.Context(), name)
		_, offerErr := e.Offer(t.Context(), name)
		_, buildErr := e.Build(t.Context(), BuildOptions{Pack: name, Tag: "shop"})
		_, upErr := e.Up(t.Context(), UpOptions{Pack: name})
		for _, err := range []error{inspectErr, offerErr, buildErr, upErr, e.Prepare(t.Context(), name)} {
			if !errors.Is(err, driver.ErrUnavailable) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if _, err := os.Stat(marker); err == nil {
		t.Error("bin/query ran on this machine")
	}
}

func TestOfflineIsForFindingThePackToo(t *testing.T) {
	locator := &fakeLocator{err: errors.New("not here")}
	e := offline(t, Config{Locator: locator})
	for _, want := range []bool{true, false} {
		_, buildErr := e.Build(t.Context(), BuildOptions{Pack: "a:b:1", Tag: "b", Offline: want})
		built := locator.offline
		_, upErr := e.Up(t.Context(), UpOptions{Pack: "a:b:1", Offline: want})
		if built != want || locator.offline != want || !errors.Is(buildErr, locator.err) || !errors.Is(upErr, locator.err) {
			t.Errorf("offline %v: build asks %v, %v; up asks %v, %v", want, built, buildErr, locator.offline, upErr)
		}
	}
}

func TestAnErrorOfTheLocatorIsShownAsItIs(t *testing.T) {
	cause := &Error{Op: "install", Subject: "a:b:1", Kind: NotFound, Err: errors.New("no repository has it"), Hint: "svp repo add"}
	_, err := offline(t, Config{Locator: &fakeLocator{err: cause}}).InspectPack(t.Context(), "a:b:1")
	if !errors.Is(err, cause) || err.Error() != cause.Error() {
		t.Errorf("the error is %v", err)
	}
}
