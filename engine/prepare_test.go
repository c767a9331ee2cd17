package engine

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/servicepack/svp/engine/envvar"
	"github.com/servicepack/svp/engine/secrets"
)

func TestPreparedEnvironmentsAreHandedOutOnce(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "shop")
	writePack(t, folder)
	asked := filepath.Join(t.TempDir(), "asked")
	query := "#!/bin/sh\ncase $1 in\nos) echo debian/12 ;;\nsecrets) echo TOKEN ;;\n" +
		"env) echo asked >>" + asked + "; echo URL=x://$TOKEN@%IP ;;\nesac\n"
	if err := os.WriteFile(filepath.Join(folder, "bin/query"), []byte(query), 0o700); err != nil {
		t.Fatal(err)
	}
	e := offline(t, Config{})
	times := func() int {
		content, _ := os.ReadFile(asked) // absent: not asked
		return strings.Count(string(content), "asked")
	}
	for range 2 {
		if err := e.Prepare(t.Context(), folder); err != nil {
			t.Fatal(err)
		}
	}
	if n := times(); n != stockSize {
		t.Errorf("the pack was asked %d times", n)
	}
	opened, err := e.openPack(t.Context(), folder)
	if err != nil {
		t.Fatal(err)
	}
	described, err := opened.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	take := func(given ...SecretOption) {
		t.Helper()
		set, err := e.environment(t.Context(), opened.Dir, described, given)
		if err != nil {
			t.Fatal(err)
		}
		token, _ := set.Lookup("TOKEN")
		url, _ := set.Lookup("URL")
		if seen[token.Reveal()] || url.Reveal() != "x://"+token.Reveal()+"@%IP" || !set[0].Secret {
			t.Errorf("the environment is %q", set.Environ())
		}
		seen[token.Reveal()] = true
	}
	take(SecretOption{Name: "TOKEN", Value: secrets.New("given")})
	if n := times(); n != stockSize+1 || !seen["given"] {
		t.Errorf("a secret that was given: asked %d times, %v", n, seen)
	}
	for range stockSize + 1 {
		take()
	}
	if n := times(); n != stockSize+2 {
		t.Errorf("the pack was asked %d times", n)
	}
}

func TestStockIsBounded(t *testing.T) {
	var s stock
	for i := range stockedPacks + 10 {
		s.put(fmt.Sprint(i), make([]envvar.Set, 3*stockSize)...)
	}
	if len(s.ready) != stockedPacks || s.missing("0") != stockSize || s.missing(fmt.Sprint(stockedPacks)) != 0 {
		t.Errorf("%d packs; %d are missing of the first", len(s.ready), s.missing("0"))
	}
}
