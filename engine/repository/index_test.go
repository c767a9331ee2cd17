package repository_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/servicepack/svp/engine/repository"
)

func TestAnIndexIsReadStrictly(t *testing.T) {
	t.Parallel()
	sum := strings.Repeat("0", 64)
	one := func(group, name, version, sum, size string) string {
		return `{"format":1,"packages":[{"group":"` + group + `","name":"` + name + `","versions":[{"version":"` + version +
			`","sha256":"` + sum + `","size":` + size + `}]}]}`
	}
	if index, err := repository.ParseIndex([]byte(one("org", "a", "1", sum, "7"))); err != nil || len(index.Entries()) != 1 {
		t.Errorf("an index: %+v, %v", index, err)
	}
	for name, text := range map[string]string{
		"empty":              "",
		"no JSON":            "<html>",
		"cut off":            one("org", "a", "1", sum, "7")[:40],
		"without format":     `{"packages":[]}`,
		"of another format":  `{"format":2,"packages":[]}`,
		"unknown field":      `{"format":1,"packages":[],"more":1}`,
		"unknown long field": `{"format":1,"packages":[],"` + strings.Repeat("more", 10000) + `":1}`,
		"long name":          one("a", strings.Repeat("b", 10000), "1", sum, "7"),
		"something after it": `{"format":1,"packages":[]} {}`,
		"deep":               strings.Repeat("[", 100000),
		"deep in a field":    `{"format":1,"packages":` + strings.Repeat("[", 100000) + strings.Repeat("]", 100000) + `}`,
		"group leads out":    one("../../etc", "x", "1", sum, "7"),
		"name leads out":     one("a", "../b", "1", sum, "7"),
		"version leads out":  one("a", "b", "../../../tmp/evil", sum, "7"),
		"colon":              one("a", "b:c", "1", sum, "7"),
		"empty group":        one("", "b", "1", sum, "7"),
		"empty version":      one("a", "b", "", sum, "7"),
		"escapes":            one("a", "b", `1\u001b[2J`, sum, "7"),
		"no checksum":        one("a", "b", "1", "", "7"),
		"no real checksum":   one("a", "b", "1", strings.Repeat("Z", 64), "7"),
		"negative size":      one("a", "b", "1", sum, "-7"),
		"endless size":       one("a", "b", "1", sum, "1e400"),
		"twice": `{"format":1,"packages":[{"group":"a","name":"b","versions":[{"version":"1","sha256":"` + sum + `","size":1},` +
			`{"version":"1","sha256":"` + sum + `","size":2}]}]}`,
	} {
		_, err := repository.ParseIndex([]byte(text))
		if !errors.Is(err, repository.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if strings.ContainsAny(err.Error(), "\n\x1b") || len(err.Error()) > 1000 {
			t.Errorf("%s: not one short line: %q", name, err)
		}
	}
}

func FuzzParseIndex(f *testing.F) {
	f.Add([]byte(`{"format":1,"packages":[{"group":"a","name":"b","versions":[{"version":"1","sha256":"` + strings.Repeat("0", 64) + `","size":1}]}]}`))
	f.Add([]byte(`{"format":1,"packages":[{"group":"..","name":"/","versions":[{}]}]}`))
	f.Add([]byte(`[[[[`))
	f.Fuzz(func(t *testing.T, text []byte) {
		index, err := repository.ParseIndex(text)
		if err != nil {
			if !errors.Is(err, repository.ErrInvalid) {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		for _, entry := range index.Entries() {
			if strings.Contains(entry.Coordinate.Dir(), "..") || len(entry.SHA256) != 64 || entry.Size < 0 {
				t.Errorf("%q: %+v", text, entry)
			}
		}
	})
}
