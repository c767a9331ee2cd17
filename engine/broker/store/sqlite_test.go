package store_test

import (
	"database/sql"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	_ "modernc.org/sqlite"

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
