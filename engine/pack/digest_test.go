package pack_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"
)

func digest(t *testing.T, dir string) string {
	t.Helper()
	value, err := open(t, dir).Digest()
	check(t, err)
	return value
}

// The digest is a label of images that exist: it must not change with svp.
func TestDigestIsStable(t *testing.T) {
	dir := newPack(t, plainQuery, map[string]string{"lib/a": "a"})
	symlink(t, dir, "a", "lib/b")
	const want = "sha256:a3f3277f95523c62d43cf31075fd4b29cd4f64a150e426b6a49a0b4dd1fc7139"
	if got := digest(t, dir); got != want {
		t.Errorf("the digest is %s, want %s", got, want)
	}
}

func TestDigestIgnores(t *testing.T) {
	dir := newPack(t, plainQuery, map[string]string{"lib/a": "a"})
	before := digest(t, dir)
	changes := map[string]func(){
		"time": func() { check(t, os.Chtimes(filepath.Join(dir, "lib/a"), time.Unix(1, 0), time.Unix(1, 0))) },
		"umask": func() {
			check(t, os.Chmod(filepath.Join(dir, "lib/a"), 0o600))
			check(t, os.Chmod(filepath.Join(dir, "lib"), 0o700))
			check(t, os.Chmod(filepath.Join(dir, "bin/run"), 0o500))
		},
		"version control": func() { write(t, dir, ".git/HEAD", "ref: refs/heads/main\n") },
	}
	for name, change := range changes {
		change()
		if after := digest(t, dir); after != before {
			t.Errorf("%s: the digest changed from %s to %s", name, before, after)
		}
	}
	if copied := digest(t, newPack(t, plainQuery, map[string]string{"lib/a": "a"})); copied != before {
		t.Errorf("a copy has the digest %s, want %s", copied, before)
	}
}

func TestDigestSees(t *testing.T) {
	dir := newPack(t, plainQuery, map[string]string{"lib/a": "a"})
	seen := map[string]string{digest(t, dir): "nothing"}
	steps := []struct {
		name   string
		change func()
	}{
		{"contents", func() { write(t, dir, "lib/a", "b") }},
		{"mode", func() { check(t, os.Chmod(filepath.Join(dir, "lib/a"), 0o755)) }},
		{"name", func() { check(t, os.Rename(filepath.Join(dir, "lib/a"), filepath.Join(dir, "lib/b"))) }},
		{"empty folder", func() { check(t, os.Mkdir(filepath.Join(dir, "empty"), 0o755)) }},
		{"symlink", func() { symlink(t, dir, "b", "lib/c") }},
		{"target of a symlink", func() { remove(t, dir, "lib/c"); symlink(t, dir, "../lib/b", "lib/c") }},
	}
	for _, step := range steps {
		step.change()
		value := digest(t, dir)
		if earlier, ok := seen[value]; ok {
			t.Errorf("after a change of %s the digest is the same as after %s", step.name, earlier)
		}
		if !regexp.MustCompile(`^sha256:[0-9a-f]{64}$`).MatchString(value) {
			t.Errorf("the digest is %q", value)
		}
		seen[value] = step.name
	}
}

func TestDigestOfChangingPack(t *testing.T) {
	dir := newPack(t, plainQuery, map[string]string{"log": "a"})
	d := open(t, dir)
	write(t, dir, "log", "a longer one")
	_, err := d.Digest()
	wantInvalid(t, dir, err, "pack demo: log: it changed while the pack was read")
}

func TestBundledDigestLeavesDependenciesOut(t *testing.T) {
	dir := newPack(t, plainQuery, nil)
	packaged(t, dir, []string{"lib/dependencies/a.deb", "script.d/start.sh"}, []string{"lib", "lib/dependencies", "script.d"})
	value := func() string {
		value, err := open(t, dir).BundledDigest()
		check(t, err)
		return value
	}
	before := value()
	write(t, dir, "lib/dependencies/a.deb", "another one")
	if after := value(); after != before {
		t.Errorf("a dependency changes the digest from %s to %s", before, after)
	}
	write(t, dir, "script.d/start.sh", "another one")
	if after := value(); after == before {
		t.Error("a script does not change the digest")
	}
}
