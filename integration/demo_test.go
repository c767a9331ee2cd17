package integration

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A newcomer clones the repository and types the first command of the README.
func TestDemoInAFreshClone(t *testing.T) {
	t.Parallel()
	name := newName(t)
	suite.DestroyAfter(t, name)
	env := append(suite.Environ(t), "DEMO_NAME="+name, "GIT_CONFIG_GLOBAL="+trustingGit(t))
	clone := filepath.Join(t.TempDir(), "svp")
	start(t, "..", env, "git", "clone", "--quiet", ".", clone).require(0)

	output := start(t, clone, env, "make", "demo").require(0)
	for _, want := range []string{
		"\nPostgreSQL 15", "\nPOSTGRESQL_PASSWORD=", "\nDATABASE_URL=postgresql://", "svp client " + name, "svp destroy " + name,
	} {
		if !strings.Contains(output, want) {
			t.Errorf("make demo does not print %q:\n%s", want, output)
		}
	}
	made := ids(t, name)
	start(t, clone, env, "make", "demo").require(0)
	if after := ids(t, name); !slices.Equal(made, after) {
		t.Errorf("the second make demo has changed the instance: %q, before %q", after, made)
	}
	status := start(t, clone, env, "git", "status", "--porcelain").require(0)
	if status != "" {
		t.Errorf("make demo leaves files that git does not ignore:\n%s", status)
	}
}

// ids are those of all that belongs to the instance.
func ids(t *testing.T, instance string) []string {
	t.Helper()
	var ids []string
	for _, object := range suite.List(t, instance) {
		ids = append(ids, object.ID)
	}
	slices.Sort(ids)
	return ids
}

// trustingGit is a configuration for git: the repository may belong to another
// user than the one who tests.
func trustingGit(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "gitconfig")
	if err := os.WriteFile(file, []byte("[safe]\n\tdirectory = *\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
