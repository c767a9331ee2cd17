package archive_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/servicepack/svp/engine/archive"
)

var linked = append([]archive.Entry{{Path: "bin/also", Mode: fs.ModeSymlink | 0o777, Link: "../lib/ä"}}, sample...)

func tarGzBytes(t testing.TB, entries []archive.Entry) []byte {
	t.Helper()
	var buffer bytes.Buffer
	check(t, archive.WriteTarGz(t.Context(), &buffer, entries))
	return buffer.Bytes()
}

// extractTarGz extracts, and makes sure that a list has the same to say.
func extractTarGz(t *testing.T, content []byte, l archive.Limits) (folder, error) {
	t.Helper()
	target := newFolder(t)
	entries, err := archive.ExtractTarGz(t.Context(), bytes.NewReader(content), target.Root, l)
	listed, listErr := archive.ListTarGz(t.Context(), bytes.NewReader(content), l)
	if fmt.Sprint(err) != fmt.Sprint(listErr) {
		t.Errorf("ExtractTarGz = %v, ListTarGz = %v", err, listErr)
	}
	if diff := cmp.Diff(entries, listed); diff != "" {
		t.Errorf("the entries differ (-extracted +listed):\n%s", diff)
	}
	return target, err
}

func TestTarGzIsTheSameForever(t *testing.T) {
	const want = "sha256:948a5429e17ba43c6a26f50598c65cb768adf8c37a2470ae72b0da8fa62f816a"
	if got := fmt.Sprintf("sha256:%x", sha256.Sum256(tarGzBytes(t, linked))); got != want {
		t.Errorf("the archive is %s, want %s", got, want)
	}
}

func TestTarGzComesBackAsItWas(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o077))
	target, err := extractTarGz(t, tarGzBytes(t, linked), archive.DefaultLimits)
	check(t, err)
	const want = "-rw-r--r-- lib-x \n-rw-r--r-- lib/ä umlaut\n-rwxr-xr-x bin/run #!/bin/sh\n\n" +
		"drwxr-xr-x bin\ndrwxr-xr-x etc\ndrwxr-xr-x lib\nlink bin/also ../lib/ä"
	if diff := cmp.Diff(want, target.tree(t)); diff != "" {
		t.Errorf("extracted (-want +got):\n%s", diff)
	}
}

func TestTarGzRefusesToBeWritten(t *testing.T) {
	for _, test := range cannotBeWritten {
		wantFault(t, archive.WriteTarGz(t.Context(), io.Discard, test.entries), archive.ErrUnsafe, test.want)
	}
	leaving := []archive.Entry{{Path: "l", Mode: fs.ModeSymlink, Link: "../x"}}
	wantFault(t, archive.WriteTarGz(t.Context(), io.Discard, leaving), archive.ErrUnsafe, `"l": a symlink to "../x", which is outside the archive`)
	shrunk := []archive.Entry{{Path: "a", Size: 9, Open: opens("short")}}
	if err := archive.WriteTarGz(t.Context(), io.Discard, shrunk); err == nil {
		t.Error("a file that became shorter was archived")
	}
}

