package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/servicepack/svp/engine/copkg"
	"github.com/servicepack/svp/engine/pack"
	"github.com/servicepack/svp/engine/signature"
)

// lockedKey is a private key with the password "correct horse", made to be decrypted
// at once.
const lockedKey = "untrusted comment: minisign encrypted secret key\n" +
	"RWRTY0IyUc+2DmZ0+VEnYTSSvoQVnEwfya9twGhElqv73sjaSdwAgAAAAAAAAAAAAAEAAAAAOkZ4iIrfSQV0itMxsDoeOTW2ilirbV5uf2KnhypJ" +
	"D55kw/El8ttmnVGRQraTxSQZIfMsm8uWSikt9EWSliwsMHP2oe41coYkO285MWrRV1/gJzSp78j6acQDnamDISaI/Y5HbyIiB7E=\n"

// tinyPackage makes a package of tinyPack.
func tinyPackage(t *testing.T) string {
	t.Helper()
	folder := tinyPack(t).Path
	if err := os.WriteFile(filepath.Join(folder, "servicepack.yaml"), []byte("group: org.example\nname: tiny\nversion: 1.0.0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	opened, err := pack.Open(folder)
	if err != nil {
		t.Fatal(err)
	}
	packaged, err := copkg.New(opened)
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.Create(filepath.Join(t.TempDir(), packaged.Coordinate().FileName()))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := packaged.Write(t.Context(), file, nil); err != nil {
		t.Fatal(err)
	}
	return file.Name()
}

// What was checked is what is signed and published, and nothing that takes its place
// while the password of the key is typed.
func TestAPackageThatChangesAfterItWasCheckedIsRefused(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"sign", "publish"} {
		name := tinyPackage(t)
		key := filepath.Join(t.TempDir(), "team.key")
		if err := os.WriteFile(key, []byte(lockedKey), 0o600); err != nil {
			t.Fatal(err)
		}
		args := []string{"pack", command, name, "--key", key}
		repository := filepath.Join(t.TempDir(), "repository")
		if command == "publish" {
			args = append(args, "--repo", repository)
		}
		w := newWorld(t, "")
		known := w.getenv
		w.getenv = func(variable string) string {
			if variable != keyPassword {
				return known(variable)
			}
			if err := os.WriteFile(name, []byte("another package"), 0o600); err != nil {
				t.Error(err)
			}
			return "correct horse"
		}
		w.require(t, 1, args...)
		if !strings.Contains(w.errOut.String(), "changed while it was read") || w.out.Len() > 0 {
			t.Errorf("%s: %q, %q", command, w.out, w.errOut)
		}
		for _, made := range []string{name + signature.Extension, filepath.Join(repository, "org")} {
			if _, err := os.Lstat(made); err == nil {
				t.Errorf("%s: %s is there", command, made)
			}
		}
	}
}
