package cli

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/servicepack/svp/engine"
)

// tinyPack makes a folder that can become an archive.
func tinyPack(t *testing.T) engine.PackInfo {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "tiny")
	if err := os.MkdirAll(filepath.Join(folder, "bin"), 0o750); err != nil {
		t.Fatal(err)
	}
	for _, script := range []string{"query", "build", "run"} {
		if err := os.WriteFile(filepath.Join(folder, "bin", script), []byte("#!/bin/sh\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return engine.PackInfo{Name: "tiny", Version: "1.0.0", Path: folder}
}

func TestAnArchiveIsForWhomTheUmaskAllows(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	w := newWorld(t, "")
	w.fake.pack = tinyPack(t)
	name, plain := filepath.Join(folder, "x.tar.gz"), filepath.Join(folder, "plain")
	w.require(t, 0, "archive", "create", "-b", "tiny", "-o", name)
	if err := os.WriteFile(plain, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	got, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.Stat(plain)
	if err != nil || got.Mode() != want.Mode() {
		t.Errorf("mode %v; a new file's is %v, %v", got.Mode(), want.Mode(), err)
	}
}

func TestLeftoversOfAKilledExtractionAreRemoved(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	name := filepath.Join(folder, "x.tar.gz")
	w := newWorld(t, "")
	w.fake.pack = tinyPack(t)
	w.require(t, 0, "archive", "create", "-b", "tiny", "-o", name)
	left, busy := filepath.Join(folder, ".out.svp-1"), filepath.Join(folder, ".out.svp-2")
	for _, leftover := range []string{left, busy, filepath.Join(folder, ".out.svp-mine")} {
		if err := os.MkdirAll(filepath.Join(leftover, "tiny-pack"), 0o750); err != nil {
			t.Fatal(err)
		}
	}
	held, err := os.Open(busy)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if err := lockFile(held); err != nil {
		t.Fatal(err)
	}
	w.require(t, 0, "archive", "extract", name, "-o", filepath.Join(folder, "out"))
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	if diff := cmp.Diff([]string{".out.svp-2", ".out.svp-mine", "out", "x.tar.gz"}, names); diff != "" {
		t.Error(diff)
	}
}

func TestAnArchiveIsNotWrittenToATerminal(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "")
	w.fake.pack = tinyPack(t)
	w.streams.OutTerminal = true
	w.require(t, 5, "archive", "create", "-b", "tiny", "-o", "-")
	if w.out.Len() > 0 {
		t.Errorf("stdout: %s", w.out)
	}
}