func TestTarGzThatIsUnsafeIsRefused(t *testing.T) {
	special := func(kind byte, name string) tarred { return tarred{Header: tar.Header{Typeflag: kind, Name: name}} }
	hard := func(name, to string) tarred {
		return tarred{Header: tar.Header{Typeflag: tar.TypeLink, Name: name, Linkname: to}}
	}
	tests := []struct {
		name    string
		entries []tarred
		want    string
	}{
		{"a name that leads out", []tarred{tarFile("../escaped", "x")}, `"../escaped": leads out of the archive`},
		{"an absolute name", []tarred{tarFile("/etc/x", "x")}, `"/etc/x": an absolute name`},
		{"a backslash", []tarred{tarFile(`..\x`, "x")}, `"..\\x": its name holds a backslash`},
		{"a drive letter", []tarred{tarFile(`c:x`, "x")}, `"c:x": its name begins with a drive letter`},
		{"a control character", []tarred{tarFile("a\x1bb", "x")}, `"a\x1bb": its name holds a control character`},
		{"two of one name", []tarred{tarFile("a", "x"), tarFile("./a", "y")}, `"a": there twice`},
		{"names in two cases", []tarred{tarFile("a/x", "x"), tarFile("a/X", "y")}, `"a/X": differs from "a/x" in upper and lower case only`},
		{"a file as a folder", []tarred{tarFile("a", "x"), tarFile("a/b", "y")}, `"a": both a file and a folder`},
		{"a folder as a file", []tarred{tarFile("a/b", "x"), tarFile("a", "y")}, `"a": both a file and a folder`},
		{"the whole as a file", []tarred{tarFile(".", "x")}, `".": both a file and a folder`},
		{"the whole as a link", []tarred{tarLink(".", "x")}, `".": both a file and a folder`},
		{"a device", []tarred{special(tar.TypeBlock, "sda")}, `"sda": neither a file, a folder nor a link`},
		{"a terminal", []tarred{special(tar.TypeChar, "tty")}, `"tty": neither a file, a folder nor a link`},
		{"a named pipe", []tarred{special(tar.TypeFifo, "pipe")}, `"pipe": neither a file, a folder nor a link`},
		{"something new", []tarred{special('Z', "new")}, `"new": neither a file, a folder nor a link`},
		{"a link to the outside", []tarred{tarLink("l", "../x")}, `"l": a symlink to "../x", which is outside the archive`},
		{"a link to above", []tarred{tarLink("a/l", "../..")}, `"a/l": a symlink to "../..", which is outside the archive`},
		{"an absolute link", []tarred{tarLink("l", "/etc")}, `"l": a symlink to "/etc", which is not a plain relative path`},
		{"a link to nothing", []tarred{tarLink("l", "")}, `"l": a symlink to "", which is not a plain relative path`},
		{"a link with a detour", []tarred{tarLink("d/up", ".."), tarLink("l", "d/up/..")}, `"l": a symlink to "d/up/..", which is not a plain relative path`},
		{"a file through a link", []tarred{tarLink("l", "a"), tarFile("l/x", "x")}, `"l": a symlink, and something is in it`},
		{"a link through a link", []tarred{tarLink("l", "."), tarLink("l/m", "..")}, `"l": a symlink, and something is in it`},
		{"a file over a link", []tarred{tarLink("l", "a"), tarFile("l", "x")}, `"l": there twice`},
		{"a folder over a link", []tarred{tarLink("l", "a"), special(tar.TypeDir, "l/")}, `"l": both a file and a folder`},
		{"a hard link to the outside", []tarred{hard("h", "../outside")}, `"h": a hard link to "../outside", which is not a plain relative path`},
		{"an absolute hard link", []tarred{hard("h", "/etc/passwd")}, `"h": a hard link to "/etc/passwd", which is not a plain relative path`},
		{"a hard link to a link", []tarred{tarLink("l", "a"), hard("h", "l")}, `"h": a hard link to "l", which is no file before it in the archive`},
		{"a hard link to itself", []tarred{hard("h", "h")}, `"h": a hard link to "h", which is no file before it in the archive`},
		{"a hard link over a file", []tarred{tarFile("a", "x"), tarFile("h", "y"), hard("h", "a")}, `"h": there twice`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := extractTarGz(t, tarGzOf(t, test.entries...), archive.DefaultLimits)
			wantFault(t, err, archive.ErrUnsafe, test.want)
		})
	}
}

