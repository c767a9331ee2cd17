package pack_test

import (
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

	"github.com/servicepack/svp/engine/pack"
)

func TestOpenMissingFolder(t *testing.T) {
	parent := t.TempDir()
	write(t, parent, "file", "")
	for _, dir := range []string{filepath.Join(parent, "nosuch"), filepath.Join(parent, "file", "nosuch"), ""} {
		_, err := pack.Open(dir)
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Open(%q): %v does not match fs.ErrNotExist", dir, err)
		}
		if want := fmt.Sprintf("pack %q: there is no such folder", dir); err == nil || err.Error() != want {
			t.Errorf("Open(%q): %v, want %s", dir, err, want)
		}
		var invalid *pack.Error
		if errors.As(err, &invalid) {
			t.Errorf("Open(%q): a missing folder is reported as an invalid pack", dir)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	tests := []struct {
		name    string
		change  func(t *testing.T, dir string)
		options []pack.Option
		want    string
	}{
		{
			name: "a file instead of a folder",
			change: func(t *testing.T, dir string) {
				remove(t, dir)
				write(t, filepath.Dir(dir), "demo", "")
			},
			want: `pack demo: not a folder`,
		},
		{
			name:   "no bin/query",
			change: func(t *testing.T, dir string) { remove(t, dir, "bin/query") },
			want:   `pack demo: bin/query: missing; a pack has the scripts bin/query, bin/build and bin/run`,
		},
		{
			name:   "an empty folder",
			change: func(t *testing.T, dir string) { remove(t, dir, "bin") },
			want:   `pack demo: bin/query: missing; a pack has the scripts bin/query, bin/build and bin/run`,
		},
		{
			name:   "no bin/run",
			change: func(t *testing.T, dir string) { remove(t, dir, "bin/run") },
			want:   `pack demo: bin/run: missing; a pack has the scripts bin/query, bin/build and bin/run`,
		},
		{
			name: "a folder as bin/build",
			change: func(t *testing.T, dir string) {
				remove(t, dir, "bin/build")
				write(t, dir, "bin/build/base", "#!/bin/sh\n")
			},
			want: `pack demo: bin/build: not a file`,
		},
		{
			name: "bin/query not executable",
			change: func(t *testing.T, dir string) {
				check(t, os.Chmod(filepath.Join(dir, "bin/query"), 0o644))
			},
			want: `pack demo: bin/query: not executable`,
		},
		{
			name:   "no shebang",
			change: func(t *testing.T, dir string) { write(t, dir, "bin/query", "echo debian/12\n") },
			want:   `pack demo: bin/query: neither a script that begins with "#!" nor an ELF program`,
		},
		{
			name:   "an empty script",
			change: func(t *testing.T, dir string) { write(t, dir, "bin/build", "") },
			want:   `pack demo: bin/build: neither a script that begins with "#!" nor an ELF program`,
		},
		{
			name:   "an optional script without shebang",
			change: func(t *testing.T, dir string) { write(t, dir, "bin/health", "exit 0\n") },
			want:   `pack demo: bin/health: neither a script that begins with "#!" nor an ELF program`,
		},
		{
			name: "2 GB in a sparse file",
			change: func(t *testing.T, dir string) {
				write(t, dir, "data/dump", "")
				check(t, os.Truncate(filepath.Join(dir, "data/dump"), 2<<30))
			},
			want: `pack demo: data/dump: with this file (2GiB) the pack is larger than 512MiB`,
		},
		{
			name: "larger in sum than a limit",
			change: func(t *testing.T, dir string) {
				write(t, dir, "data/1", strings.Repeat("x", 600))
				write(t, dir, "data/2", strings.Repeat("x", 600))
			},
			options: []pack.Option{pack.WithSizeLimit(1 << 10)},
			want:    `pack demo: data/2: with this file (600B) the pack is larger than 1KiB`,
		},
		{
			name:    "too many files",
			change:  func(*testing.T, string) {},
			options: []pack.Option{pack.WithEntryLimit(3)},
			want:    `pack demo: holds more than 3 files and folders`,
		},
		{
			name:   "an absolute symlink",
			change: func(t *testing.T, dir string) { symlink(t, dir, "/etc/passwd", "etc/users") },
			want:   `pack demo: etc/users: symlink to "/etc/passwd", which is outside the pack's folder`,
		},
		{
			name:   "a symlink that leaves the folder",
			change: func(t *testing.T, dir string) { symlink(t, dir, "../../other", "etc/other") },
			want:   `pack demo: etc/other: symlink to "../../other", which is outside the pack's folder`,
		},
		{
			name: "a symlink that leaves the folder through another one",
			change: func(t *testing.T, dir string) {
				symlink(t, dir, "../..", "a/b/top")
				symlink(t, dir, "a/b/top/../..", "out")
			},
			want: `pack demo: out: symlink to "a/b/top/../..", which is outside the pack's folder`,
		},
		{
			name:   "a symlink to itself",
			change: func(t *testing.T, dir string) { symlink(t, dir, "round", "round") },
			want:   `pack demo: round: symlink that leads back to itself`,
		},
		{
			name: "a named pipe",
			change: func(t *testing.T, dir string) {
				check(t, syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o644))
			},
			want: `pack demo: pipe: neither a file, a folder nor a symlink`,
		},
		{
			name: "a named pipe as bin/run",
			change: func(t *testing.T, dir string) {
				remove(t, dir, "bin/run")
				check(t, syscall.Mkfifo(filepath.Join(dir, "bin/run"), 0o755))
			},
			want: `pack demo: bin/run: not a file`,
		},
		{
			name:   "a control character in a name",
			change: func(t *testing.T, dir string) { write(t, dir, "etc/a\x1b[2Jb", "") },
			want:   `pack demo: etc/a\x1b[2Jb: the file's name holds a control character`,
		},
		{
			name:   "a name that is not UTF-8",
			change: func(t *testing.T, dir string) { write(t, dir, "etc/\xff", "") },
			want:   `pack demo: etc/\xff: the file's name is not valid UTF-8`,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := newPack(t, plainQuery, nil)
			test.change(t, dir)
			_, err := pack.Open(dir, test.options...)
			wantInvalid(t, dir, err, test.want)
		})
	}
}

