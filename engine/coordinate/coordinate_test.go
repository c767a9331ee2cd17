package coordinate_test

import (
	"path"
	"strings"
	"testing"

	"github.com/servicepack/svp/engine/coordinate"
)

func TestCoordinateDecidesWhereAPackageIs(t *testing.T) {
	tests := []struct{ text, dir, file string }{
		{"org.cloudname:timber:1.2.3", "org/cloudname/timber/1.2.3", "timber-1.2.3-copkg.zip"},
		{"org:a.b:1.0-rc.1+build~2", "org/a.b/1.0-rc.1+build~2", "a.b-1.0-rc.1+build~2-copkg.zip"},
		{"4u.my_group-2:x:V1", "4u/my_group-2/x/V1", "x-V1-copkg.zip"},
	}
	for _, test := range tests {
		c, err := coordinate.Parse(test.text)
		if err != nil {
			t.Errorf("%s: %v", test.text, err)
			continue
		}
		if c.String() != test.text || c.Dir() != test.dir || c.FileName() != test.file {
			t.Errorf("%s: %s, %s, %s", test.text, c, c.Dir(), c.FileName())
		}
		if c.Dir() != c.NameDir()+"/"+c.Version {
			t.Errorf("%s: the folder of all versions is %s", test.text, c.NameDir())
		}
	}
}

func TestParseRefuses(t *testing.T) {
	tests := []struct{ text, want string }{
		{"", `"" is not a coordinate: a coordinate is group:name:version, as org.cloudname:timber:1.2.3`},
		{"a:b", `"a:b" is not a coordinate: a coordinate is group:name:version, as org.cloudname:timber:1.2.3`},
		{"a:b:c:d", `"a:b:c:d" is not a coordinate: a coordinate is group:name:version, as org.cloudname:timber:1.2.3`},
		{":b:1", `":b:1": the group is empty`},
		{"a::1", `"a::1": the name is empty`},
		{"a:b:", `"a:b:": the version is empty`},
		{"../../etc:x:1", `"../../etc:x:1": the group "../../etc" is not right: it is lower-case words`},
		{"a..b:x:1", `the group "a..b" is not right`},
		{".a:x:1", `the group ".a" is not right`},
		{"a.:x:1", `the group "a." is not right`},
		{"a.-b:x:1", `the group "a.-b" is not right`},
		{"A:x:1", `the group "A" is not right`},
		{"a/b:x:1", `the group "a/b" is not right`},
		{"a:..:1", `the name ".." is not right`},
		{"a:x/y:1", `the name "x/y" is not right`},
		{"a:X:1", `the name "X" is not right`},
		{"a:b:../../../tmp/evil", `"a:b:../../../tmp/evil": the version "../../../tmp/evil" is not right`},
		{"a:b:..", `the version ".." is not right`},
		{"a:b:1..2", `the version "1..2" holds ".."`},
		{"a:b:1/2", `the version "1/2" is not right`},
		{`a:b:1\2`, `the version "1\\2" is not right`},
		{"a:b:1 2", `the version "1 2" is not right`},
		{"a:b:1\n", `the version "1\n" is not right`},
		{"a:b:1\x00", `the version "1\x00" is not right`},
		{"a:b:%2e", `the version "%2e" is not right`},
		{"a:b:latest", `the version "latest" stands for several versions, and names none`},
		{"a:b:8.0.+", `the version "8.0.+" stands for several versions, and names none`},
		{strings.Repeat("a", 201) + ":b:1", "the group is longer than 200 characters"},
		{"a:" + strings.Repeat("b", 64) + ":1", "the name is longer than 63 characters"},
		{"a:b:" + strings.Repeat("1", 101), "the version is longer than 100 characters"},
	}
	for _, test := range tests {
		_, err := coordinate.Parse(test.text)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: %v, want %s", test.text, err, test.want)
		}
		if err != nil && strings.ContainsAny(err.Error(), "\n\x00") {
			t.Errorf("%q: the error is not one line: %q", test.text, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{"org.cloudname:timber:1.2.3", "a:b:8.0.+", "a:b:latest", "../..:x:1", "a:b:1..2", "::", "a:b:+", "a:b:1.0~rc1+x"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := coordinate.Parse(text)
		pattern, patternErr := coordinate.ParsePattern(text)
		if err != nil {
			return
		}
		if c.String() != text {
			t.Errorf("%q becomes %q", text, c)
		}
		if dir := c.Dir(); path.Clean("/"+dir) != "/"+dir || strings.ContainsAny(dir+c.FileName(), "\\:\x00\n%?#") {
			t.Errorf("%q lies in %q", text, dir)
		}
		if strings.Contains(c.FileName(), "/") {
			t.Errorf("%q is the file %q", text, c.FileName())
		}
		if exact, ok := pattern.Exact(); patternErr != nil || !ok || exact != c || !pattern.Match(c) {
			t.Errorf("%q as a pattern: %v, %v, %v", text, pattern, exact, patternErr)
		}
		if chosen, ok := pattern.Select([]string{c.Version}); !ok || chosen != c.Version {
			t.Errorf("%q selects %q", text, chosen)
		}
	})
}
