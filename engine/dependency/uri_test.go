package dependency

import (
	"errors"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
)

func TestCheckNamesWhatIsWrong(t *testing.T) {
	sum := sumOf("x")
	for uri, want := range map[string]string{
		"":                                      "only file, http and https",
		"file.deb":                              "only file, http and https",
		"ftp://example.org/x":                   "only file, http and https",
		"http:x":                                "not a uri",
		"http://%zz/x":                          "not a uri",
		"https:///x":                            "names no host",
		"https://example.org":                   "ends in no file name",
		"https://example.org/folder/":           "ends in no file name",
		"https://example.org/a/..":              "plain file name",
		"https://example.org/a/%2e%2e":          "plain file name",
		"https://example.org/..%2fetc%2fpasswd": "plain file name",
		"https://example.org/a%5Cb":             "plain file name",
		"https://example.org/a%00b":             "plain file name",
		"https://example.org/a%0Ab":             "plain file name",
		"https://example.org/%ff":               "plain file name",
		"https://example.org/" + strings.Repeat("x", 300): "plain file name",
		"file://other/x":       "a file is of this machine",
		"file://me@/x":         "a file is of this machine",
		"file:///folder/x?y":   "no query or fragment",
		"file:///folder/x#y":   "no query or fragment",
		"file:///folder%00/x":  "NUL",
		"file:///folder/a%2Fb": "plain file name",
		"https://" + strings.Repeat("x", 9000) + "/file": "not a uri",
	} {
		err := Check([]Dependency{{URI: uri, SHA256: sum}})
		if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: %v; want %q", uri, err, want)
		}
	}
	for _, wrong := range []string{"", "abc", sum[:63], sum[:63] + "g", sum + "00"} {
		if err := Check([]Dependency{{URI: "https://example.org/x", SHA256: wrong}}); !errors.Is(err, ErrInvalid) {
			t.Errorf("sha256 %q: %v", wrong, err)
		}
	}
}

func TestCheckWantsAFileNameForEach(t *testing.T) {
	sum := sumOf("x")
	good := []Dependency{
		{URI: "https://example.org/a_1%3a2.0-1~deb12u1_amd64.deb", SHA256: sum},
		{URI: "http://me:pw@example.org/b/x+y.tar.gz?token=1", SHA256: sum},
		{URI: "file://localhost/folder/x%20y", SHA256: sum},
	}
	if err := Check(good[1:]); err != nil {
		t.Error(err)
	}
	if err := Check(good); !errors.Is(err, ErrInvalid) {
		t.Errorf("a colon, which is no part of a name everywhere: %v", err)
	}
	err := Check([]Dependency{good[1], {URI: "https://me:pw@example.org/c/X+Y.tar.gz", SHA256: sum}})
	if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), "file name is that of http://REDACTED@example.org/b/x+y.tar.gz?token=REDACTED already") {
		t.Errorf("got %v", err)
	}
}

func TestRedact(t *testing.T) {
	for uri, want := range map[string]string{
		"https://example.org/a%20b.deb":              "https://example.org/a%20b.deb",
		"https://user:pw@example.org:8443/x":         "https://REDACTED@example.org:8443/x",
		"https://token@example.org/x":                "https://REDACTED@example.org/x",
		"https://e.org/x?X-Amz-Signature=abc&v=1&zz": "https://e.org/x?X-Amz-Signature=REDACTED&v=REDACTED&REDACTED",
		"https://e.org/x#token":                      "https://e.org/x",
		"file:///folder/x":                           "file:///folder/x",
		"folder/x":                                   "folder/x",
		"mailto:me@example.org":                      "(not a readable uri)",
		"https://user:p%zz@example.org/x":            "(not a readable uri)",
	} {
		if got := Redact(uri); got != want {
			t.Errorf("Redact(%q) = %q, want %q", uri, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, uri := range []string{
		"https://me:pw@example.org/a%20b.deb?x=y#z", "file:///folder/..%2Fx", "http://[::1]:80/%00", "//x/y", "http://a/b;c?%zz",
	} {
		f.Add(uri)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		shown := Redact(uri)
		if strings.ContainsFunc(shown, isUnprintable) {
			t.Errorf("Redact(%q) = %q", uri, shown)
		}
		from, err := parse(Dependency{URI: uri, SHA256: sumOf("")})
		if err != nil {
			if !errors.Is(err, ErrInvalid) {
				t.Errorf("%q: %v", uri, err)
			}
			return
		}
		if filepath.Base(from.name) != from.name || !filepath.IsLocal(from.name) {
			t.Errorf("%q is the file %q", uri, from.name)
		}
		again, err := url.Parse(shown)
		if err != nil || again.Fragment != "" || again.User != nil && again.User.String() != hidden {
			t.Errorf("Redact(%q) = %q", uri, shown)
		}
	})
}