// None of them is left out without a word.
func TestOpenRefusesOptionalScriptsThatAreNotExecutable(t *testing.T) {
	for _, script := range []string{
		"client", "backup", "extra", "restore", "health", "bind", "unbind", "rotate", "upgrade", "fingerprint",
	} {
		name := "bin/" + script
		dir := newPack(t, plainQuery, map[string]string{name: "#!/bin/sh\n"})
		check(t, os.Chmod(filepath.Join(dir, name), 0o644))
		_, err := pack.Open(dir)
		wantInvalid(t, dir, err, `pack demo: `+name+`: not executable`)
		if invalid := asInvalid(t, err); invalid.Hint != "chmod +x "+name {
			t.Errorf("%s: the hint is %q", name, invalid.Hint)
		}
	}
}

func TestOpenRefusesWindowsLineEnds(t *testing.T) {
	for _, name := range []string{"bin/query", "bin/build", "bin/run", "bin/health"} {
		for _, script := range []string{"#!/bin/sh\r\nexit 0\r\n", "#!/bin/bash -e\r\n", "#!/bin/sh\r"} {
			dir := newPack(t, plainQuery, map[string]string{name: script})
			_, err := pack.Open(dir)
			wantInvalid(t, dir, err, `pack demo: `+name+`: has Windows line ends, so that its interpreter would not be found`)
			if invalid := asInvalid(t, err); invalid.Hint != `dos2unix `+name+`, or sed -i 's/\r$//' `+name {
				t.Errorf("%s: the hint is %q", name, invalid.Hint)
			}
		}
	}
	// Elsewhere than in the first line it is the interpreter's affair.
	open(t, newPack(t, plainQuery, map[string]string{"bin/run": "#!/bin/sh\nprintf 'a\r\nb'\n", "bin/client": "\x7fELF\r\n"}))
}

func TestOpenHints(t *testing.T) {
	dir := newPack(t, plainQuery, nil)
	check(t, os.Chmod(filepath.Join(dir, "bin/query"), 0o600))
	_, err := pack.Open(dir)
	wantInvalid(t, dir, err, `pack demo: bin/query: not executable`)
	invalid := asInvalid(t, err)
	if invalid.Hint != "chmod +x bin/query" || invalid.File != "bin/query" || invalid.Pack != dir {
		t.Errorf("the error is %+v", invalid)
	}
}

