package envvar_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/servicepack/svp/engine/envvar"
)

func TestServiceBindingFiles(t *testing.T) {
	files, err := envvar.ServiceBindingFiles(golden(), postgres)
	if err != nil {
		t.Fatal(err)
	}
	url, _ := golden().Lookup("DATABASE_URL")
	want := vars(
		"type", "postgresql", "provider", "servicepack",
		"uri", url.Reveal(), "host", "172.18.0.2", "port", "5432",
		"username", "app", "password", `p@ss<"&'`, "database", "app/db",
		"PG_PASSWORD", `p@ss<"&'`, "DATABASE_URL", url.Reveal(), "EMPTY", "",
	)
	expect(t, files, want.MarkSecret("password", "PG_PASSWORD"))
}

func TestServiceBindingFilesRefuses(t *testing.T) {
	for _, name := range []string{"type", "provider"} {
		_, err := envvar.ServiceBindingFiles(vars(name, "x"), postgres)
		var varError *envvar.VarError
		if !errors.Is(err, envvar.ErrReserved) || !errors.As(err, &varError) || varError.Name != name {
			t.Errorf("%s: got %v", name, err)
		}
	}
	var varError *envvar.VarError
	if _, err := envvar.ServiceBindingFiles(vars("../x", "x"), postgres); !errors.As(err, &varError) {
		t.Errorf("a path for a name: got %v", err)
	}
}

// bind writes a binding and returns the error.
func bind(dir string, namesAndValues ...string) error {
	return envvar.WriteServiceBinding(dir, vars(namesAndValues...), envvar.Service{Label: "pg"})
}

// visible returns the content of the files that a reader of bindings sees.
func visible(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), ".") {
			continue
		}
		content, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, entry.Name()+"="+string(content))
	}
	return files
}

func expectFiles(t *testing.T, dir string, want ...string) {
	t.Helper()
	if got := visible(t, dir); !slices.Equal(got, want) {
		t.Errorf("files: got %q, want %q", got, want)
	}
}

func expectMode(t *testing.T, path string, want fs.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != want {
		t.Errorf("mode of %s: got %v, want %v", path, info.Mode().Perm(), want)
	}
}

