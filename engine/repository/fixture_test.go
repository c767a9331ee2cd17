package repository_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/servicepack/svp/engine/coordinate"
	"github.com/servicepack/svp/engine/repository"
)

// timber is the package of the format's document.
var timber = coordinate.Coordinate{Group: "org.cloudname", Name: "timber", Version: "1.2.3"}

const timberPath = "org/cloudname/timber/1.2.3/timber-1.2.3-copkg.zip"

// contents stand for a zip: a repository does not look into packages.
const contents = "the bytes of timber"

func version(text string) coordinate.Coordinate {
	c := timber
	c.Version = text
	return c
}

func sumOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// item is a package to be published, signed by writing "signed: " before it.
func item(t testing.TB, c coordinate.Coordinate, text string) repository.Item {
	t.Helper()
	file := filepath.Join(t.TempDir(), "package.zip")
	write(t, file, text)
	return repository.Item{Coordinate: c, File: file}
}

func signing(contents io.Reader) ([]byte, error) {
	text, err := io.ReadAll(contents)
	return append([]byte("signed: "), text...), err
}

func write(t testing.TB, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func publish(t testing.TB, folder string, i repository.Item) repository.Published {
	t.Helper()
	published, err := repository.Publish(t.Context(), folder, i)
	if err != nil {
		t.Fatal(err)
	}
	return published
}

// tree is every file of a folder, but for the lock.
func tree(t testing.TB, folder string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(folder, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || entry.Name() == ".svp-lock" {
			return err
		}
		text, err := os.ReadFile(name)
		relative, relErr := filepath.Rel(folder, name)
		files[filepath.ToSlash(relative)] = string(text)
		return errorOr(err, relErr)
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func errorOr(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// target is a file in memory that a client writes to.
type target struct{ bytes.Buffer }

func (f *target) Truncate(int64) error           { f.Reset(); return nil }
func (f *target) Seek(int64, int) (int64, error) { return 0, nil }
func client(t testing.TB, l repository.Location, o repository.Options) *repository.Client {
	t.Helper()
	c, err := repository.New(l, o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
