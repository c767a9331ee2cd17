package pack_test

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/servicepack/svp/engine/pack"
)

// packaged makes a folder what it is after packaging added files to it.
func packaged(t *testing.T, dir string, files, folders []string) {
	t.Helper()
	for _, name := range folders {
		check(t, os.MkdirAll(filepath.Join(dir, name), 0o755))
	}
	for _, name := range files {
		write(t, dir, name, "added "+name)
	}
	content, err := pack.FormatPackageFile(append(files, folders...))
	check(t, err)
	write(t, dir, pack.PackageFile, string(content))
}

func TestWhatPackagingAddedIsNoPartOfThePack(t *testing.T) {
	tests := []struct {
		name           string
		own            map[string]string
		files, folders []string
	}{
		{
			name:    "a pack of scripts only",
			files:   []string{"lib/dependencies/a.deb", "script.d/start.sh"},
			folders: []string{"etc", "lib", "lib/dependencies", "script.d"},
		},
		{
			name:  "folders of its own",
			own:   map[string]string{"lib/a": "a", "lib/dependencies/own": "o", "script.d/more.sh": "m", "etc/x": "x"},
			files: []string{"lib/dependencies/a.deb", "script.d/start.sh"},
		},
		{
			name:    "excluded all the same",
			own:     map[string]string{"lib/a": "a", "servicepack.yaml": "exclude: [lib/, '*.sh', '*.json', dependencies]\n"},
			files:   []string{"lib/dependencies/a.deb", "script.d/start.sh"},
			folders: []string{"lib", "lib/dependencies", "script.d", "etc"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := newPack(t, plainQuery, test.own)
			before, files := digest(t, dir), open(t, dir).Files()
			packaged(t, dir, test.files, test.folders)
			after := open(t, dir)
			if diff := cmp.Diff(files, after.Files()); diff != "" {
				t.Errorf("files (-want +got):\n%s", diff)
			}
			if got := digest(t, dir); got != before {
				t.Errorf("the digest is %s, and was %s", got, before)
			}
			var bundled []string
			for _, file := range after.Bundled() {
				if file.Mode.IsRegular() {
					bundled = append(bundled, file.Path)
				}
			}
			if diff := cmp.Diff([]string{pack.PackageFile, "lib/dependencies/a.deb", "script.d/start.sh"}, bundled); diff != "" {
				t.Errorf("bundled (-want +got):\n%s", diff)
			}
			content, err := after.OpenFile("lib/dependencies/a.deb")
			check(t, err)
			defer content.Close()
			if text, err := io.ReadAll(content); err != nil || string(text) != "added lib/dependencies/a.deb" {
				t.Errorf("OpenFile: %q, %v", text, err)
			}
		})
	}
}

func TestBundledFilesDoNotCountAsThePacks(t *testing.T) {
	dir := newPack(t, plainQuery, nil)
	packaged(t, dir, []string{"lib/dependencies/large"}, []string{"lib", "lib/dependencies"})
	check(t, os.Truncate(filepath.Join(dir, "lib/dependencies/large"), 1<<20))
	open(t, dir, pack.WithSizeLimit(1<<10))
}

func TestOpenRefusesPackagesThatHideFiles(t *testing.T) {
	tests := []struct{ name, content, want string }{
		{"a script", `{"format":1,"added":["bin/build"]}`, `lib/copkg.json added: "bin/build" is not a file that packaging adds`},
		{"a path to one", `{"format":1,"added":["script.d/../bin/build"]}`, `lib/copkg.json added: "script.d/../bin/build" is not a file that packaging adds`},
		{"servicepack.yaml", `{"format":1,"added":["servicepack.yaml"]}`, `lib/copkg.json added: "servicepack.yaml" is not a file that packaging adds`},
		{"a folder of the pack", `{"format":1,"added":["lib"]}`, `lib/a: in a folder that the pack does not have, as lib/copkg.json says`},
		{"what is not there", `{"format":1,"added":["script.d/start.sh"]}`, `script.d/start.sh: missing; lib/copkg.json says that packaging added it`},
		{"a file for a folder", `{"format":1,"added":["etc"]}`, `etc: not what lib/copkg.json says it is`},
		{"a folder for a file", `{"format":1,"added":["lib/dependencies/deep"]}`, `lib/dependencies/deep: not what lib/copkg.json says it is`},
		{"a symlink", `{"format":1,"added":["lib/dependencies/link"]}`, `lib/dependencies/link: not what lib/copkg.json says it is`},
		{"a later format", `{"format":2,"added":[],"more":1}`, `lib/copkg.json format: format 2; this svp knows format 1`},
		{"no format", `{"added":[]}`, `lib/copkg.json: not the list that svp pack package writes`},
		{"something else", `hello`, `lib/copkg.json: not the list that svp pack package writes`},
		{"two of them", `{"format":1,"added":[]}{}`, `lib/copkg.json: not the list that svp pack package writes`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := newPack(t, plainQuery, map[string]string{
				"lib/a": "a", "etc": "", "lib/dependencies/deep/x": "", pack.PackageFile: test.content,
			})
			symlink(t, dir, "deep", "lib/dependencies/link")
			_, err := pack.Open(dir)
			wantInvalid(t, dir, err, "pack demo: "+test.want)
		})
	}
}

func TestPackagingAddsNothingElse(t *testing.T) {
	if _, err := pack.FormatPackageFile([]string{"bin/run"}); err == nil {
		t.Error("bin/run can be added")
	}
}

func TestIdentityIsWrittenDown(t *testing.T) {
	tests := []struct{ manifest, want string }{
		{"name: demo\nversion: 1.0.0\n", "servicepack.yaml group: missing; a package has a group, a name and a version"},
		{"group: org.example\nversion: 1.0.0\n", "servicepack.yaml name: missing; a package has a group, a name and a version"},
		{"group: org.example\nname: demo\nversion:\n", "servicepack.yaml version: missing; a package has a group, a name and a version"},
	}
	for _, test := range tests {
		dir := newPack(t, plainQuery, map[string]string{"servicepack.yaml": test.manifest})
		_, err := open(t, dir).Identity()
		wantInvalid(t, dir, err, "pack demo: "+test.want)
	}
	dir := newPack(t, plainQuery, map[string]string{"servicepack.yaml": "group: org.example\nname: demo\nversion: 1.10\n"})
	got, err := open(t, dir).Identity()
	check(t, err)
	if want := (pack.Identity{Group: "org.example", Name: "demo", Version: "1.10"}); got != want {
		t.Errorf("the identity is %+v, want %+v", got, want)
	}
}
