package archive_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
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

// extractZip extracts into a folder that must stay empty if the names or sizes are
// at fault.
func extractZip(t *testing.T, content []byte, l archive.Limits) (folder, error) {
	t.Helper()
	target := newFolder(t)
	_, err := archive.ExtractZip(t.Context(), bytes.NewReader(content), int64(len(content)), target.Root, l)
	_, listErr := archive.ListZip(bytes.NewReader(content), int64(len(content)), l)
	if listErr != nil && (err == nil || err.Error() != listErr.Error()) {
		t.Errorf("ListZip = %v, ExtractZip = %v", listErr, err)
	}
	if listErr != nil && target.tree(t) != "" {
		t.Errorf("before the error there was extracted:\n%s", target.tree(t))
	}
	return target, err
}

func TestZipWithBadNamesIsRefused(t *testing.T) {
	long := strings.Repeat("n", 300)
	tests := []struct {
		names []string
		want  string
	}{
		{[]string{"../escaped"}, `"../escaped": leads out of the archive`},
		{[]string{"a/../../escaped"}, `"a/../../escaped": leads out of the archive`},
		{[]string{"a/.."}, `"a/..": leads out of the archive`},
		{[]string{"./../escaped"}, `"./../escaped": leads out of the archive`},
		{[]string{"/etc/cron.d/x"}, `"/etc/cron.d/x": an absolute name`},
		{[]string{"//x"}, `"//x": an absolute name`},
		{[]string{`..\escaped`}, `"..\\escaped": its name holds a backslash`},
		{[]string{`a\b`}, `"a\\b": its name holds a backslash`},
		{[]string{"a\x00b"}, `"a\x00b": its name holds a control character`},
		{[]string{"a\nb"}, `"a\nb": its name holds a control character`},
		{[]string{"\x1b[31m"}, `"\x1b[31m": its name holds a control character`},
		{[]string{"C:evil"}, `"C:evil": its name begins with a drive letter`},
		{[]string{"c:/evil"}, `"c:/evil": its name begins with a drive letter`},
		{[]string{"\xff"}, `"\xff": its name is not UTF-8`},
		{[]string{""}, `an entry has no name`},
		{[]string{"a//b"}, `"a//b": not a plain name`},
		{[]string{"a/./b"}, `"a/./b": not a plain name`},
		{[]string{long}, `"` + long[:200] + `…": longer than a file's name can be`},
		{[]string{strings.Repeat("a/", 600) + "b"}, `"` + strings.Repeat("a/", 100) + `…": its name is longer than 1024 bytes`},
		{[]string{"."}, `".": both a file and a folder`},
		{[]string{"a", "a"}, `"a": there twice`},
		{[]string{"a", "./a"}, `"a": there twice`},
		{[]string{"a/", "a/"}, `"a": there twice`},
		{[]string{"bin/run", "bin/RUN"}, `"bin/RUN": differs from "bin/run" in upper and lower case only`},
		{[]string{"bin/run", "BIN/x"}, `"BIN": differs from "bin" in upper and lower case only`},
		{[]string{"ä", "Ä"}, `"Ä": differs from "ä" in upper and lower case only`},
		{[]string{"a", "a/b"}, `"a": both a file and a folder`},
		{[]string{"a/b", "a"}, `"a": both a file and a folder`},
		{[]string{"a", "a/"}, `"a": both a file and a folder`},
		{[]string{"a/", "a"}, `"a": both a file and a folder`},
	}
	for _, test := range tests {
		t.Run(strings.Join(test.names, " "), func(t *testing.T) {
			files := []zipped{{name: "first", mode: 0o644, content: "first"}}
			for _, name := range test.names {
				mode := fs.FileMode(0o644)
				if strings.HasSuffix(name, "/") {
					mode = fs.ModeDir | 0o755
				}
				files = append(files, zipped{name: name, mode: mode})
			}
			_, err := extractZip(t, zipOf(t, files...), archive.DefaultLimits)
			wantFault(t, err, archive.ErrUnsafe, test.want)
		})
	}
}

