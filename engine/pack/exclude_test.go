package pack_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func paths(t *testing.T, dir string) []string {
	t.Helper()
	var names []string
	for _, file := range open(t, dir).Files() {
		if file.Mode.IsRegular() {
			names = append(names, file.Path)
		}
	}
	return names
}

func TestExcludedFilesAreNoPartOfThePackAtAnyDepth(t *testing.T) {
	tests := []struct {
		pattern string
		left    []string // out of the files below
	}{
		{"*.md", []string{"README.md", "lib/a/notes.md"}},
		{"tests/", []string{"lib/a/tests/one", "tests/two"}},
		{"tests", []string{"lib/a/tests/one", "lib/tests", "tests/two"}},
		{"a/tests", []string{"lib/a/tests/one"}},
		{"lib/*", []string{"lib/a/notes.md", "lib/a/tests/one", "lib/tests"}},
		{"./tests/two", []string{"tests/two"}},
		{"tests//", []string{"lib/a/tests/one", "tests/two"}},
		{"bin/client", []string{"bin/client"}},
		{"nothing", nil},
	}
	all := []string{"README.md", "bin/build", "bin/client", "bin/query", "bin/run", "lib/a/notes.md", "lib/a/tests/one", "lib/tests", "servicepack.yaml", "tests/two"}
	for _, test := range tests {
		t.Run(test.pattern, func(t *testing.T) {
			dir := newPack(t, plainQuery, map[string]string{
				"README.md": "", "bin/client": "#!/bin/sh\n", "lib/a/notes.md": "", "lib/a/tests/one": "", "lib/tests": "", "tests/two": "",
				"servicepack.yaml": "exclude: ['" + test.pattern + "']\n",
			})
			want := slices.DeleteFunc(slices.Clone(all), func(name string) bool { return slices.Contains(test.left, name) })
			if diff := cmp.Diff(want, paths(t, dir)); diff != "" {
				t.Errorf("files (-want +got):\n%s", diff)
			}
			with := digest(t, dir)
			for _, name := range test.left {
				check(t, os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\nother\n"), 0o755))
			}
			if other := digest(t, dir); with != other {
				t.Errorf("what is excluded changes the digest from %s to %s", with, other)
			}
		})
	}
}

func TestAnExcludedScriptIsNotThere(t *testing.T) {
	dir := newPack(t, plainQuery, map[string]string{"bin/client": "#!/bin/sh\n", "bin/backup": "#!/bin/sh\n", "servicepack.yaml": "exclude: [client]\n"})
	d, err := open(t, dir).Describe(t.Context())
	check(t, err)
	if d.Scripts["client"] || !d.Scripts["backup"] {
		t.Errorf("the scripts are %v", d.Scripts)
	}
}

func TestWhatIsExcludedNeedNotBePackable(t *testing.T) {
	dir := newPack(t, plainQuery, map[string]string{"servicepack.yaml": "exclude: [work/]\n", "work/a": ""})
	symlink(t, dir, "/etc/passwd", "work/outside")
	check(t, os.Chmod(filepath.Join(dir, "work/a"), 0o000))
	if names := paths(t, dir); slices.Contains(names, "work/a") {
		t.Errorf("the files are %v", names)
	}
}
