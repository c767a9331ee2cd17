package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/servicepack/svp/engine"
)

// content lists the files of a folder and what they hold.
func content(t *testing.T, folder string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, entry := range entries {
		text, err := os.ReadFile(filepath.Join(folder, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[entry.Name()] = string(text)
	}
	return files
}

func writes(text string, err error) func(context.Context, engine.Streams) error {
	return func(_ context.Context, streams engine.Streams) error {
		fmt.Fprint(streams.Out, text)
		return err
	}
}

func TestBackupToFileIsWholeOrNot(t *testing.T) {
	t.Parallel()
	const before = "an older backup"
	failed := &engine.Error{Op: "backup", Kind: engine.Failed, Err: errors.New("connection lost")}
	stopped := &engine.Error{Op: "backup", Kind: engine.Interrupted, Err: context.Canceled}
	for _, c := range []struct {
		name   string
		script int
		err    error
		status int
		want   string
	}{
		{"done", 0, nil, 0, "the backup"},
		{"the script failed", 3, nil, 3, before},
		{"svp failed", 0, failed, 125, before},
		{"interrupted", 0, stopped, 130, before},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, existing := range []string{"", before} {
				folder := t.TempDir()
				file := filepath.Join(folder, "shop.backup")
				if existing != "" {
					if err := os.WriteFile(file, []byte(existing), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				w := newWorld(t, "")
				w.fake.status, w.fake.during = c.script, writes("the backup", c.err)
				w.require(t, c.status, "backup", "shop", "-o", file)
				want := map[string]string{"shop.backup": c.want}
				if c.want == before && existing == "" {
					want = map[string]string{}
				}
				if diff := cmp.Diff(want, content(t, folder)); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

func TestBackupFileIsPrivateAndFollowsLinks(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	target, link := filepath.Join(folder, "real"), filepath.Join(folder, "link")
	if err := errors.Join(os.WriteFile(target, nil, 0o644), os.Symlink("real", link)); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, "")
	w.fake.during = writes("the backup", nil)
	w.require(t, 0, "backup", "shop", "-o", link)
	info, err := os.Lstat(target)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v: want a file that its owner alone can read", info.Mode(), err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is gone: %v", err)
	}
}

func TestBackupToWhatCannotBeAFile(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	dangling := filepath.Join(folder, "dangling")
	if err := os.Symlink("nowhere", dangling); err != nil {
		t.Fatal(err)
	}
	missing := filepath.Join(folder, "no", "folder")
	for file, want := range map[string]struct {
		status int
		text   string
	}{
		folder:   {2, folder + " is a folder; name a file"},
		missing:  {125, "write " + missing + ": no such file or directory"},
		dangling: {125, "write " + dangling + ": it is a link to nowhere, which does not exist"},
	} {
		w := newWorld(t, "")
		w.require(t, want.status, "backup", "shop", "-o", file)
		if w.errOut.String() != "svp: "+want.text+"\n" {
			t.Errorf("stderr: %s", w.errOut)
		}
		if len(w.fake.calls) > 0 {
			t.Errorf("a backup was made for nothing: %q", w.fake.calls)
		}
	}
	if link, err := os.Readlink(dangling); err != nil || link != "nowhere" {
		t.Errorf("the link was replaced: %q, %v", link, err)
	}
}

func TestTerminalsAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "")
	w.streams.OutTerminal, w.streams.InTerminal = true, true
	w.require(t, 125, "backup", "shop")
	w.require(t, 125, "restore", "shop")
	const want = "svp: backup shop: a backup is not written to a terminal\n  hint: write it to a file: -o FILE\n" +
		"svp: restore shop: a backup is not typed on a terminal\n  hint: name its file: -i FILE\n"
	if diff := cmp.Diff(want, w.errOut.String()); diff != "" || len(w.fake.calls) > 0 {
		t.Errorf("%s; calls %q", diff, w.fake.calls)
	}
}

func TestRestoreReads(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "shop.backup")
	if err := os.WriteFile(file, []byte("from a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{
		"restore shop":                      "from stdin",
		"restore shop -i -":                 "from stdin",
		"restore shop -i " + file:           "from a file",
		"restore --input=" + file + " shop": "from a file",
	} {
		w := newWorld(t, "from stdin")
		var got []byte
		w.fake.during = func(_ context.Context, streams engine.Streams) (err error) {
			got, err = io.ReadAll(streams.In)
			return err
		}
		w.require(t, 0, words(line)...)
		if string(got) != want {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}

func TestRestoreOfWhatCannotBeRead(t *testing.T) {
	t.Parallel()
	for file, status := range map[string]int{t.TempDir(): 2, "/nonexistent": 125} {
		w := newWorld(t, "")
		w.require(t, status, "restore", "shop", "-i", file)
		if !strings.Contains(w.errOut.String(), file) || len(w.fake.calls) > 0 {
			t.Errorf("calls %q, stderr: %s", w.fake.calls, w.errOut)
		}
	}
}