func TestZipHoldsFilesAndFoldersOnly(t *testing.T) {
	tests := []struct {
		file zipped
		want string
	}{
		{zipped{name: "link", mode: fs.ModeSymlink | 0o777, content: "/etc"}, `"link": neither a file nor a folder; a zip archive holds nothing else`},
		{zipped{name: "fifo", mode: fs.ModeNamedPipe | 0o644}, `"fifo": neither a file nor a folder; a zip archive holds nothing else`},
		{zipped{name: "disk", mode: fs.ModeDevice | 0o644}, `"disk": neither a file nor a folder; a zip archive holds nothing else`},
		{zipped{name: "tty", mode: fs.ModeDevice | fs.ModeCharDevice | 0o644}, `"tty": neither a file nor a folder; a zip archive holds nothing else`},
		{zipped{name: "socket", mode: fs.ModeSocket | 0o644}, `"socket": neither a file nor a folder; a zip archive holds nothing else`},
		{zipped{name: "link/", mode: fs.ModeSymlink | 0o777}, `"link/": neither a file nor a folder; a zip archive holds nothing else`},
		{zipped{name: "folder", mode: fs.ModeDir | 0o755}, `"folder": both a file and a folder`},
	}
	for _, test := range tests {
		t.Run(test.file.name, func(t *testing.T) {
			_, err := extractZip(t, zipOf(t, test.file), archive.DefaultLimits)
			wantFault(t, err, archive.ErrUnsafe, test.want)
		})
	}
}

func TestZipModesAreTwoWhateverTheUmask(t *testing.T) {
	content := zipOf(t,
		zipped{name: "setuid", mode: fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky | 0o777, content: "s"},
		zipped{name: "private", mode: 0o600}, zipped{name: "none", mode: 0}, zipped{name: "owner", mode: 0o100},
		zipped{name: "shut/", mode: fs.ModeDir | fs.ModeSticky}, zipped{name: "deep/er/x", mode: 0o755},
	)
	defer syscall.Umask(syscall.Umask(0o077))
	target, err := extractZip(t, content, archive.DefaultLimits)
	check(t, err)
	const want = "-rw-r--r-- none \n-rw-r--r-- private \n-rwxr-xr-x deep/er/x \n-rwxr-xr-x owner \n-rwxr-xr-x setuid s\n" +
		"drwxr-xr-x deep\ndrwxr-xr-x deep/er\ndrwxr-xr-x shut"
	if diff := cmp.Diff(want, target.tree(t)); diff != "" {
		t.Errorf("extracted (-want +got):\n%s", diff)
	}
}

func TestZipOfOtherProgramsIsRead(t *testing.T) {
	files := []zipped{
		{name: "./", mode: fs.ModeDir | 0o755},
		{name: "./bin/run", mode: 0o755, content: strings.Repeat("run", 100), method: zip.Deflate},
		{name: "etc/", mode: fs.ModeDir | 0o755},
		{name: "etc/empty", mode: 0o644},
	}
	const want = "-rw-r--r-- etc/empty \n-rwxr-xr-x bin/run "
	for name, content := range map[string][]byte{
		"compressed, with sizes behind the contents": zipOf(t, files...),
		"with a comment":                      withComment(zipOf(t, files...), "made by hand"),
		"with a directory for large archives": with64(zipOf(t, files...)),
		"empty":                               zipOf(t),
	} {
		t.Run(name, func(t *testing.T) {
			target, err := extractZip(t, content, archive.DefaultLimits)
			check(t, err)
			if got := target.tree(t); name != "empty" && !strings.HasPrefix(got, want) {
				t.Errorf("extracted:\n%s", got)
			}
		})
	}
}