func TestName(t *testing.T) {
	tests := []struct{ folder, yaml, want string }{
		{"redis", "", "redis"},
		{"Redis 7 (new)", "", "redis-7-new"},
		{"redis", "name: keydb\n", "keydb"},
		{"@@@", "name: keydb\n", "keydb"},
	}
	for _, test := range tests {
		dir := filepath.Join(t.TempDir(), test.folder)
		check(t, os.Rename(newPack(t, plainQuery, map[string]string{"servicepack.yaml": test.yaml}), dir))
		d := open(t, dir)
		if d.Name() != test.want || d.Path() != dir {
			t.Errorf("folder %q: the name is %q, want %q; the path is %s", test.folder, d.Name(), test.want, d.Path())
		}
	}

	dir := filepath.Join(t.TempDir(), "@@@")
	check(t, os.Rename(newPack(t, plainQuery, nil), dir))
	_, err := pack.Open(dir)
	wantInvalid(t, dir, err, `pack demo: no name can be made from the folder's name, "@@@"`)
}

func TestNameOfWorkingDirectory(t *testing.T) {
	t.Chdir(newPack(t, plainQuery, nil))
	if d := open(t, "."); d.Name() != "demo" || !filepath.IsAbs(d.Path()) {
		t.Errorf("the name is %q, the path %q", d.Name(), d.Path())
	}
}

func TestFiles(t *testing.T) {
	dir := newPack(t, plainQuery, map[string]string{
		"lib/b":        "12345",
		"lib.sh":       "",
		".git/HEAD":    "",
		"sub/.git":     "gitdir: ../x\n",
		"sub/.svn/a/b": "",
	})
	symlink(t, dir, "../lib/b", "bin/other")
	symlink(t, dir, "made-by-the-build", "later")
	check(t, os.Chmod(filepath.Join(dir, "lib/b"), 0o600))
	check(t, os.Chmod(filepath.Join(dir, "bin/run"), 0o700))

	d := open(t, dir)
	want := []pack.File{
		{Path: "bin", Mode: fs.ModeDir | 0o755},
		{Path: "bin/build", Mode: 0o755, Size: 10},
		{Path: "bin/other", Mode: fs.ModeSymlink | 0o777, Link: "../lib/b"},
		{Path: "bin/query", Mode: 0o755, Size: int64(len(plainQuery))},
		{Path: "bin/run", Mode: 0o755, Size: 26},
		{Path: "later", Mode: fs.ModeSymlink | 0o777, Link: "made-by-the-build"},
		{Path: "lib", Mode: fs.ModeDir | 0o755},
		{Path: "lib.sh", Mode: 0o644},
		{Path: "lib/b", Mode: 0o644, Size: 5},
		{Path: "sub", Mode: fs.ModeDir | 0o755},
	}
	if diff := cmp.Diff(want, d.Files()); diff != "" {
		t.Errorf("the files differ (-want +got):\n%s", diff)
	}

	file, err := d.OpenFile("lib/b")
	check(t, err)
	defer file.Close()
	if content, err := io.ReadAll(file); err != nil || string(content) != "12345" {
		t.Errorf("lib/b holds %q, %v", content, err)
	}
	for _, name := range []string{"lib", "bin/other", ".git/HEAD", "../demo/lib/b", "nosuch"} {
		_, err := d.OpenFile(name)
		wantInvalid(t, dir, err, "pack demo: "+name+": not a file of this pack")
	}
}

// A file may be replaced between Open and OpenFile.
func TestOpenFileStaysInTheFolder(t *testing.T) {
	dir := newPack(t, plainQuery, map[string]string{"a": "", "b": ""})
	d := open(t, dir)
	remove(t, dir, "a", "b")
	symlink(t, dir, "/etc/passwd", "a")
	_, err := d.OpenFile("a")
	wantInvalid(t, dir, err, "pack demo: a: read it: path escapes from parent")

	check(t, syscall.Mkfifo(filepath.Join(dir, "b"), 0o644))
	_, err = d.OpenFile("b")
	wantInvalid(t, dir, err, "pack demo: b: not a regular file")

	remove(t, dir, "b")
	_, err = d.OpenFile("b")
	wantInvalid(t, dir, err, "pack demo: b: there is no such file")
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// remove removes the files called names, or dir itself.
func remove(t *testing.T, dir string, names ...string) {
	t.Helper()
	if len(names) == 0 {
		names = []string{"."}
	}
	for _, name := range names {
		check(t, os.RemoveAll(filepath.Join(dir, name)))
	}
}

func symlink(t *testing.T, dir, target, name string) {
	t.Helper()
	path := filepath.Join(dir, name)
	check(t, os.MkdirAll(filepath.Dir(path), 0o755))
	check(t, os.Symlink(target, path))
}
