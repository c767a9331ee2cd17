package pack_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/servicepack/svp/engine/pack"
)

// plainQuery is the bin/query of a small pack of version 0.
const plainQuery = `#!/bin/sh
case "$1" in
os) echo debian/12 ;;
secrets) echo DEMO_PASSWORD ;;
env) echo "DEMO_URL=demo://app:$DEMO_PASSWORD@%IP:5432/app" ;;
ports) echo 5432 ;;
esac
`

// newPack writes a valid pack called demo whose bin/query is the given one,
// and the other files over it, and returns its folder.
func newPack(t *testing.T, query string, files map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "demo")
	write(t, dir, "bin/query", query)
	write(t, dir, "bin/build", "#!/bin/sh\n")
	write(t, dir, "bin/run", "#!/bin/sh\nexec sleep 1000\n")
	for name, content := range files {
		write(t, dir, name, content)
	}
	return dir
}

// write makes a file, executable if it lies in bin.
func write(t *testing.T, dir, name, content string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	mode := fs.FileMode(0o644)
	if strings.HasPrefix(name, "bin/") {
		mode = 0o755
	}
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, dir string, opts ...pack.Option) *pack.Dir {
	t.Helper()
	d, err := pack.Open(dir, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// wantError checks the line that a user would see, without the temporary
// folder in it.
func wantError(t *testing.T, dir string, err error, want string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %q", want)
	}
	got := strings.ReplaceAll(err.Error(), dir, "demo")
	if got != want {
		t.Errorf("the error is\n\t%s\nwant\n\t%s", got, want)
	}
	if strings.ContainsAny(got, "\n\r\x1b\x00") {
		t.Errorf("the error is not one printable line: %q", got)
	}
}

// wantInvalid checks also that the error is the pack's fault, and not
// mistaken for a missing pack.
func wantInvalid(t *testing.T, dir string, err error, want string) {
	t.Helper()
	wantError(t, dir, err, want)
	asInvalid(t, err)
	if errors.Is(err, fs.ErrNotExist) {
		t.Error("the error looks like the one of a missing pack")
	}
}

func asInvalid(t *testing.T, err error) pack.Error {
	t.Helper()
	var invalid *pack.Error
	if !errors.As(err, &invalid) {
		t.Fatalf("the error is a %T, want a *pack.Error", err)
	}
	return *invalid
}
