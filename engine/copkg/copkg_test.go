package copkg_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/servicepack/svp/engine/archive"
	"github.com/servicepack/svp/engine/copkg"
	"github.com/servicepack/svp/engine/pack"
)

const identity = "group: org.example\nname: demo\nversion: 1.2.3\n"

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newPack writes a pack of version 0 that can be packaged, with those files over it.
// Scripts of bin and script.d can be executed.
func newPack(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "folder")
	all := map[string]string{
		"bin/query": "#!/bin/sh\necho debian/12\n", "bin/build": "#!/bin/sh\n", "bin/run": "#!/bin/sh\n", "servicepack.yaml": identity,
	}
	maps.Copy(all, files)
	for name, content := range all {
		path := filepath.Join(dir, filepath.FromSlash(name))
		check(t, os.MkdirAll(filepath.Dir(path), 0o755))
		mode := fs.FileMode(0o644)
		if strings.HasPrefix(name, "bin/") || strings.HasPrefix(name, "script.d/") {
			mode = 0o755
		}
		check(t, os.WriteFile(path, []byte(content), mode))
	}
	return dir
}

func open(t *testing.T, dir string) *pack.Dir {
	t.Helper()
	opened, err := pack.Open(dir)
	check(t, err)
	return opened
}

func packaged(t *testing.T, dir string, dependencies ...copkg.Dependency) []byte {
	t.Helper()
	made, err := copkg.New(open(t, dir))
	check(t, err)
	var buffer bytes.Buffer
	check(t, made.Write(t.Context(), &buffer, dependencies))
	return buffer.Bytes()
}

func unpacked(t *testing.T, content []byte) string {
	t.Helper()
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	check(t, err)
	defer root.Close()
	_, err = archive.ExtractZip(t.Context(), bytes.NewReader(content), int64(len(content)), root, archive.DefaultLimits)
	check(t, err)
	return dir
}

func names(t *testing.T, content []byte) []string {
	t.Helper()
	reader, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	check(t, err)
	var list []string
	for _, file := range reader.File {
		list = append(list, file.Mode().String()+" "+file.Name)
	}
	return list
}

func digest(t *testing.T, dir string) string {
	t.Helper()
	sum, err := open(t, dir).Digest()
	check(t, err)
	return sum
}

func dependency(t *testing.T, name, content string) copkg.Dependency {
	t.Helper()
	path := filepath.Join(t.TempDir(), "cached")
	check(t, os.WriteFile(path, []byte(content), 0o600))
	return copkg.Dependency{Name: name, Path: path, Size: int64(len(content))}
}

func TestPackageHasTheFoldersAndScriptsOfTheFormat(t *testing.T) {
	got := names(t, packaged(t, newPack(t, map[string]string{"README": ""}), dependency(t, "a.deb", "deb")))
	want := []string{
		"-rw-r--r-- README", "drwxr-xr-x bin/", "-rwxr-xr-x bin/build", "-rwxr-xr-x bin/query", "-rwxr-xr-x bin/run",
		"drwxr-xr-x etc/", "drwxr-xr-x lib/", "-rw-r--r-- lib/copkg.json", "drwxr-xr-x lib/dependencies/", "-rw-r--r-- lib/dependencies/a.deb",
		"drwxr-xr-x script.d/", "-rw-r--r-- script.d/runtime.sh", "-rwxr-xr-x script.d/start.sh", "-rwxr-xr-x script.d/stop.sh",
		"-rw-r--r-- servicepack.yaml",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the package (-want +got):\n%s", diff)
	}
}

// A coordinate stands for the same bytes for ever: they must not change with svp.
func TestPackageIsTheSameForever(t *testing.T) {
	const want = "c1ad3bee8791052ec94d3ab86f636e7f11670340247a1639f5035ab3edb3e127"
	got := fmt.Sprintf("%x", sha256.Sum256(packaged(t, newPack(t, map[string]string{
		"lib/a": "a", "script.d/start.sh": "#!/bin/sh\n", "script.d/stop.sh": "#!/bin/sh\n",
	}))))
	if got != want {
		t.Errorf("the package is %s, want %s", got, want)
	}
}

