package archive_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/servicepack/svp/engine/archive"
)

func TestWrittenEntriesBelongToRootAndKeepTheirModes(t *testing.T) {
	var buffer bytes.Buffer
	err := archive.Write(&buffer, []archive.Entry{
		{Path: "etc/app", Mode: fs.ModeDir | 0o755},
		{Path: "etc/app/secret", Mode: 0o600, Content: []byte("s")},
		{Path: "etc/app/link", Mode: fs.ModeSymlink | 0o777, Link: "secret"},
		{Path: "opened", Mode: 0o755, Size: 3, Open: func() (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader([]byte("abc"))), nil
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	type row struct {
		Name, Link, Content string
		Mode                int64
		UID, GID            int
	}
	var got []row
	reader := tar.NewReader(&buffer)
	for {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(reader)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, row{header.Name, header.Linkname, string(content), header.Mode, header.Uid, header.Gid})
	}
	want := []row{
		{Name: "etc/app/", Mode: 0o755},
		{Name: "etc/app/secret", Mode: 0o600, Content: "s"},
		{Name: "etc/app/link", Mode: 0o777, Link: "secret"},
		{Name: "opened", Mode: 0o755, Content: "abc"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
}

func TestReadFileReturnsTheFirstFile(t *testing.T) {
	stream := archive.Reader([]archive.Entry{
		{Path: "d", Mode: fs.ModeDir | 0o755},
		{Path: "d/f", Mode: 0o600, Content: []byte("content")},
	})
	defer stream.Close()
	got, err := archive.ReadFile(stream, 7)
	if err != nil || string(got) != "content" {
		t.Errorf("ReadFile = %q, %v", got, err)
	}
}

func TestReadFileRefusesWhatIsTooLargeAbsentOrBroken(t *testing.T) {
	large := archive.Reader([]archive.Entry{{Path: "f", Mode: 0o600, Content: []byte("content")}})
	defer large.Close()
	if _, err := archive.ReadFile(large, 6); !errors.Is(err, archive.ErrTooLarge) {
		t.Errorf("large file: %v", err)
	}
	empty := archive.Reader(nil)
	defer empty.Close()
	if _, err := archive.ReadFile(empty, 6); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if _, err := archive.ReadFile(bytes.NewReader([]byte("not a tar stream")), 6); err == nil {
		t.Error("garbage was read without an error")
	}
}

func TestAFailingSourceFailsTheArchive(t *testing.T) {
	failure := errors.New("disk on fire")
	err := archive.Write(io.Discard, []archive.Entry{{
		Path: "f", Mode: 0o600, Size: 1, Open: func() (io.ReadCloser, error) { return nil, failure },
	}})
	if !errors.Is(err, failure) {
		t.Errorf("Write = %v", err)
	}
}
