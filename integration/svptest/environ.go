package svptest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Environ is the environment of a program that calls svp: that of svp itself,
// with the folders and svp on PATH, and the caches of Go, which would otherwise be
// made anew.
func (s *Suite) Environ(t testing.TB, folders ...string) []string {
	t.Helper()
	folder := t.TempDir()
	// The binary may have any name.
	if err := os.Symlink(s.Binary, filepath.Join(folder, "svp")); err != nil {
		t.Fatal(err)
	}
	path := strings.Join(append(folders, folder, os.Getenv("PATH")), string(os.PathListSeparator))
	return s.environment(append(goCaches(t), "PATH="+path))
}

func goCaches(t testing.TB) []string {
	t.Helper()
	variables := []string{"GOCACHE", "GOMODCACHE"}
	output, err := exec.CommandContext(t.Context(), "go", append([]string{"env"}, variables...)...).Output()
	if err != nil {
		t.Fatalf("go env: %v", err)
	}
	env := make([]string, 0, len(variables))
	for i, folder := range strings.Split(strings.TrimSpace(string(output)), "\n") {
		env = append(env, variables[i]+"="+folder)
	}
	return env
}
