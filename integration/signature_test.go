package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/servicepack/svp/integration/svptest"
)

// minisign runs the distribution's command; the password goes to its input.
func minisign(t testing.TB, password string, args ...string) (output string, err error) {
	t.Helper()
	command := exec.CommandContext(t.Context(), "minisign", args...)
	command.Stdin = strings.NewReader(password + "\n" + password + "\n")
	text, err := command.CombinedOutput()
	return string(text), err
}

// TestSignaturesAreThoseOfMinisign signs with one program and verifies with the
// other, with keys of both.
func TestSignaturesAreThoseOfMinisign(t *testing.T) {
	t.Parallel()
	const password = "p4ss-of-the-key"
	zip, folder := packageRedis(t), t.TempDir()
	ours, theirs := filepath.Join(folder, "ours"), filepath.Join(folder, "theirs")
	keygen := svptest.Call{Args: []string{"pack", "keygen", "-o", ours}, Env: []string{"SVP_KEY_PASSWORD=" + password}}
	requireStatus(t, suite.Run(t, keygen), 0)
	if output, err := minisign(t, "", "-G", "-W", "-p", theirs+".pub", "-s", theirs); err != nil {
		t.Fatalf("minisign -G: %v\n%s", err, output)
	}
	change(t, os.Chmod(theirs, 0o600))
	requireStatus(t, svp(t, "pack", "sign", zip, "--key", theirs), 0)
	if output, err := minisign(t, "", "-V", "-p", theirs+".pub", "-m", zip); err != nil || !strings.Contains(output, "coordinate=org.servicepack:redis:1.0.0") {
		t.Errorf("minisign -V: %v\n%s", err, output)
	}
	for _, key := range []string{ours, theirs} {
		if output, err := minisign(t, password, "-S", "-s", key, "-m", zip); err != nil {
			t.Fatalf("minisign -S with %s: %v\n%s", key, err, output)
		}
		requireStatus(t, svp(t, "pack", "verify", zip, "--key", key+".pub"), 0)
	}
	refused := requireStatus(t, svp(t, "pack", "sign", zip, "--key", ours), 1)
	if !strings.Contains(refused.Stderr, "SVP_KEY_PASSWORD") {
		t.Errorf("without a password: %s", refused.Stderr)
	}
}

// TestAFlippedByteIsRefused tries some of the bytes of the package, and of its
// signature.
func TestAFlippedByteIsRefused(t *testing.T) {
	t.Parallel()
	zip, key := packageRedis(t), filepath.Join(t.TempDir(), "key")
	requireStatus(t, svp(t, "pack", "keygen", "-o", key), 0)
	requireStatus(t, svp(t, "pack", "sign", zip, "--key", key), 0)
	for _, name := range []string{zip, zip + ".minisig"} {
		contents := []byte(readFile(t, name))
		for i := 0; i < len(contents); i += len(contents)/7 + 1 {
			contents[i] ^= 1
			change(t, os.WriteFile(name, contents, 0o644))
			result := requireStatus(t, svp(t, "pack", "verify", zip, "--key", key+".pub"), 5)
			if !strings.Contains(result.Stderr, filepath.Base(zip)) || result.Stdout != "" {
				t.Errorf("byte %d of %s: %s", i, name, result)
			}
			contents[i] ^= 1
		}
		change(t, os.WriteFile(name, contents, 0o644))
		requireStatus(t, svp(t, "pack", "verify", zip, "--key", key+".pub"), 0)
	}
}
