package archive_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/servicepack/svp/engine/archive"
)

func FuzzZip(f *testing.F) {
	f.Add(zipBytes(f, sample))
	f.Add(zipOf(f, zipped{name: "a/b", mode: 0o755, content: strings.Repeat("x", 100), method: 8}, zipped{name: "c/", mode: fs.ModeDir}))
	f.Add(with64(zipOf(f, zipped{name: "../a", mode: fs.ModeSymlink, content: "/"})))
	f.Add(withComment(zipOf(f), "PK\x05\x06"))
	f.Fuzz(func(t *testing.T, content []byte) {
		target := newFolder(t)
		entries, err := archive.ExtractZip(t.Context(), bytes.NewReader(content), int64(len(content)), target.Root, small)
		checkExtracted(t, target, entries, err)
		if err == nil && len(zipBytes(t, entries)) == 0 {
			t.Error("what was read cannot be written")
		}
	})
}

func FuzzTarGz(f *testing.F) {
	f.Add(gunzipped(f, tarGzBytes(f, linked)))
	f.Add(gunzipped(f, tarGzOf(f, tarFile("a/b", "x"), tarLink("l", "a/b"), tarLink("l/m", ".."))))
	f.Add(gunzipped(f, sparse(f)))
	// Each of them takes a megabyte, and inputs come one after the other.
	compressor, err := gzip.NewWriterLevel(nil, gzip.NoCompression)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		target := newFolder(t)
		var compressed bytes.Buffer
		compressor.Reset(&compressed)
		_, err := compressor.Write(content)
		check(t, err)
		check(t, compressor.Close())
		entries, err := archive.ExtractTarGz(t.Context(), &compressed, target.Root, small)
		checkExtracted(t, target, entries, err)
	})
}

// checkExtracted makes sure of what is in the folder, whatever was extracted; that
// nothing is beside it is checked where it was made.
func checkExtracted(t *testing.T, target folder, entries []archive.Entry, err error) {
	t.Helper()
	var own *archive.Error
	switch {
	case err != nil && !errors.As(err, &own):
		t.Errorf("the error is not the archive's: %v", err)
	case err != nil && strings.ContainsAny(err.Error(), "\n\x00\x1b"):
		t.Errorf("the error is not one line: %q", err)
	}
	var count int
	var total int64
	check(t, filepath.WalkDir(target.path, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		count++
		switch entry.Type() {
		case fs.ModeDir:
		case fs.ModeSymlink:
			// What it leads to may be missing, and must not be outside.
			if reached, err := filepath.EvalSymlinks(path); err == nil && !strings.HasPrefix(reached+"/", realPath(t, target.path)+"/") {
				t.Errorf("%s leads to %s", path, reached)
			}
		case 0:
			info, err := os.Lstat(path)
			check(t, err)
			if total += info.Size(); info.Size() > small.File || info.Mode()&^0o755 != 0 {
				t.Errorf("%s is of %d bytes, %v", path, info.Size(), info.Mode())
			}
		default:
			t.Errorf("%s is %v", path, entry.Type())
		}
		return nil
	}))
	if count > small.Entries+1 || len(entries) > count {
		t.Errorf("%d files and folders, %d entries", count, len(entries))
	}
}

func realPath(t *testing.T, path string) string {
	t.Helper()
	reached, err := filepath.EvalSymlinks(path)
	check(t, err)
	return reached
}