func TestZipBombsAreRefused(t *testing.T) {
	many := make([]zipped, 21)
	for i := range many {
		many[i] = zipped{name: strings.Repeat("x", i+1), mode: 0o644}
	}
	tests := []struct {
		name  string
		files []zipped
		want  string
	}{
		{"many entries", many, "the archive holds more than 20 files and folders"},
		{"many folders in a name", []zipped{{name: strings.Repeat("d/", 20) + "x", mode: 0o644}}, "the archive holds more than 20 files and folders"},
		{"a large file", []zipped{{name: "a", mode: 0o644, content: strings.Repeat("0", 601), method: zip.Deflate}}, `"a": larger than 600 bytes`},
		{
			"large files", []zipped{
				{name: "a", mode: 0o644, content: strings.Repeat("0", 600), method: zip.Deflate},
				{name: "b", mode: 0o644, content: strings.Repeat("0", 401), method: zip.Deflate},
			}, `"b": with this file the archive holds more than 1000 bytes`,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := extractZip(t, zipOf(t, test.files...), small)
			wantFault(t, err, archive.ErrTooLarge, test.want)
		})
	}
}

// What is at the end of an archive that zipOf makes, and of the last header before.
const endLen = 22

func endOf(content []byte) []byte { return content[len(content)-endLen:] }

// directoryOf is the part of an archive that lists its files.
func directoryOf(content []byte) []byte {
	return content[binary.LittleEndian.Uint32(endOf(content)[16:]) : len(content)-endLen]
}

func put16(b []byte, at int, value uint16) { binary.LittleEndian.PutUint16(b[at:], value) }

func put32(b []byte, at int, value uint32) { binary.LittleEndian.PutUint32(b[at:], value) }

func withComment(content []byte, comment string) []byte {
	changed := append(bytes.Clone(content), comment...)
	put16(changed, len(content)-2, uint16(len(comment)))
	return changed
}

// with64 writes the end as it is for archives that are too large for the old one.
func with64(content []byte) []byte {
	end, body := endOf(content), content[:len(content)-endLen]
	record := make([]byte, 56)
	copy(record, "PK\x06\x06")
	binary.LittleEndian.PutUint64(record[4:], 44)
	binary.LittleEndian.PutUint64(record[24:], uint64(binary.LittleEndian.Uint16(end[8:])))
	binary.LittleEndian.PutUint64(record[32:], uint64(binary.LittleEndian.Uint16(end[10:])))
	binary.LittleEndian.PutUint64(record[40:], uint64(binary.LittleEndian.Uint32(end[12:])))
	binary.LittleEndian.PutUint64(record[48:], uint64(binary.LittleEndian.Uint32(end[16:])))
	locator := make([]byte, 20)
	copy(locator, "PK\x06\x07")
	binary.LittleEndian.PutUint64(locator[8:], uint64(len(body)))
	put32(locator, 16, 1)
	last := bytes.Clone(end)
	for at := 8; at < 20; at++ {
		last[at] = 0xff
	}
	return bytes.Join([][]byte{body, record, locator, last}, nil)
}

// with64Sizes writes the sizes of the first file as they are for large ones, in an
// extra field of that length, which needs to be 16.
func with64Sizes(content []byte, length int) []byte {
	directory, end := directoryOf(content), bytes.Clone(endOf(content))
	header := directory[:46+int(binary.LittleEndian.Uint16(directory[28:]))]
	rest := directory[len(header)+int(binary.LittleEndian.Uint16(directory[30:])):]
	changed, extra := bytes.Clone(header), make([]byte, 20)
	put16(changed, 30, uint16(4+length))
	put16(extra, 0, 1)
	put16(extra, 2, uint16(length))
	put32(extra, 4, binary.LittleEndian.Uint32(header[24:]))
	put32(extra, 12, binary.LittleEndian.Uint32(header[20:]))
	put32(changed, 20, 0xffffffff)
	put32(changed, 24, 0xffffffff)
	list := bytes.Join([][]byte{changed, extra[:4+length], rest}, nil)
	put32(end, 12, uint32(len(list)))
	return bytes.Join([][]byte{content[:binary.LittleEndian.Uint32(end[16:])], list, end}, nil)
}

