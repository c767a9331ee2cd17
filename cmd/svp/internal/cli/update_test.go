package cli

import (
	"strings"
	"testing"

	"github.com/servicepack/svp/engine"
)

func TestUpdateTellsWhatItDid(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		changed bool
		want    string
	}{
		{true, "svp: shop is in plan large now\n"},
		{false, "svp: shop is so already, nothing was changed\n"},
	} {
		w := newWorld(t, "")
		w.fake.up = engine.UpResult{Instance: engine.Instance{Name: "shop", Plan: "large"}, Changed: c.changed}
		w.require(t, 0, "update", "shop", "--plan", "large")
		if got := w.errOut.String(); got != c.want || w.out.Len() > 0 {
			t.Errorf("changed %t: stderr %q, want %q; stdout %q", c.changed, got, c.want, w.out)
		}
	}
}

func TestRefusalOfAnUpdateIsNoFailure(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "")
	w.fake.err = &engine.Error{
		Op: "update", Subject: "shop", Kind: engine.Refused, Err: engine.ErrInUseExceeds, Hint: "choose a larger plan, or delete data first",
	}
	w.require(t, 5, "update", "shop", "--plan", "small")
	if got := w.errOut.String(); !strings.Contains(got, "more is in use") || !strings.Contains(got, "hint: choose a larger plan") {
		t.Errorf("stderr: %s", got)
	}
}

// What is in use is left out where the pack cannot tell, and all else is shown.
func TestInfoWithoutUsage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "")
	w.fake.instances = goldenInstances()
	w.require(t, 0, "info", "shop", "--json")
	if !strings.Contains(w.out.String(), "\"usage_bytes\": null") {
		t.Errorf("stdout: %s", w.out)
	}
}

func TestIsolateIsASettingOfTheEngine(t *testing.T) {
	t.Parallel()
	for _, line := range []string{"pack inspect p", "ports -b p", "build -b p -t t", "setup -b p -i b -t t", "up p", "update x --plan y"} {
		for _, isolate := range []bool{false, true} {
			w := newWorld(t, "")
			args := words(line)
			if isolate {
				args = append(args, "--isolate")
			}
			w.require(t, 0, args...)
			if w.fake.config.IsolateQueries != isolate {
				t.Errorf("%q: isolated is %t", args, w.fake.config.IsolateQueries)
			}
		}
	}
}