func TestTarGzOfOtherProgramsIsRead(t *testing.T) {
	content := tarGzOf(t,
		tarred{Header: tar.Header{Typeflag: tar.TypeXGlobalHeader, PAXRecords: map[string]string{"comment": "of git"}}},
		tarred{Header: tar.Header{Typeflag: tar.TypeDir, Name: "./", Mode: 0o755}},
		tarred{Header: tar.Header{Typeflag: tar.TypeReg, Name: "./a/run", Mode: 0o4750, Uid: 1000, Uname: "me"}, content: "run"},
		tarLink("./a/l", "run"), tarLink("later", "a/none"), tarLink("all", "."), tarLink("a/slash", "../a/"),
		tarred{Header: tar.Header{Typeflag: tar.TypeLink, Name: "b/hard", Linkname: "./a/run"}},
		tarred{Header: tar.Header{Typeflag: tar.TypeDir, Name: "a/", Mode: 0o700}},
	)
	target, err := extractTarGz(t, content, archive.DefaultLimits)
	check(t, err)
	const want = "-rwxr-xr-x a/run run\n-rwxr-xr-x b/hard run\ndrwxr-xr-x a\ndrwxr-xr-x b\n" +
		"link a/l run\nlink a/slash ../a/\nlink all .\nlink later a/none"
	if diff := cmp.Diff(want, target.tree(t)); diff != "" {
		t.Errorf("extracted (-want +got):\n%s", diff)
	}
}

func TestTarGzBombsAreRefused(t *testing.T) {
	many := make([]tarred, 21)
	for i := range many {
		many[i] = tarFile(strings.Repeat("x", i+1), "")
	}
	tests := []struct {
		name    string
		content []byte
		want    string
	}{
		{"many entries", tarGzOf(t, many...), "the archive holds more than 20 files and folders"},
		{"many folders in a name", tarGzOf(t, tarFile(strings.Repeat("d/", 20)+"x", "")), "the archive holds more than 20 files and folders"},
		{"a large file", tarGzOf(t, tarFile("a", strings.Repeat("0", 601))), `"a": larger than 600 bytes`},
		{
			"large files", tarGzOf(t, tarFile("a", strings.Repeat("0", 600)), tarFile("b", strings.Repeat("0", 401))),
			`"b": with this file the archive holds more than 1000 bytes`,
		},
		{"a file with holes", sparse(t), `"a": larger than 600 bytes`},
		{"headers", longHeaders(t), "the archive holds more than 1000 bytes"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := extractTarGz(t, test.content, small)
			wantFault(t, err, archive.ErrTooLarge, test.want)
		})
	}
	padded := gzipOf(t, make([]byte, 2<<20))
	_, err := extractTarGz(t, padded, archive.DefaultLimits)
	wantFault(t, err, archive.ErrDamaged, "something stands behind the end of the archive")
}

// sparse is a file of a terabyte, all of it a hole, as GNU tar writes it.
func sparse(t testing.TB) []byte {
	t.Helper()
	var buffer bytes.Buffer
	writer := tar.NewWriter(&buffer)
	check(t, writer.WriteHeader(&tar.Header{
		Typeflag: tar.TypeReg, Name: "GNUSparseFile.0/x", Mode: 0o644, Size: 512, Format: tar.FormatPAX,
		PAXRecords: map[string]string{"VENDOR.marker": "1"},
	}))
	_, err := writer.Write(append([]byte("1\n1099511627776\n0\n"), make([]byte, 512-18)...))
	check(t, err)
	check(t, writer.Close())
	// The library does not write such files, and reads them: the records get
	// other keys, of the same length together.
	return gzipOf(t, withRecords(t, buffer.Bytes(),
		"GNU.sparse.major=1", "GNU.sparse.minor=0", "GNU.sparse.name=a", "GNU.sparse.realsize=1099511627776"))
}

// withRecords replaces the extended header that a tar stream begins with.
func withRecords(t testing.TB, stream []byte, records ...string) []byte {
	t.Helper()
	var text strings.Builder
	for _, record := range records {
		length := len(record) + 3
		for len(fmt.Sprint(length))+len(record)+2 != length {
			length++
		}
		fmt.Fprintf(&text, "%d %s\n", length, record)
	}
	block := make([]byte, 512)
	copy(block, text.String())
	var buffer bytes.Buffer
	writer := tar.NewWriter(&buffer)
	check(t, writer.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "PaxHeaders.0/x", Size: int64(text.Len()), Format: tar.FormatUSTAR}))
	header := buffer.Bytes()[:512]
	header[156] = 'x'
	copy(header[148:156], "        ")
	sum := 0
	for _, b := range header {
		sum += int(b)
	}
	copy(header[148:], fmt.Sprintf("%06o\x00 ", sum))
	return bytes.Join([][]byte{header, block, stream[1024:]}, nil)
}

