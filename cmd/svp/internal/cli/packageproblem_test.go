package cli

import (
	"strings"
	"testing"
)

// A password in a reference is a mistake, which must not end up in logs as well.
func TestAPasswordInAReferenceIsNotShown(t *testing.T) {
	t.Parallel()
	for _, ref := range []string{"oci://me:s3cret@registry.example.org/x:1", "oci://me:s3/cret@registry.example.org/x:1"} {
		for _, args := range [][]string{
			{"pack", "pull", ref}, {"pack", "push", "x.zip", ref}, {"pack", "push", ref, "oci://registry.example.org/x:1"},
			{"build", "-b", ref, "-t", "x"}, {"up", ref}, {"broker", "--packs", "packs," + ref}, {"broker", "check", "--packs", ref},
		} {
			w := newWorld(t, "")
			w.open = openEngine
			status := w.svp(t, args...)
			if shown := w.errOut.String() + w.out.String(); status != 2 || strings.Contains(shown, "cret") || !strings.Contains(shown, "not a reference") {
				t.Errorf("svp %q: status %d: %s", args, status, shown)
			}
		}
	}
}
