package packages

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/servicepack/svp/engine/coordinate"
	"github.com/servicepack/svp/engine/copkg"
	"github.com/servicepack/svp/engine/pack"
	"github.com/servicepack/svp/engine/repository"
)

// timber is a pack that can be packaged.
var timber = map[string]string{
	"bin/query":        "#!/bin/sh\n[ \"$1\" != os ] || echo debian/12\n",
	"bin/build":        "#!/bin/sh\n",
	"bin/run":          "#!/bin/sh\nexec sleep 1000\n",
	"etc/timber.conf":  "level = 3\n",
	"servicepack.yaml": "group: org.cloudname\nname: timber\nversion: 1.2.3\n",
}

// folderOf writes the pack of that version with some files changed.
func folderOf(t testing.TB, version string, changed map[string]string) string {
	t.Helper()
	files := maps.Clone(timber)
	files["servicepack.yaml"] = strings.Replace(files["servicepack.yaml"], "1.2.3", version, 1)
	maps.Copy(files, changed)
	folder := filepath.Join(t.TempDir(), "timber")
	for name, content := range files {
		file, mode := filepath.Join(folder, name), fs.FileMode(0o644)
		if strings.HasPrefix(content, "#!") {
			mode = 0o755
		}
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(content), mode)); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// packageOf packages that pack and returns the zip file's name.
func packageOf(t testing.TB, version string, changed map[string]string) string {
	t.Helper()
	opened, err := pack.Open(folderOf(t, version, changed))
	if err != nil {
		t.Fatal(err)
	}
	packaged, err := copkg.New(opened)
	if err != nil {
		t.Fatal(err)
	}
	var content bytes.Buffer
	if err := packaged.Write(t.Context(), &content, nil); err != nil {
		t.Fatal(err)
	}
	return writeFile(t, packaged.Coordinate().FileName(), content.Bytes())
}

func writeFile(t testing.TB, name string, content []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// zipOf writes a zip file with those entries, whatever they are called.
func zipOf(t testing.TB, name string, entries ...string) string {
	t.Helper()
	var content bytes.Buffer
	archive := zip.NewWriter(&content)
	for _, entry := range entries {
		w, err := archive.CreateHeader(&zip.FileHeader{Name: entry, Method: zip.Store})
		if err == nil {
			_, err = w.Write([]byte("x"))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	return writeFile(t, name, content.Bytes())
}

// repositoryWith publishes zip files as the packages of those coordinates.
func repositoryWith(t testing.TB, files map[string]string) string {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "repository")
	for text, file := range files {
		item := repository.Item{Coordinate: parsed(t, text), File: file}
		if _, err := repository.Publish(context.Background(), folder, item); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

func parsed(t testing.TB, text string) coordinate.Coordinate {
	t.Helper()
	c, err := coordinate.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func pattern(t testing.TB, text string) coordinate.Pattern {
	t.Helper()
	p, err := coordinate.ParsePattern(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func clientOf(t testing.TB, url string) *repository.Client {
	t.Helper()
	client, err := repository.New(repository.Location{URL: url}, repository.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// newStore is a store in new folders that looks into those repositories.
func newStore(t testing.TB, repositories ...string) *Store {
	t.Helper()
	config := Config{Dir: filepath.Join(t.TempDir(), "packages"), Cache: filepath.Join(t.TempDir(), "cache")}
	for _, url := range repositories {
		config.Repositories = append(config.Repositories, clientOf(t, url))
	}
	t.Cleanup(func() { _ = errors.Join(removeTree(config.Dir), removeTree(config.Cache)) })
	return New(config)
}

// holding lists the files below a folder, without its records.
func holding(t testing.TB, folder string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(folder, func(name string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || entry.IsDir() && !strings.HasPrefix(entry.Name(), ".") {
			return err
		}
		relative, err := filepath.Rel(folder, name)
		names = append(names, relative)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	return names
}

// requireNothing makes sure that nothing is in a folder, no empty folders either.
func requireNothing(t testing.TB, folder string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) || len(entries) > 0 {
		t.Errorf("left in %s: %v, %v", folder, entries, err)
	}
}