func TestPackageDependsOnNothingButThePack(t *testing.T) {
	files := map[string]string{"lib/a": "a", "lib/notes.md": "n", "servicepack.yaml": identity + "exclude: ['*.md', .work/]\n"}
	want := packaged(t, newPack(t, files))
	dir := newPack(t, files)
	check(t, os.Chmod(filepath.Join(dir, "bin/run"), 0o700))
	check(t, os.Chmod(filepath.Join(dir, "lib/a"), 0o600))
	check(t, os.Chmod(filepath.Join(dir, "lib"), 0o700))
	check(t, os.Chtimes(filepath.Join(dir, "lib/a"), time.Unix(1, 0), time.Unix(1, 0)))
	check(t, os.WriteFile(filepath.Join(dir, "lib/notes.md"), []byte("other"), 0o644))
	check(t, os.MkdirAll(filepath.Join(dir, "lib/.git/objects"), 0o755))
	check(t, os.MkdirAll(filepath.Join(dir, "lib/.work/more"), 0o755))
	t.Setenv("TZ", "Asia/Tokyo")
	if !bytes.Equal(want, packaged(t, dir)) {
		t.Error("the package is another one")
	}
}

func TestPackIsTheSameInItsPackage(t *testing.T) {
	tests := map[string]map[string]string{
		"of three scripts":                {},
		"with folders of its own":         {"lib/a": "a", "lib/dependencies/own": "o", "etc/b": "b", "script.d/more.sh": "m"},
		"with scripts that start it":      {"script.d/start.sh": "#!/bin/sh\n", "script.d/stop.sh": "#!/bin/sh\n"},
		"with something that is left out": {"lib/a.md": "a", "lib/b": "b", "etc/c.md": "", "servicepack.yaml": identity + "exclude: ['*.md', '*.json', '*.sh', lib/]\n"},
	}
	for name, files := range tests {
		t.Run(name, func(t *testing.T) {
			dir := newPack(t, files)
			for _, dependencies := range [][]copkg.Dependency{nil, {dependency(t, "a.deb", "deb")}} {
				content := packaged(t, dir, dependencies...)
				installed := unpacked(t, content)
				if diff := cmp.Diff(open(t, dir).Files(), open(t, installed).Files()); diff != "" {
					t.Errorf("files (-folder +package):\n%s", diff)
				}
				if got, want := digest(t, installed), digest(t, dir); got != want {
					t.Errorf("the digest is %s in the package, %s in the folder", got, want)
				}
				if !bytes.Equal(packaged(t, installed, dependencies...), content) {
					t.Error("packaged again, it is another package")
				}
				made, err := copkg.New(open(t, installed))
				check(t, err)
				if got := made.Coordinate().String(); got != "org.example:demo:1.2.3" {
					t.Errorf("the coordinate is %s", got)
				}
			}
		})
	}
}

