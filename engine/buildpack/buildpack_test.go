package buildpack

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/servicepack/svp/engine/dependency"
)

// goManifest has all that libbuildpack's packager looks at, and what it does not.
const goManifest = `---
language: ruby # the name
pre_package: ./hi.sh
default_versions:
- name: ruby
  version: 2.4.x
url_to_dependency_map:
- match: ruby-(\d+)
  name: ruby
dependencies:
- name: ruby
  version: 2.4.1
  sha256: SUM
  uri: file://FILES/ruby%201.tgz
  cf_stacks:
  - cflinuxfs2
- name: ruby
  version: 2.4.1
  sha256: SUM
  uri: file://FILES/ruby2.tgz
  cf_stacks: [cflinuxfs3, cflinuxfs4]
- name: any
  version: 1
  sha256: SUM
  uri: file://FILES/any.tgz
include_files:
- manifest.yml
- VERSION
- bin/filename
- hi.txt
- lib/
`

const files = "what was asked for"

// write makes a folder with the files; those that begin with "#!" can be run.
func write(t *testing.T, contents map[string]string) string {
	t.Helper()
	folder := t.TempDir()
	for name, content := range contents {
		path := filepath.Join(folder, name)
		mode := os.FileMode(0o640)
		if strings.HasPrefix(content, "#!") {
			mode = 0o750
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// example is a buildpack of the Go generation, and a folder with its
// dependencies.
func example(t *testing.T) (folder, dependencies string) {
	t.Helper()
	dependencies = write(t, map[string]string{"ruby 1.tgz": files, "ruby2.tgz": files, "any.tgz": files})
	return write(t, map[string]string{
		ManifestFile: filled(goManifest, dependencies), "VERSION": "1.2.3\n", "hi.sh": "#!/bin/sh\necho running\ncat VERSION > hi.txt\n",
		"bin/filename": "#!awesome", "lib/a/b": "b", "ignored": "x", ".git/config": "x", "lib/.gitignore": "x",
	}), dependencies
}

func filled(text, dependencies string) string {
	return strings.NewReplacer("SUM", fmt.Sprintf("%x", sha256.Sum256([]byte(files))), "FILES", dependencies).Replace(text)
}

// packaged writes the package and returns its entries: names with contents, those
// that can be run with a star.
func packaged(t *testing.T, folder string, o Options) map[string]string {
	t.Helper()
	b, err := Open(folder)
	if err != nil {
		t.Fatal(err)
	}
	o.Dependencies.CacheDir = t.TempDir()
	var first, second bytes.Buffer
	for _, w := range []io.Writer{&first, &second} {
		if err := b.Write(t.Context(), w, o); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Error("made twice, it is not the same")
	}
	return unzipped(t, first.Bytes())
}

func unzipped(t *testing.T, content []byte) map[string]string {
	t.Helper()
	reader, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	entries := map[string]string{}
	for _, file := range reader.File {
		if file.Mode().IsDir() {
			continue
		}
		opened, err := file.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(opened)
		if err != nil {
			t.Fatal(err)
		}
		name := file.Name
		if file.Mode()&0o111 != 0 {
			name += "*"
		}
		entries[name] = string(text)
	}
	return entries
}

func names(entries map[string]string) []string { return slices.Sorted(maps.Keys(entries)) }

func TestAnUncachedPackageHasTheFilesThatAreIncluded(t *testing.T) {
	folder, _ := example(t)
	var messages strings.Builder
	entries := packaged(t, folder, Options{Messages: &messages})
	want := []string{"VERSION", "bin/filename*", "hi.txt", "lib/a/b", "manifest.yml"}
	if diff := cmp.Diff(want, names(entries)); diff != "" {
		t.Error(diff)
	}
	if entries["VERSION"] != "1.2.3" || entries["hi.txt"] != "1.2.3" {
		t.Errorf("VERSION %q, and pre_package made %q of it", entries["VERSION"], entries["hi.txt"])
	}
	if !strings.Contains(messages.String(), "running\n") {
		t.Errorf("pre_package said %q", messages.String())
	}
	original, err := os.ReadFile(filepath.Join(folder, ManifestFile))
	if err != nil || entries["manifest.yml"] != string(original) {
		t.Errorf("the manifest was changed: %v\n%s", err, entries["manifest.yml"])
	}
	if _, err := os.Stat(filepath.Join(folder, "hi.txt")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("pre_package ran in the folder itself: %v", err)
	}
}

func TestACachedPackageForAStackHasItsDependencies(t *testing.T) {
	folder, dependencies := example(t)
	entries := packaged(t, folder, Options{Form: Form{Cached: true, Stack: "cflinuxfs3"}})
	want := []string{"VERSION", "bin/filename*"}
	var places []string
	for _, name := range []string{"any.tgz", "ruby2.tgz"} {
		places = append(places, fmt.Sprintf("dependencies/%s/%s", md5Of("file://"+dependencies+"/"+name), name))
	}
	slices.Sort(places)
	want = append(append(want, places...), "hi.txt", "lib/a/b", "manifest.yml")
	if diff := cmp.Diff(want, names(entries)); diff != "" {
		t.Error(diff)
	}
	for _, place := range places {
		if entries[place] != files {
			t.Errorf("%s holds %q", place, entries[place])
		}
	}
	wantManifest := filled(`language: ruby # the name
pre_package: ./hi.sh
default_versions:
  - name: ruby
    version: 2.4.x
url_to_dependency_map:
  - match: ruby-(\d+)
    name: ruby
dependencies:
  - name: ruby
    version: 2.4.1
    sha256: SUM
    uri: file://FILES/ruby2.tgz
    file: dependencies/`+md5Of("file://"+dependencies+"/ruby2.tgz")+`/ruby2.tgz
  - name: any
    version: 1
    sha256: SUM
    uri: file://FILES/any.tgz
    file: dependencies/`+md5Of("file://"+dependencies+"/any.tgz")+`/any.tgz
include_files:
  - manifest.yml
  - VERSION
  - bin/filename
  - hi.txt
  - lib/
stack: cflinuxfs3
`, dependencies)
	if diff := cmp.Diff(wantManifest, entries["manifest.yml"]); diff != "" {
		t.Error(diff)
	}
}

func TestACachedPackageForAnyStackKeepsThemAll(t *testing.T) {
	folder, _ := example(t)
	entries := packaged(t, folder, Options{Form: Form{Cached: true}})
	count := 0
	for name := range entries {
		if strings.HasPrefix(name, "dependencies/") {
			count++
		}
	}
	written := entries["manifest.yml"]
	if count != 3 || strings.Contains(written, "stack: ") || strings.Count(written, "cf_stacks:") != 2 || strings.Count(written, "file: dependencies/") != 3 {
		t.Errorf("%d dependencies, and the manifest\n%s", count, written)
	}
}

func TestFileNames(t *testing.T) {
	folder, _ := example(t)
	b, err := Open(folder)
	if err != nil {
		t.Fatal(err)
	}
	for form, want := range map[Form]string{
		{}:                                  "ruby_buildpack-v1.2.3.zip",
		{Cached: true}:                      "ruby_buildpack-cached-v1.2.3.zip",
		{Stack: "cflinuxfs3"}:               "ruby_buildpack-cflinuxfs3-v1.2.3.zip",
		{Cached: true, Stack: "cflinuxfs3"}: "ruby_buildpack-cached-cflinuxfs3-v1.2.3.zip",
	} {
		if got := b.FileName(form); got != want {
			t.Errorf("%+v: %s, want %s", form, got, want)
		}
	}
}

// The manifest of the Ruby generation excludes.
func TestWithoutIncludeFilesEverythingElseIsPackaged(t *testing.T) {
	folder := write(t, map[string]string{
		ManifestFile: "language: php\nexclude_files: [.gitignore, tests/, \"*.md\", secret.key, doc/x]\n", "VERSION": "2\n",
		"bin/compile": "#!/bin/sh\n", "bin/tests/x": "x", "tests/y": "y", "nottests/z": "z", "README.md": "x", "doc/README.md": "x",
		"lib/secret.key": "x", "lib/secret.keys": "kept", "doc/x": "x", "lib/doc/x": "x", "doc/y": "kept",
		".git/config": "x", ".github/x": "x", "lib/.gitkeep": "x",
		"php_buildpack-v1.zip": "before", "php_buildpack-cached-cflinuxfs4-v1.zip": "before", "lib/php_buildpack-v1.zip": "kept",
	})
	if err := os.Symlink("compile", filepath.Join(folder, "bin", "detect")); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"VERSION", "bin/compile*", "bin/detect*", "doc/y", "lib/php_buildpack-v1.zip", "lib/secret.keys", "manifest.yml", "nottests/z",
	}
	if diff := cmp.Diff(want, names(packaged(t, folder, Options{Form: Form{Cached: true}}))); diff != "" {
		t.Error(diff)
	}
}

func TestCredentialsAreInNoPackage(t *testing.T) {
	uri := "https://me:s3cret@example.org/a.tgz?token=t0ken"
	folder := write(t, map[string]string{
		ManifestFile: filled("language: x\ndependencies:\n- {name: a, version: 1, sha256: SUM, uri: \""+uri+"\"}\n", ""), "VERSION": "1",
	})
	b, err := Open(folder)
	if err != nil {
		t.Fatal(err)
	}
	err = b.Write(t.Context(), io.Discard, Options{})
	var own *Error
	if !errors.As(err, &own) || own.Line != 3 || own.Key != "dependencies[0].uri" || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("got %v", err)
	}
	cache := t.TempDir()
	if err := os.WriteFile(filepath.Join(cache, fmt.Sprintf("%x", sha256.Sum256([]byte(files)))), []byte(files), 0o600); err != nil {
		t.Fatal(err)
	}
	var content bytes.Buffer
	if err := b.Write(t.Context(), &content, Options{Form: Form{Cached: true}, Dependencies: dependency.Options{CacheDir: cache}}); err != nil {
		t.Fatal(err)
	}
	entries := unzipped(t, content.Bytes())
	shown := "https://REDACTED@example.org/a.tgz?token=REDACTED"
	if entries["dependencies/"+md5Of(shown)+"/a.tgz"] != files || !strings.Contains(entries["manifest.yml"], shown) {
		t.Errorf("got %q", entries)
	}
	for _, secret := range []string{"s3cret", "t0ken"} {
		if strings.Contains(content.String(), secret) {
			t.Errorf("%q is in the package", secret)
		}
	}
}

func TestWhatIsWrongIsNamedWithItsPlace(t *testing.T) {
	const head, entry = "language: x\n", "- name: a\n  version: 1\n  uri: https://example.org/a\n  sha256: SUM\n"
	for text, want := range map[string]string{
		"":                             "manifest.yml: empty",
		"language: [x]":                "manifest.yml, line 1: a single value is expected",
		"name: x":                      "manifest.yml language: missing",
		"language: ../x":               `manifest.yml language, line 1: "../x" is not a word`,
		"language: x\n\tbroken":        "manifest.yml, line 2: found a tab character",
		"language: x\nlanguage: y":     "manifest.yml, line 2: mapping key \"language\" already defined",
		"language: x\n---\nz: 1":       "manifest.yml, line 2: a second document",
		head + "stack: cflinuxfs4":     "manifest.yml stack, line 2: this is the manifest of a package",
		head + "dependencies: x":       "manifest.yml, line 2: cannot unmarshal",
		head + "dependencies:\n- \n":   "manifest.yml dependencies, line 3: an entry is not a mapping",
		head + "dependencies:\n- a: 1": "manifest.yml dependencies[0].name, line 3: missing",
		head + "dependencies:\n" + entry + "- name: b\n  version: 1\n  uri: https://example.org/b\n":                   "manifest.yml dependencies[1].sha256, line 7: missing",
		head + "dependencies:\n" + entry + "  file: dependencies/x\n":                                                  "manifest.yml dependencies[0].file, line 7: this is the manifest of a package",
		head + "dependencies:\n" + entry + "  cf_stacks: [a, ../b]\n":                                                  "manifest.yml dependencies[0].cf_stacks[1], line 7: \"../b\" is not",
		head + "dependencies:\n" + strings.Replace(entry, "https://example.org/a", "ftp://me:s3cret@example.org/a", 1): "manifest.yml dependencies[0], line 5: ftp://REDACTED@example.org/a: only file, http and https",
		head + "dependencies:\n" + strings.Replace(entry, "sha256: SUM", "md5: abc", 1):                                "manifest.yml dependencies[0].sha256, line 3: missing",
		head + "base: &x {name: a}\ndependencies:\n- <<: *x\n  version: 1\n":                                           "manifest.yml dependencies, line 4: an entry uses an alias",
	} {
		folder := write(t, map[string]string{ManifestFile: filled(text, ""), "VERSION": "1"})
		_, err := Open(folder)
		var own *Error
		if !errors.As(err, &own) || !strings.Contains(err.Error(), "buildpack "+folder+": "+want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%q:\n got %v\nwant %s", text, err, want)
		}
	}
}

func TestWhatCannotBePackagedIsNamed(t *testing.T) {
	folder, dependencies := example(t)
	outside := write(t, map[string]string{"secret": "x"})
	change := func(file, content string) string {
		t.Helper()
		copied := t.TempDir()
		if err := os.CopyFS(copied, os.DirFS(folder)); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(copied, file)
		_ = os.Remove(path)
		if target, isLink := strings.CutPrefix(content, "-> "); isLink {
			if err := os.Symlink(target, path); err != nil {
				t.Fatal(err)
			}
		} else if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
		return copied
	}
	replaced := func(old, with string) string {
		return change(ManifestFile, strings.Replace(filled(goManifest, dependencies), old, with, 1))
	}
	for name, c := range map[string]struct {
		folder string
		form   Form
		want   string
	}{
		"unknown stack":     {folder, Form{Stack: "nonexistent"}, `dependencies: none is for stack "nonexistent"`},
		"no default":        {replaced("- name: ruby\n  version: 2.4.x", "- name: node\n  version: 1"), Form{Stack: "cflinuxfs2"}, `default_versions[0], line 5: stack "cflinuxfs2" has no dependency of the name "node"`},
		"missing file":      {replaced("bin/filename", "bin/none"), Form{}, `include_files[2], line 29: there is no file "bin/none"`},
		"outside":           {replaced("bin/filename", "../secret"), Form{}, `include_files[2], line 29: "../secret" is not a file of the buildpack`},
		"link outside":      {change("bin/filename", "-> "+outside+"/secret"), Form{}, "bin/filename: read it: "},
		"pre_package fails": {change("hi.sh", "#!/bin/sh\nexit 3"), Form{}, `pre_package, line 3: "./hi.sh" failed: exit status 3`},
		"no pre_package":    {replaced("./hi.sh", "./none.sh"), Form{}, `pre_package, line 3: "./none.sh" failed: no such file`},
		"other contents":    {replaced("any.tgz", "none.tgz"), Form{Cached: true}, "none.tgz: no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			b, err := Open(c.folder)
			if err == nil {
				err = b.Write(t.Context(), io.Discard, Options{Form: c.form, Dependencies: dependency.Options{CacheDir: t.TempDir()}})
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "buildpack "+c.folder+": ") {
				t.Errorf("got %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestPackagingCanBeCancelled(t *testing.T) {
	folder := write(t, map[string]string{
		ManifestFile: "language: x\npre_package: ./hang.sh\n", "VERSION": "1", "hang.sh": "#!/bin/sh\necho started\nsleep 600\n",
	})
	b, err := Open(folder)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	err = b.Write(ctx, io.Discard, Options{Messages: writerFunc(func(p []byte) (int, error) { cancel(); return len(p), nil })})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if left, err := os.ReadDir(temporary); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func md5Of(text string) string { return fmt.Sprintf("%x", md5.Sum([]byte(text))) }

func FuzzManifest(f *testing.F) {
	f.Add(filled(goManifest, "/x"), "cflinuxfs3", true)
	f.Add("language: x\ndependencies: []\nexclude_files: [\"*\"]", "", false)
	f.Add("language: x\na: &a [*a]\n<<: {dependencies: [{}]}", "x", true)
	f.Fuzz(func(t *testing.T, text, stack string, cached bool) {
		m, err := parseManifest([]byte(text))
		if err != nil {
			var own *Error
			if !errors.As(err, &own) || strings.ContainsAny(err.Error(), "\n\x1b") {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		form := Form{Cached: cached, Stack: stack}
		if m.checkForm(form) != nil {
			return
		}
		kept := m.forStack(stack)
		written, err := m.rewrite(form, kept, make([]string, len(kept)))
		if err != nil {
			t.Fatal(err)
		}
		exclusions(m)("a/b", false)
		if stack != "" {
			if _, err := parseManifest(written); err == nil {
				t.Errorf("%q is no manifest of a package", written)
			}
		}
	})
}
