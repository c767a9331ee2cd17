package archive_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/servicepack/svp/engine/archive"
)

func opens(content string) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(content)), nil }
}

var sample = []archive.Entry{
	{Path: "lib/ä", Mode: 0o600, Content: []byte("umlaut")},
	{Path: "bin/run", Mode: 0o4775, Size: 10, Open: opens("#!/bin/sh\n")},
	{Path: "lib-x", Mode: 0o640, Content: nil},
	{Path: "etc", Mode: fs.ModeDir | 0o700},
}

func zipBytes(t testing.TB, entries []archive.Entry) []byte {
	t.Helper()
	var buffer bytes.Buffer
	check(t, archive.WriteZip(t.Context(), &buffer, entries))
	return buffer.Bytes()
}

// A package is known by its bytes: they must not change with svp or with Go.
func TestZipIsTheSameForever(t *testing.T) {
	const want = "sha256:bcedfd59d1d3468fcb4cfbac5d454645726ccc3f2a345ec8586a46cbc2f6adf0"
	if got := fmt.Sprintf("sha256:%x", sha256.Sum256(zipBytes(t, sample))); got != want {
		t.Errorf("the archive is %s, want %s", got, want)
	}
	reversed := []archive.Entry{sample[3], sample[2], {Path: "./lib/", Mode: fs.ModeDir}, sample[1], sample[0]}
	if !bytes.Equal(zipBytes(t, reversed), zipBytes(t, sample)) {
		t.Error("another order of the entries gives other bytes")
	}
}

func TestZipHoldsNothingButNamesModesAndContents(t *testing.T) {
	content := zipBytes(t, sample)
	reader, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	check(t, err)
	type row struct {
		Name, Mode, Content, Modified string
		Method, Flags                 uint16
		Extra                         []byte
	}
	var got []row
	for _, file := range reader.File {
		opened, err := file.Open()
		check(t, err)
		text, err := io.ReadAll(opened)
		check(t, err)
		got = append(got, row{
			file.Name, file.Mode().String(), string(text), file.Modified.Format("2006-01-02 15:04"), file.Method, file.Flags, file.Extra,
		})
	}
	const day = "1980-01-01 00:00"
	want := []row{
		{Name: "bin/", Mode: "drwxr-xr-x", Modified: day, Extra: []byte{}},
		{Name: "bin/run", Mode: "-rwxr-xr-x", Content: "#!/bin/sh\n", Modified: day, Extra: []byte{}},
		{Name: "etc/", Mode: "drwxr-xr-x", Modified: day, Extra: []byte{}},
		{Name: "lib/", Mode: "drwxr-xr-x", Modified: day, Extra: []byte{}},
		{Name: "lib-x", Mode: "-rw-r--r--", Modified: day, Extra: []byte{}},
		{Name: "lib/ä", Mode: "-rw-r--r--", Content: "umlaut", Modified: day, Flags: 0x800, Extra: []byte{}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
}

func TestZipComesBackAsItWas(t *testing.T) {
	content := zipBytes(t, sample)
	target := newFolder(t)
	listed, err := archive.ListZip(bytes.NewReader(content), int64(len(content)), archive.DefaultLimits)
	check(t, err)
	extracted, err := archive.ExtractZip(t.Context(), bytes.NewReader(content), int64(len(content)), target.Root, archive.DefaultLimits)
	check(t, err)
	const want = "-rw-r--r-- lib-x \n-rw-r--r-- lib/ä umlaut\n-rwxr-xr-x bin/run #!/bin/sh\n\ndrwxr-xr-x bin\ndrwxr-xr-x etc\ndrwxr-xr-x lib"
	if diff := cmp.Diff(want, target.tree(t)); diff != "" {
		t.Errorf("extracted (-want +got):\n%s", diff)
	}
	for _, entries := range [][]archive.Entry{listed, extracted} {
		if !bytes.Equal(zipBytes(t, entries), content) {
			t.Error("written again, it is another archive")
		}
	}
}

// cannotBeWritten are entries that no reader would take.
var cannotBeWritten = []struct {
	name    string
	entries []archive.Entry
	want    string
}{
	{"a name that leads out", []archive.Entry{{Path: "../x"}}, `"../x": leads out of the archive`},
	{"an absolute name", []archive.Entry{{Path: "/etc/x"}}, `"/etc/x": an absolute name`},
	{"two of one name", []archive.Entry{{Path: "a"}, {Path: "a"}}, `"a": there twice`},
	{"names in two cases", []archive.Entry{{Path: "lib/a"}, {Path: "lib/A"}}, `"lib/a": differs from "lib/A" in upper and lower case only`},
	{"folders in two cases", []archive.Entry{{Path: "lib/a"}, {Path: "Lib/b"}}, `"lib": differs from "Lib" in upper and lower case only`},
	{"a file and a folder", []archive.Entry{{Path: "a"}, {Path: "a/b"}}, `"a": both a file and a folder`},
	{"a link in a link", []archive.Entry{{Path: "a", Mode: fs.ModeSymlink, Link: "b"}, {Path: "a/b"}}, `"a": both a file and a folder`},
}

func TestZipRefusesToBeWritten(t *testing.T) {
	for _, test := range append(cannotBeWritten, []struct {
		name    string
		entries []archive.Entry
		want    string
	}{
		{"a symlink", []archive.Entry{{Path: "l", Mode: fs.ModeSymlink, Link: "a"}}, `"l": a symlink; a zip archive holds files and folders only`},
	}...) {
		t.Run(test.name, func(t *testing.T) {
			wantFault(t, archive.WriteZip(t.Context(), io.Discard, test.entries), archive.ErrUnsafe, test.want)
		})
	}
}

func TestZipOfWhatChangesFails(t *testing.T) {
	reads := 0
	changing := archive.Entry{Path: "a", Mode: 0o644, Open: func() (io.ReadCloser, error) {
		reads++
		return io.NopCloser(strings.NewReader(fmt.Sprint("read ", reads))), nil
	}}
	err := archive.WriteZip(t.Context(), io.Discard, []archive.Entry{changing})
	if err == nil || err.Error() != "archive a: it changed while it was read" {
		t.Errorf("WriteZip = %v", err)
	}
}

func TestZipOfAFailingSourceFails(t *testing.T) {
	failure := errors.New("disk on fire")
	failing := archive.Entry{Path: "a", Mode: 0o644, Open: func() (io.ReadCloser, error) { return nil, failure }}
	if err := archive.WriteZip(t.Context(), io.Discard, []archive.Entry{failing}); !errors.Is(err, failure) {
		t.Errorf("WriteZip = %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := archive.WriteZip(ended, io.Discard, sample); !errors.Is(err, context.Canceled) {
		t.Errorf("WriteZip when it is interrupted = %v", err)
	}
}