func TestWhatCannotBePackagedIsNamed(t *testing.T) {
	const deb = "sha256: 0000000000000000000000000000000000000000000000000000000000000000\n"
	tests := []struct {
		name   string
		files  map[string]string
		change func(t *testing.T, dir string)
		want   string
	}{
		{"no servicepack.yaml", nil, func(t *testing.T, dir string) { check(t, os.Remove(filepath.Join(dir, "servicepack.yaml"))) }, "servicepack.yaml group: missing; a package has a group, a name and a version"},
		{"no version", map[string]string{"servicepack.yaml": "group: a\nname: b\n"}, nil, "servicepack.yaml version: missing; a package has a group, a name and a version"},
		{"a group that is none", map[string]string{"servicepack.yaml": "name: demo\ngroup: a..b\nversion: 1\n"}, nil, `servicepack.yaml group, line 2: the group "a..b" is not right: it is lower-case words`},
		{"a version that is several", map[string]string{"servicepack.yaml": "name: demo\ngroup: a\nversion: 8.0.+\n"}, nil, `servicepack.yaml version, line 3: the version "8.0.+" stands for several versions, and names none`},
		{"a symlink", nil, func(t *testing.T, dir string) { check(t, os.Symlink("run", filepath.Join(dir, "bin/also"))) }, "bin/also: a symlink; a package holds files and folders only"},
		{"a file for a folder", map[string]string{"etc": ""}, nil, "etc: a file; a package has a folder of that name"},
		{"names in two cases", map[string]string{"lib/a": "", "lib/A": ""}, nil, `lib/a: differs from "lib/A" in upper and lower case only`},
		{
			"two dependencies in one place", map[string]string{
				"servicepack.yaml": identity + "dependencies:\n- uri: https://a.example/x/one.deb\n  " + deb + "- uri: https://b.example/One.deb\n  " + deb,
			}, nil, "servicepack.yaml dependencies[1].uri, line 7: the file is called One.deb, as the one on line 5 is; in a package they are in one folder",
		},
		{
			"a dependency without a name", map[string]string{"servicepack.yaml": identity + "dependencies:\n- uri: https://a.example/x/\n  " + deb},
			nil, "servicepack.yaml dependencies[0].uri, line 5: the address ends in no file name",
		},
		{
			"a dependency with a password", map[string]string{"servicepack.yaml": identity + "dependencies:\n- uri: https://user:hunter2@a.example/x\n  " + deb},
			nil, "servicepack.yaml dependencies[0].uri, line 5: the package would hand on what may be a credential: a user, password or query",
		},
		{
			"a dependency with a token", map[string]string{"servicepack.yaml": identity + "dependencies:\n- uri: https://a.example/x?token=hunter2\n  " + deb},
			nil, "servicepack.yaml dependencies[0].uri, line 5: the package would hand on what may be a credential: a user, password or query",
		},
		{"a script that starts and none that stops", map[string]string{"script.d/start.sh": "#!/bin/sh\n"}, nil, "script.d/stop.sh: missing; the pack has a start.sh of its own"},
		{"a script that stops and none that starts", map[string]string{"script.d/stop.sh": "#!/bin/sh\n"}, nil, "script.d/start.sh: missing; the pack has a stop.sh of its own"},
		{
			"a script that cannot be run", map[string]string{"script.d/start.sh": "#!/bin/sh\n", "script.d/stop.sh": "#!/bin/sh\n"},
			func(t *testing.T, dir string) { check(t, os.Chmod(filepath.Join(dir, "script.d/stop.sh"), 0o644)) }, "script.d/stop.sh: not executable",
		},
		{"a script of the same name", map[string]string{"script.d/runtime.sh": ""}, nil, "script.d/runtime.sh: the name of a file that packaging adds"},
		{"a dependency's name", map[string]string{"lib/dependencies/a.deb": ""}, nil, "lib/dependencies/a.deb: the name of a file that packaging adds"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := newPack(t, test.files)
			if test.change != nil {
				test.change(t, dir)
			}
			made, err := copkg.New(open(t, dir))
			if err == nil {
				err = made.Write(t.Context(), &bytes.Buffer{}, []copkg.Dependency{dependency(t, "a.deb", "deb")})
			}
			var invalid *pack.Error
			if !errors.As(err, &invalid) {
				t.Fatalf("the error is %v", err)
			}
			if got := strings.ReplaceAll(err.Error(), dir, "demo"); !strings.HasPrefix(got, "pack demo: "+test.want) || strings.Contains(got, "hunter2") {
				t.Errorf("the error is\n\t%s\nwant\n\tpack demo: %s", got, test.want)
			}
		})
	}
}
