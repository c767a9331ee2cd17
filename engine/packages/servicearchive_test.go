package packages

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/servicepack/svp/engine/archive"
	"github.com/servicepack/svp/engine/pack"
	"github.com/servicepack/svp/engine/servicearchive"
)

// serviceArchiveOf makes the Service Archive of a pack and returns the file's name.
func serviceArchiveOf(t testing.TB, c servicearchive.Contents) string {
	t.Helper()
	var content bytes.Buffer
	if err := servicearchive.Create(t.Context(), &content, c); err != nil {
		t.Fatal(err)
	}
	return writeFile(t, "x.tar.gz", content.Bytes())
}

// The pack in an archive is the pack, whatever it is called, also for a pack that
// gives itself no name.
func TestAServiceArchiveIsThePackThatItWasMadeOf(t *testing.T) {
	for _, name := range []string{"timber", "archive", "x.zip"} {
		folder := folderOf(t, "1.2.3", map[string]string{"servicepack.yaml": "version: 1.2.3\n"})
		if err := os.Symlink("etc/timber.conf", filepath.Join(folder, "conf")); err != nil {
			t.Fatal(err)
		}
		named := filepath.Join(filepath.Dir(folder), "named", name)
		if err := errors.Join(os.Mkdir(filepath.Dir(named), 0o755), os.Rename(folder, named)); err != nil {
			t.Fatal(err)
		}
		s := newStore(t)
		file := serviceArchiveOf(t, servicearchive.Contents{Folder: named, Components: []string{"web"}})
		for range 2 { // extracted, and found
			got, origin, err := s.Locate(t.Context(), file)
			if err != nil || origin != originArchive {
				t.Fatalf("%s: %s, %v", name, origin, err)
			}
			before, err := openPack(named, name)
			if err != nil {
				t.Fatal(err)
			}
			after, err := openPack(got, name)
			if err != nil || before.digest != after.digest || len(before.Files()) != len(after.Files()) {
				t.Errorf("%s: digest %s of %v, not %s: %v", name, after.digest, after.Files(), before.digest, err)
			}
			if before.Name() != after.Name() {
				t.Errorf("the name is %s, not %s", after.Name(), before.Name())
			}
			if !s.Fetched(got) {
				t.Errorf("%s is taken for a folder that somebody has looked at", got)
			}
		}
	}
}

func TestServiceArchivesThatHoldNoPack(t *testing.T) {
	folder := folderOf(t, "1.2.3", nil)
	whole, err := os.ReadFile(serviceArchiveOf(t, servicearchive.Contents{Folder: folder}))
	if err != nil {
		t.Fatal(err)
	}
	s := newStore(t)
	_, _, err = s.Locate(t.Context(), writeFile(t, "cut.tar.gz", whole[:len(whole)/2]))
	if !errors.Is(err, archive.ErrDamaged) {
		t.Errorf("the error is %v", err)
	}
	var content bytes.Buffer
	if err := archive.WriteTarGz(t.Context(), &content, []archive.Entry{{Path: "bin/query", Mode: 0o755}}); err != nil {
		t.Fatal(err)
	}
	_, _, err = s.Locate(t.Context(), writeFile(t, "plain.tar.gz", content.Bytes()))
	var fault *servicearchive.Error
	var invalid *pack.Error
	if !errors.As(err, &fault) || errors.As(err, &invalid) {
		t.Errorf("the error is %v", err)
	}
	if left, err := filepath.Glob(filepath.Join(s.config.Cache, ".*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
