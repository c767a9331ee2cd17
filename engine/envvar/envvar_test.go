package envvar_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/servicepack/svp/engine/envvar"
	"github.com/servicepack/svp/engine/secrets"
)

// vars makes a Set of alternating names and values.
func vars(namesAndValues ...string) envvar.Set {
	set := envvar.Set{}
	for pair := range slices.Chunk(namesAndValues, 2) {
		set = append(set, envvar.Var{Name: pair[0], Value: secrets.New(pair[1])})
	}
	return set
}

// secretVars is vars with Secret set.
func secretVars(namesAndValues ...string) envvar.Set {
	set := vars(namesAndValues...)
	return set.MarkSecret(set.Names()...)
}

// expect compares sets, without printing values that tests could do without.
func expect(t *testing.T, got, want envvar.Set) {
	t.Helper()
	if !slices.Equal(got.Environ(), want.Environ()) {
		t.Errorf("variables: got %q, want %q", got.Environ(), want.Environ())
		return
	}
	for i := range want {
		if got[i].Secret != want[i].Secret {
			t.Errorf("%s: got Secret %v, want %v", want[i].Name, got[i].Secret, want[i].Secret)
		}
	}
}

func TestLookup(t *testing.T) {
	set := vars("A", "1", "EMPTY", "")
	if v, ok := set.Lookup("A"); !ok || v.Reveal() != "1" {
		t.Errorf("A: got %q, %v", v.Reveal(), ok)
	}
	if v, ok := set.Lookup("EMPTY"); !ok || !v.IsZero() {
		t.Errorf("EMPTY: got %q, %v", v.Reveal(), ok)
	}
	if _, ok := set.Lookup("a"); ok {
		t.Error("a: found, although names are case-sensitive")
	}
	if _, ok := envvar.Set(nil).Lookup("A"); ok {
		t.Error("the nil Set has a variable")
	}
}

func TestMergeReplacesInPlaceAndAppends(t *testing.T) {
	// Spare capacity would show an append that writes into an operand.
	base := append(make(envvar.Set, 0, 10), secretVars("A", "1", "B", "2")...)
	other := vars("B", "new", "C", "3")
	merged := base.Merge(other)
	want := append(secretVars("A", "1"), vars("B", "new", "C", "3")...)
	expect(t, merged, want)
	expect(t, base, secretVars("A", "1", "B", "2"))
	expect(t, other, vars("B", "new", "C", "3"))
	if len(base[:3:10][2].Name) != 0 {
		t.Error("Merge wrote behind the end of its operand")
	}
	expect(t, envvar.Set(nil).Merge(other), other)
	expect(t, base.Merge(nil), base)
}

func TestNamesAndEnviron(t *testing.T) {
	set := vars("B", "x=y", "A", "")
	if got, want := set.Names(), []string{"B", "A"}; !slices.Equal(got, want) {
		t.Errorf("Names: got %q, want %q", got, want)
	}
	if got, want := set.Environ(), []string{"B=x=y", "A="}; !slices.Equal(got, want) {
		t.Errorf("Environ: got %q, want %q", got, want)
	}
}

func TestMarkSecret(t *testing.T) {
	set := vars("A", "1", "B", "2")
	marked := set.MarkSecret("B", "ABSENT")
	if marked[0].Secret || !marked[1].Secret {
		t.Errorf("got %v, %v; want only B marked", marked[0].Secret, marked[1].Secret)
	}
	if set[1].Secret {
		t.Error("MarkSecret changed its operand")
	}
}

func TestValidName(t *testing.T) {
	for _, name := range []string{"A", "_", "a1", "PG_PASSWORD", "__x9", "export"} {
		if !envvar.ValidName(name) {
			t.Errorf("%q is refused", name)
		}
	}
	for _, name := range []string{"", "1A", "A-B", "A.B", " A", "A ", "Ä", "A\n", "A=B", "x;rm", "A\x00"} {
		if envvar.ValidName(name) {
			t.Errorf("%q is accepted", name)
		}
	}
}

func TestSetNeverPrints(t *testing.T) {
	const text = "correct-horse"
	set := append(secretVars("PW", text), vars("URL", "x://u:"+text+"@h/d")...)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, subject := range []any{set, set[0], &set[1]} {
			out := fmt.Sprintf(verb, subject)
			if strings.Contains(out, text) || strings.Contains(out, fmt.Sprintf("%x", text)) {
				t.Errorf("%s prints a value: %s", verb, out)
			}
		}
	}
	out, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(out), text) {
		t.Errorf("JSON holds a value: %s", out)
	}
}
