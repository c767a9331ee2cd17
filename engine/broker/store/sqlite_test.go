package store_test

import (
	"database/sql"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	_ "modernc.org/sqlite"

	"github.com/servicepack/svp/engine/broker/store"
	"github.com/servicepack/svp/engine/broker/store/storetest"
)

func TestSQLite(t *testing.T) {
	storetest.Run(t, storetest.Fixture{
		// A name that would mean something in a URL.
		Location: func(t testing.TB) string { return filepath.Join(t.TempDir(), "a b?mode=ro#1%41.db") },
		Raw: func(t testing.TB, location string) *sql.DB {
			t.Helper()
			raw, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: location}).String())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = raw.Close() })
			return raw
		},
	})
}

func TestFilesOfAStoreArePrivate(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "store.db")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	storetest.Open(t, file, storetest.NewKey(t))
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) < 3 {
		t.Errorf("only %v: the write-ahead log is not there to be looked at", entries)
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %04o", entry.Name(), info.Mode().Perm())
		}
	}
}

// What is named by mistake is refused, and left as it is.
func TestWhatIsNoStoreIsLeftAlone(t *testing.T) {
	folder := t.TempDir()
	text := filepath.Join(folder, "README.md")
	if err := os.WriteFile(text, []byte("# Not a database at all\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	pipe := filepath.Join(folder, "pipe")
	if err := syscall.Mkfifo(pipe, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{text, pipe, folder} {
		before, err := os.Lstat(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := store.Open(t.Context(), name, storetest.NewKey(t)); !errors.Is(err, store.ErrNoStore) {
			t.Errorf("%s: %v", name, err)
		}
		if after, err := os.Lstat(name); err != nil || after.Mode() != before.Mode() || after.Size() != before.Size() {
			t.Errorf("%s was %v, and is %v (%v)", name, before.Mode(), after.Mode(), err)
		}
	}
	if entries, err := os.ReadDir(folder); err != nil || len(entries) != 2 {
		t.Errorf("%v, %v", entries, err)
	}
}

// A store whose file is gone takes nothing that would be lost.
func TestFileThatGoes(t *testing.T) {
	file := filepath.Join(t.TempDir(), "store.db")
	opened := storetest.Open(t, file, storetest.NewKey(t))
	if err := opened.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file, file+".away"); err != nil {
		t.Fatal(err)
	}
	nothing := func(*store.Tx) error { return nil }
	for what, err := range map[string]error{
		"ping": opened.Ping(t.Context()), "beat": opened.Beat(t.Context(), "me"),
		"transact": opened.Transact(t.Context(), "one", false, nothing), "view": opened.View(t.Context(), "one", nothing),
	} {
		if !errors.Is(err, store.ErrGone) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := os.Rename(file+".away", file); err != nil {
		t.Fatal(err)
	}
	if err := opened.Ping(t.Context()); err != nil {
		t.Errorf("the file is back: %v", err)
	}
}