func TestWriteServiceBindingIsPrivate(t *testing.T) {
	existing := t.TempDir()
	if err := os.Chmod(existing, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, dir := range map[string]string{
		"new folder": filepath.Join(t.TempDir(), "bindings", "db"), "empty folder": existing,
	} {
		t.Run(name, func(t *testing.T) {
			if err := bind(dir, "A", "1\xff", "EMPTY", ""); err != nil {
				t.Fatal(err)
			}
			expectFiles(t, dir, "A=1\xff", "EMPTY=", "type=pg")
			expectMode(t, dir, 0o700)
			entries, err := os.ReadDir(dir)
			if err != nil {
				t.Fatal(err)
			}
			for _, entry := range entries {
				expectMode(t, filepath.Join(dir, entry.Name()), 0o600)
			}
		})
	}
}

func TestWriteServiceBindingAgain(t *testing.T) {
	dir := t.TempDir()
	if err := bind(dir, "A", "1", "GONE", "2", "CHANGED", "3"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "foreign"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "CHANGED"), []byte("by hand"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := bind(dir, "A", "rotated", "B", "new"); err != nil {
			t.Fatal(err)
		}
		expectFiles(t, dir, "A=rotated", "B=new", "CHANGED=by hand", "foreign=x", "type=pg")
	}
}

func TestWriteServiceBindingReplacesFilesAtomically(t *testing.T) {
	dir := t.TempDir()
	if err := bind(dir, "A", "old"); err != nil {
		t.Fatal(err)
	}
	// Who has the file open keeps reading the old content to its end.
	open, err := os.Open(filepath.Join(dir, "A"))
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	if err := bind(dir, "A", "new"); err != nil {
		t.Fatal(err)
	}
	content := make([]byte, 10)
	n, err := open.Read(content)
	if err != nil || string(content[:n]) != "old" {
		t.Errorf("an open file now reads %q, %v", content[:n], err)
	}
}

func TestWriteServiceBindingSparesForeignFiles(t *testing.T) {
	// Each puts something foreign into a folder, or takes it for granted that
	// there is a binding with A=1.
	for name, prepare := range map[string]func(dir string) error{
		"file of that name": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "A"), []byte("x"), 0o600)
		},
		"other file": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "notes"), []byte("x"), 0o600)
		},
		"file changed by hand": func(dir string) error {
			return errors.Join(bind(dir, "A", "1"), os.WriteFile(filepath.Join(dir, "A"), []byte("x"), 0o600))
		},
		"file of a new name": func(dir string) error {
			return errors.Join(bind(dir, "OLD", "1"), os.WriteFile(filepath.Join(dir, "A"), []byte("x"), 0o600))
		},
		"symbolic link": func(dir string) error {
			return errors.Join(bind(dir, "OLD", "1"), os.Symlink("OLD", filepath.Join(dir, "A")))
		},
		"folder": func(dir string) error {
			return errors.Join(bind(dir, "OLD", "1"), os.Mkdir(filepath.Join(dir, "A"), 0o700))
		},
		"somebody else's marker": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, ".servicepack"), []byte("x"), 0o600)
		},
		"marker with a path": func(dir string) error {
			if err := bind(dir, "OLD", "1"); err != nil {
				return err
			}
			marker, err := os.OpenFile(filepath.Join(dir, ".servicepack"), os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			_, err = marker.WriteString(strings.Repeat("0", 64) + "  ../x\n")
			return errors.Join(err, marker.Close())
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := prepare(dir); err != nil {
				t.Fatal(err)
			}
			before := snapshot(t, dir)
			err := bind(dir, "A", "correct-horse", "B", "2")
			if !errors.Is(err, envvar.ErrForeign) {
				t.Fatalf("got %v, want ErrForeign", err)
			}
			if !strings.Contains(err.Error(), dir) || strings.Contains(err.Error(), "correct-horse") {
				t.Errorf("the error does not name the folder, or holds a value: %v", err)
			}
			if after := snapshot(t, dir); !slices.Equal(after, before) {
				t.Errorf("the folder changed: got %q, want %q", after, before)
			}
		})
	}
}

// snapshot lists a folder's files with mode and content.
func snapshot(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, entry := range entries {
		line := entry.Name() + " " + entry.Type().String()
		if entry.Type().IsRegular() {
			content, err := os.ReadFile(filepath.Join(dir, entry.Name()))
			if err != nil {
				t.Fatal(err)
			}
			line += " " + string(content)
		}
		all = append(all, line)
	}
	return all
}

func TestWriteServiceBindingAfterAKill(t *testing.T) {
	dir := t.TempDir()
	if err := bind(dir, "A", "1"); err != nil {
		t.Fatal(err)
	}
	// A call with A=2 and B=2 was killed after it had written the marker of
	// both generations and one file: what it would leave, by hand.
	other := t.TempDir()
	if err := bind(other, "A", "2", "B", "2"); err != nil {
		t.Fatal(err)
	}
	const marker = ".servicepack"
	old, err := os.ReadFile(filepath.Join(dir, marker))
	if err != nil {
		t.Fatal(err)
	}
	fresh, err := os.ReadFile(filepath.Join(other, marker))
	if err != nil {
		t.Fatal(err)
	}
	_, list, _ := strings.Cut(string(fresh), "\n")
	for name, content := range map[string]string{
		marker: string(old) + list, "A": "2", ".servicepack.tmp": "half",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := bind(dir, "A", "3"); err != nil {
		t.Fatal(err)
	}
	expectFiles(t, dir, "A=3", "type=pg")
	if _, err := os.Stat(filepath.Join(dir, ".servicepack.tmp")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the half-written file is still there: %v", err)
	}
}

func TestWriteServiceBindingWhereNoFolderCanBe(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := bind(file, "A", "1"); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("got %v, want an error that names the file", err)
	}
}