// longHeaders are many files of nothing but names and records.
func longHeaders(t *testing.T) []byte {
	t.Helper()
	var entries []tarred
	for i := range 10 {
		file := tarFile(fmt.Sprint(i), "")
		file.PAXRecords = map[string]string{"VENDOR.x": strings.Repeat("x", 1<<19)}
		entries = append(entries, file)
	}
	return tarGzOf(t, entries...)
}

func gunzipped(t testing.TB, content []byte) []byte {
	t.Helper()
	stream, err := gzip.NewReader(bytes.NewReader(content))
	check(t, err)
	plain, err := io.ReadAll(stream)
	check(t, err)
	return plain
}

func TestTarGzThatIsDamagedIsRefused(t *testing.T) {
	content := tarGzBytes(t, linked)
	short := gzipOf(t, gunzipped(t, content))
	for length := range short {
		if _, err := archive.ListTarGz(t.Context(), bytes.NewReader(short[:length]), archive.DefaultLimits); !errors.Is(err, archive.ErrDamaged) {
			t.Errorf("of %d bytes the first %d are read: %v", len(short), length, err)
		}
	}
	plain := gunzipped(t, content)
	flipped := bytes.Clone(content)
	flipped[len(flipped)-6]++
	tests := []struct {
		name    string
		content []byte
		want    string
	}{
		{"not compressed", plain, "not a tar.gz archive, or one that is cut off"},
		{"a zip archive", zipBytes(t, sample), "not a tar.gz archive, or one that is cut off"},
		{"another file that is compressed", gzipOf(t, bytes.Repeat([]byte("hello"), 200)), "the archive is damaged: archive/tar: invalid tar header"},
		{"something behind the end", append(bytes.Clone(content), "more"...), "the archive is cut off"},
		{"much behind the end", append(bytes.Clone(content), bytes.Repeat([]byte("more"), 100)...), "the archive is damaged: gzip: invalid header"},
		{"something behind the end of the stream", gzipOf(t, append(bytes.Clone(plain), "more"...)), "something stands behind the end of the archive"},
		{"a second archive", append(bytes.Clone(content), content...), "something stands behind the end of the archive"},
		{"a checksum", flipped, "its checksum is wrong"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := extractTarGz(t, test.content, archive.DefaultLimits)
			wantFault(t, err, archive.ErrDamaged, test.want)
		})
	}
}

func TestTarGzErrorsOfThisMachineAreNotTheArchives(t *testing.T) {
	var own *archive.Error
	failure := errors.New("disk on fire")
	content := tarGzBytes(t, sample)
	if _, err := archive.ListTarGz(t.Context(), failingReader{failure}, small); !errors.Is(err, failure) || errors.As(err, &own) {
		t.Errorf("of a disk on fire: %v", err)
	}
	half := io.MultiReader(bytes.NewReader(content[:len(content)/2]), failingReader{failure})
	if _, err := archive.ListTarGz(t.Context(), half, small); !errors.Is(err, failure) || errors.As(err, &own) {
		t.Errorf("of a disk that catches fire: %v", err)
	}
	target := newFolder(t)
	check(t, os.WriteFile(filepath.Join(target.path, "bin"), nil, 0o644))
	if _, err := archive.ExtractTarGz(t.Context(), bytes.NewReader(content), target.Root, small); !errors.Is(err, fs.ErrExist) || errors.As(err, &own) {
		t.Errorf("into a folder that is not empty: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := archive.ListTarGz(ended, bytes.NewReader(content), small); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}
