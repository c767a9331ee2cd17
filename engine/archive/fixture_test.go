package archive_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/servicepack/svp/engine/archive"
)

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// small are limits that a test can reach.
var small = archive.Limits{Entries: 20, Total: 1000, File: 600}

// zipped is a file of a zip archive that a test makes.
type zipped struct {
	name    string
	mode    fs.FileMode
	content string
	method  uint16
}

// zipOf makes a zip archive with the library, which writes whatever it is told.
func zipOf(t testing.TB, files ...zipped) []byte {
	t.Helper()
	var buffer bytes.Buffer
	writer := zip.NewWriter(&buffer)
	for _, file := range files {
		header := &zip.FileHeader{Name: file.name, Method: file.method}
		header.SetMode(file.mode)
		content, err := writer.CreateHeader(header)
		check(t, err)
		if file.content != "" {
			_, err = content.Write([]byte(file.content))
			check(t, err)
		}
	}
	check(t, writer.Close())
	return buffer.Bytes()
}

// tarGzOf makes a tar.gz archive of headers and the contents of files.
func tarGzOf(t testing.TB, entries ...tarred) []byte {
	t.Helper()
	var buffer bytes.Buffer
	writer := tar.NewWriter(&buffer)
	for _, entry := range entries {
		header := entry.Header
		header.Size = int64(len(entry.content))
		if header.Mode == 0 && header.Typeflag != tar.TypeXGlobalHeader {
			header.Mode = 0o644
		}
		check(t, writer.WriteHeader(&header))
		_, err := writer.Write([]byte(entry.content))
		check(t, err)
	}
	check(t, writer.Close())
	return gzipOf(t, buffer.Bytes())
}

type tarred struct {
	tar.Header
	content string
}

func tarFile(name, content string) tarred {
	return tarred{Header: tar.Header{Typeflag: tar.TypeReg, Name: name}, content: content}
}

func tarLink(name, to string) tarred {
	return tarred{Header: tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: to}}
}

func gzipOf(t testing.TB, content []byte) []byte {
	t.Helper()
	var buffer bytes.Buffer
	writer := gzip.NewWriter(&buffer)
	_, err := writer.Write(content)
	check(t, err)
	check(t, writer.Close())
	return buffer.Bytes()
}

// folder is an empty folder to extract into, beside a file that must stay.
type folder struct {
	*os.Root
	path string
}

func newFolder(t *testing.T) folder {
	t.Helper()
	parent := t.TempDir()
	path := filepath.Join(parent, "target")
	check(t, os.Mkdir(path, 0o755))
	check(t, os.WriteFile(filepath.Join(parent, "outside"), []byte("untouched"), 0o644))
	root, err := os.OpenRoot(path)
	check(t, err)
	t.Cleanup(func() {
		check(t, root.Close())
		if content, err := os.ReadFile(filepath.Join(parent, "outside")); err != nil || string(content) != "untouched" {
			t.Errorf("the file outside is %q, %v", content, err)
		}
		if names, err := os.ReadDir(parent); err != nil || len(names) != 2 {
			t.Errorf("beside the folder are %v, %v", names, err)
		}
	})
	return folder{Root: root, path: path}
}

// tree is what is in a folder: "mode name", and what a file or a link holds.
func (f folder) tree(t *testing.T) string {
	t.Helper()
	var lines []string
	check(t, filepath.WalkDir(f.path, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == f.path {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		name, err := filepath.Rel(f.path, path)
		if err != nil {
			return err
		}
		line := info.Mode().String() + " " + name
		switch info.Mode().Type() {
		case 0:
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			line += " " + string(content)
		case fs.ModeSymlink:
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			line = "link " + name + " " + target
		}
		lines = append(lines, line)
		return nil
	}))
	sort.Strings(lines)
	return strings.Join(lines, "\n")
}

// wantFault checks the kind of an error, and what a user would read.
func wantFault(t *testing.T, err error, kind error, text string) {
	t.Helper()
	var own *archive.Error
	if !errors.As(err, &own) || !errors.Is(err, kind) {
		t.Fatalf("the error is %v (%T), want one that is %v", err, err, kind)
	}
	if err.Error() != text {
		t.Errorf("the error is\n\t%v\nwant\n\t%s", err, text)
	}
	if strings.ContainsAny(err.Error(), "\n\r\x1b\x00") {
		t.Errorf("the error is not one printable line: %q", err)
	}
}