func TestZipThatLiesIsRefused(t *testing.T) {
	content := strings.Repeat("0", 300)
	original := zipBytes(t, []archive.Entry{{Path: "a", Mode: 0o644, Content: []byte(content)}, {Path: "b", Mode: 0o755, Content: []byte("b")}})
	deflated := zipOf(t, zipped{name: "a", mode: 0o644, content: content, method: zip.Deflate})
	second := bytes.LastIndex(original, []byte("PK\x03\x04"))
	// Offsets in a header of the directory.
	const flags, method, crc, packed, size, offset, name = 8, 10, 16, 20, 24, 42, 46
	tests := []struct {
		name   string
		of     []byte
		change func(content []byte) []byte
		kind   error
		want   string
	}{
		{"a size that is too small", deflated, func(c []byte) []byte { put32(directoryOf(c), size, 10); return c }, archive.ErrDamaged, `"a": it is not what the archive says`},
		{"a size that is too large", deflated, func(c []byte) []byte { put32(directoryOf(c), size, 500); return c }, archive.ErrDamaged, `"a": the archive is cut off`},
		{"a checksum", deflated, func(c []byte) []byte { put32(directoryOf(c), crc, 1); return c }, archive.ErrDamaged, `"a": its checksum is wrong`},
		{"contents", original, func(c []byte) []byte { c[31]++; return c }, archive.ErrDamaged, `"a": its checksum is wrong`},
		{
			"a name in the directory only", original, func(c []byte) []byte { directoryOf(c)[name] = 'z'; return c }, archive.ErrDamaged,
			`"z": the directory says something else than the entry itself`,
		},
		{
			"a size in the directory only", original, func(c []byte) []byte {
				put32(directoryOf(c), size, 299)
				return c
			}, archive.ErrDamaged, `"a": the directory says something else than the entry itself`,
		},
		{
			"a method in the directory only", original, func(c []byte) []byte { put16(directoryOf(c), method, zip.Deflate); return c },
			archive.ErrDamaged, `"a": the directory says something else than the entry itself`,
		},
		{
			"an unknown method", original, func(c []byte) []byte { put16(directoryOf(c), method, 99); put16(c, 8, 99); return c },
			archive.ErrDamaged, `"a": it is compressed in a way that is not known here (method 99)`,
		},
		{
			"encryption", original, func(c []byte) []byte { put16(directoryOf(c), flags, 1); put16(c, 6, 1); return c },
			archive.ErrUnsafe, `"a": it is encrypted`,
		},
		{
			"two entries in one place", original, func(c []byte) []byte {
				put32(directoryOf(c)[47:], offset, 0)
				return c
			}, archive.ErrDamaged, `"b": overlaps with another entry`,
		},
		{
			"an entry in another", original, func(c []byte) []byte {
				put32(directoryOf(c)[47:], offset, 40)
				return c
			}, archive.ErrDamaged, `"b": overlaps with another entry`,
		},
		{
			"an entry that is not listed", original, func(c []byte) []byte {
				end := endOf(c)
				put16(end, 8, 1)
				put16(end, 10, 1)
				put32(end, 12, 47)
				return append(append(c[:len(c)-endLen-47:len(c)-endLen-47], end...), []byte(nil)...)
			}, archive.ErrDamaged, "the archive's entries and its directory do not fit together",
		},
		{
			"an entry that is listed twice", original, func(c []byte) []byte { put16(endOf(c), 8, 3); put16(endOf(c), 10, 3); return c },
			archive.ErrDamaged, "the archive's directory holds 2 entries and says 3",
		},
		{"an entry outside", original, func(c []byte) []byte { put32(directoryOf(c)[47:], offset, 1<<30); return c }, archive.ErrDamaged, `"b": something that belongs to no entry stands before it`},
		{"a size outside", original, func(c []byte) []byte {
			put32(directoryOf(c)[47:], packed, 1<<30)
			put32(c[second:], 18, 1<<30)
			return c
		}, archive.ErrDamaged, `"b": it lies outside the archive`},
		{"something behind the end", original, func(c []byte) []byte { return append(c, "more"...) }, archive.ErrDamaged, "something stands behind the end of the archive"},
		{"something before the beginning", original, func(c []byte) []byte { return append([]byte("#!/bin/sh\n"), c...) }, archive.ErrDamaged, "something stands before or behind the archive's directory"},
		{"a part of several", original, func(c []byte) []byte { put16(endOf(c), 4, 1); return c }, archive.ErrDamaged, "the archive is a part of a larger one"},
		{"a huge directory", original, func(c []byte) []byte { put32(endOf(c), 12, 1<<31); return c }, archive.ErrDamaged, "something stands before or behind the archive's directory"},
		{"a large archive that is none", original, func(c []byte) []byte { put16(endOf(c), 8, 0xffff); put16(endOf(c), 10, 0xffff); return c }, archive.ErrDamaged, "the archive's directory is damaged"},
		{"sizes of a large file that are not there", original, func(c []byte) []byte { return with64Sizes(c, 8) }, archive.ErrDamaged, `"a": its sizes are damaged`},
		{"another place for a large one's directory", original, func(c []byte) []byte { c = with64(c); c[len(c)-endLen-20+8]++; return c }, archive.ErrDamaged, "the archive's directory is damaged"},
		{"a large one's size", original, func(c []byte) []byte { c = with64(c); c[len(c)-endLen-20-56+40]++; return c }, archive.ErrDamaged, "something stands before or behind the archive's directory"},
		{"another kind of file", []byte("PK is not enough"), func(c []byte) []byte { return c }, archive.ErrDamaged, "not a zip archive, or one that is cut off"},
		{"nothing", nil, func(c []byte) []byte { return c }, archive.ErrDamaged, "not a zip archive, or one that is cut off"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := extractZip(t, test.change(bytes.Clone(test.of)), archive.DefaultLimits)
			wantFault(t, err, test.kind, test.want)
		})
	}
}

