//go:build unix

package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/servicepack/svp/engine"
	"github.com/servicepack/svp/engine/driver"
)

// onePipe is a link to a pipe with a reader, and what was read from it.
func onePipe(t *testing.T, folder string) (link string, written func() string) {
	t.Helper()
	pipe, link := filepath.Join(folder, "pipe"), filepath.Join(folder, "link")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("pipe", link); err != nil {
		t.Fatal(err)
	}
	// With a writer of its own, opening does not wait.
	reader, err := os.OpenFile(pipe, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = reader.Close() })
	return link, func() string {
		text := make([]byte, 100)
		n, err := reader.Read(text)
		if err != nil {
			t.Fatal(err)
		}
		return string(text[:n])
	}
}

func TestPipeIsWrittenToAndNotReplaced(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	link, written := onePipe(t, folder)
	w := newWorld(t, "")
	w.fake.during = writes("the backup", nil)
	w.require(t, 0, "backup", "shop", "-o", link)
	if got := written(); got != "the backup" {
		t.Errorf("the pipe got %q", got)
	}
	info, err := os.Lstat(link)
	if err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link was replaced: %v, %v", info, err)
	}
}

func TestStandardOutputByItsNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"} {
		w := newWorld(t, "")
		w.fake.during = writes("the backup", nil)
		w.fake.env = append(w.fake.env, secretVar("A", "1"))
		w.require(t, 0, "backup", "shop", "-o", name)
		w.require(t, 0, "env", "shop", "-o", name)
		if diff := cmp.Diff("the backupA=1\n", w.out.String()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		w.streams.OutTerminal = true
		w.require(t, 125, "backup", "shop", "-o", name)
	}
}

func TestLeftoversOfAKilledBackupAreRemoved(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	left, busy := filepath.Join(folder, ".x.svp-1"), filepath.Join(folder, ".x.svp-2")
	for _, name := range []string{left, busy, filepath.Join(folder, ".x.svp-mine"), filepath.Join(folder, ".xy.svp-1")} {
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	held, err := os.Open(busy)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if err := lockFile(held); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, "")
	w.fake.during = writes("the backup", nil)
	w.require(t, 0, "backup", "shop", "-o", filepath.Join(folder, "x"))
	want := map[string]string{"x": "the backup", ".x.svp-2": "", ".x.svp-mine": "", ".xy.svp-1": ""}
	if diff := cmp.Diff(want, content(t, folder)); diff != "" {
		t.Error(diff)
	}
}

// fullDisk is a writer on a disk without room.
type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) {
	return 0, &os.PathError{Op: "write", Path: "/tmp/file", Err: syscall.ENOSPC}
}

func TestFullDiskHereIsNotTheHosts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "")
	w.streams.Out = fullDisk{}
	w.fake.during = func(_ context.Context, streams engine.Streams) error {
		_, err := io.WriteString(streams.Out, "x")
		return &engine.Error{
			Op: "backup", Subject: "shop", Kind: engine.Refused, Hint: "svp gc",
			Err: fmt.Errorf("%w: %w", driver.ErrNoSpace, err),
		}
	}
	for _, command := range []string{"backup", "client"} {
		w.errOut.Reset()
		w.require(t, 125, command, "shop")
		const want = "svp: write standard output: no space left on device\n"
		if diff := cmp.Diff(want, w.errOut.String()); diff != "" {
			t.Errorf("%s: %s", command, diff)
		}
	}
}
