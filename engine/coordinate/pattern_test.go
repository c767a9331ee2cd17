package coordinate_test

import (
	"testing"

	"github.com/servicepack/svp/engine/coordinate"
)

func pattern(t *testing.T, text string) coordinate.Pattern {
	t.Helper()
	p, err := coordinate.ParsePattern(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPatternSelectsTheHighestVersion(t *testing.T) {
	versions := []string{"8.0.2", "8.0.10", "8.0.9", "8.1.0", "9.0.0-rc.1", "8.10.0", "8.0.11~beta", "not a version", "../x", "latest"}
	tests := []struct {
		version string
		from    []string
		want    string // none if it is empty
	}{
		{"8.0.+", versions, "8.0.10"},
		{"8.+", versions, "8.10.0"},
		{"8+", versions, "8.10.0"},
		{"latest", versions, "8.10.0"},
		{"+", versions, "8.10.0"},
		{"9.+", versions, "9.0.0-rc.1"},
		{"8.0.11~+", versions, "8.0.11~beta"},
		{"8.0.9", versions, "8.0.9"},
		{"9.0.0-rc.1", versions, "9.0.0-rc.1"},
		{"8.0", versions, ""},
		{"7.+", versions, ""},
		{"latest", nil, ""},
		{"latest", []string{"1.0-beta", "1.0-alpha"}, "1.0-beta"},
	}
	for _, test := range tests {
		got, found := pattern(t, "org.example:db:"+test.version).Select(test.from)
		if got != test.want || found != (test.want != "") {
			t.Errorf("%s of %v: %q, %v; want %q", test.version, test.from, got, found, test.want)
		}
	}
}

func TestPatternMatchesItsOwnPackage(t *testing.T) {
	p := pattern(t, "org.example:db:8.0.+")
	for text, want := range map[string]bool{
		"org.example:db:8.0.1": true, "org.example:db:8.1.0": false, "org.example:other:8.0.1": false, "org.other:db:8.0.1": false,
	} {
		c, err := coordinate.Parse(text)
		if err != nil || p.Match(c) != want {
			t.Errorf("%s: %v, %v", text, p.Match(c), err)
		}
	}
	if _, exact := p.Exact(); exact {
		t.Errorf("%s is one package", p)
	}
	if c, exact := pattern(t, "org.example:db:8.0.1").Exact(); !exact || c.String() != "org.example:db:8.0.1" {
		t.Errorf("Exact = %v, %v", c, exact)
	}
	if p.String() != "org.example:db:8.0.+" {
		t.Errorf("String = %s", p)
	}
}

func TestParsePatternRefuses(t *testing.T) {
	for _, text := range []string{
		"", "a:b", "a:b:c:d", "../a:b:+", "a:b/c:+", "a:b:../+", "a:b:..+", "a:b:*", "a:b: latest", "a:b:", ":b:+", "a::latest", "a:b:.+",
	} {
		if p, err := coordinate.ParsePattern(text); err == nil {
			t.Errorf("%q is the pattern %s", text, p)
		}
	}
}
