package coordinate_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/servicepack/svp/engine/coordinate"
)

// ascending has the example of Semantic Versioning 2.0.0, section 11, among others.
const ascending = `0.9 1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta 1.0.0-beta.2 1.0.0-beta.11 1.0.0-rc.1 1.0.0
1.0.0+1 1.0.0+2 1.0.0+10 1.0.0.1 1.0.1~rc1 1.0.1 1.01.1 1.1.1 1.2.0 1.2.0a 1.2.0a2 1.2.0a10 1.2.0b 1.9 1.10-SNAPSHOT 1.10 1.18446744073709551617 1.a 2 10 V1 a`

func TestVersionsAreInOrder(t *testing.T) {
	want := strings.Fields(ascending)
	got := slices.Clone(want)
	rand.Shuffle(len(got), func(i, j int) { got[i], got[j] = got[j], got[i] })
	slices.SortFunc(got, coordinate.CompareVersions)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

func TestPreReleases(t *testing.T) {
	for version, want := range map[string]bool{
		"1.0.0": false, "1.0.0-rc.1": true, "1.0~rc1": true, "1.0-": true, "1.0+build-1": false, "1.0+b~1": false, "1.0a": false,
	} {
		if got := coordinate.IsPreRelease(version); got != want {
			t.Errorf("%s: %v", version, got)
		}
	}
}

func FuzzCompareVersions(f *testing.F) {
	f.Add("1.0.0-rc.1", "1.0.0", "1.0")
	f.Add("1.01", "1.1", "1.1+a")
	f.Add("a1", "ab", "a")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		for _, version := range []string{a, b, c} {
			if coordinate.CheckVersion(version) != nil {
				return
			}
		}
		ab, ba := coordinate.CompareVersions(a, b), coordinate.CompareVersions(b, a)
		if ab != -ba || (ab == 0) != (a == b) {
			t.Errorf("%q and %q: %d, %d", a, b, ab, ba)
		}
		if ab <= 0 && coordinate.CompareVersions(b, c) <= 0 && coordinate.CompareVersions(a, c) > 0 {
			t.Errorf("%q <= %q <= %q, and not the first and the last", a, b, c)
		}
	})
}