func TestZipThatIsCutOffIsRefused(t *testing.T) {
	content := zipBytes(t, sample)
	for length := range content {
		if _, err := archive.ListZip(bytes.NewReader(content[:length]), int64(length), archive.DefaultLimits); !errors.Is(err, archive.ErrDamaged) {
			t.Errorf("of %d bytes the first %d are read: %v", len(content), length, err)
		}
	}
}

func TestZipErrorsOfThisMachineAreNotTheArchives(t *testing.T) {
	content := zipBytes(t, sample)
	target := newFolder(t)
	check(t, os.WriteFile(filepath.Join(target.path, "bin"), nil, 0o644))
	_, err := archive.ExtractZip(t.Context(), bytes.NewReader(content), int64(len(content)), target.Root, archive.DefaultLimits)
	var own *archive.Error
	if !errors.Is(err, fs.ErrExist) || errors.As(err, &own) {
		t.Errorf("into a folder that is not empty: %v", err)
	}
	failure := errors.New("disk on fire")
	if _, err := archive.ListZip(failingReader{failure}, 1000, archive.DefaultLimits); !errors.Is(err, failure) || errors.As(err, &own) {
		t.Errorf("of a disk on fire: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	other := newFolder(t)
	if _, err := archive.ExtractZip(ended, bytes.NewReader(content), int64(len(content)), other.Root, archive.DefaultLimits); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}

type failingReader struct{ err error }

func (r failingReader) ReadAt([]byte, int64) (int, error) { return 0, r.err }

func (r failingReader) Read([]byte) (int, error) { return 0, r.err }

func TestListedZipGivesContents(t *testing.T) {
	content := zipBytes(t, sample)
	entries, err := archive.ListZip(bytes.NewReader(content), int64(len(content)), archive.DefaultLimits)
	check(t, err)
	for _, entry := range entries {
		if entry.Path != "bin/run" {
			continue
		}
		opened, err := entry.Open()
		check(t, err)
		defer opened.Close()
		if text, err := io.ReadAll(opened); err != nil || string(text) != "#!/bin/sh\n" || entry.Size != 10 || entry.Mode != 0o755 {
			t.Errorf("%+v: %q, %v", entry, text, err)
		}
		return
	}
	t.Errorf("the entries are %v", entries)
}
