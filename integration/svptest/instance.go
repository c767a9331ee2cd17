package svptest

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"
)

// Up runs svp up for an instance that is destroyed when the test ends, however
// svp up ends.
func (s *Suite) Up(t testing.TB, pack, name string, flags ...string) Result {
	t.Helper()
	s.DestroyAfter(t, name)
	return s.Run(t, Call{Args: append([]string{"up", pack, name}, flags...)})
}

// DestroyAfter destroys the instance, if there is one, when the test ends, and
// before that shows what is to be known of it when the test has failed.
func (s *Suite) DestroyAfter(t testing.TB, name string) {
	t.Helper()
	t.Cleanup(func() {
		if t.Failed() {
			s.evidence(t, name)
		}
		result := s.Run(t, Call{Args: []string{"destroy", name, "--yes"}})
		if result.Status != 0 && result.Status != 4 {
			t.Errorf("destroy %s: %s", name, result)
		}
	})
}

// evidence logs the state of the instance.
func (s *Suite) evidence(t testing.TB, name string) {
	t.Helper()
	t.Logf("evidence: %s", s.Run(t, Call{Args: []string{"info", name, "--json"}}))
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	all, err := s.Host.API.ContainerList(ctx, container.ListOptions{All: true})
	if err != nil {
		t.Logf("evidence: %v", err)
		return
	}
	for _, c := range all {
		if c.Labels[LabelInstance] != name {
			continue
		}
		t.Logf("evidence: container %s, %s\n%s", strings.Join(c.Names, " "), c.Status, s.Host.Logs(ctx, c.ID))
	}
}

// Logs are the last lines that the container wrote, or why there are none.
func (h *Host) Logs(ctx context.Context, id string) string {
	stream, err := h.API.ContainerLogs(ctx, id, container.LogsOptions{ShowStdout: true, ShowStderr: true, Tail: "100"})
	if err != nil {
		return err.Error()
	}
	defer stream.Close()
	var text bytes.Buffer
	if _, err := stdcopy.StdCopy(&text, &text, stream); err != nil {
		text.WriteString(err.Error())
	}
	return text.String()
}

// WritePack writes a pack and returns its folder, whose name, and so the pack's,
// no other test has. What lies in bin is executable.
func (s *Suite) WritePack(t testing.TB, files map[string]string) string {
	t.Helper()
	folder := filepath.Join(t.TempDir(), s.Name(t))
	for name, content := range files {
		path := filepath.Join(folder, name)
		mode := os.FileMode(0o644)
		if strings.HasPrefix(name, "bin/") {
			mode = 0o755
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

const pollInterval = 20 * time.Millisecond

// Eventually polls until the condition holds, and fails the test when the
// deadline comes first.
func Eventually(t testing.TB, deadline time.Duration, what string, holds func() bool) {
	t.Helper()
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	end := time.Now().Add(deadline)
	for !holds() {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", deadline, what)
		}
		<-ticker.C
	}
}
