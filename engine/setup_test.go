package engine

import (
	"crypto/rand"
	"errors"
	"strings"
	"testing"

	"github.com/servicepack/svp/engine/secrets"
)

func TestSecretsAreGivenOrGenerated(t *testing.T) {
	generator, err := secrets.NewGenerator(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	e := &Engine{generator: generator}
	names := []string{"ROOT", "APP"}
	given := func(pairs ...string) []SecretOption {
		var options []SecretOption
		for i := 0; i < len(pairs); i += 2 {
			options = append(options, SecretOption{Name: pairs[i], Value: secrets.New(pairs[i+1])})
		}
		return options
	}

	set, err := e.secrets(names, given("APP", "a b'c"))
	if err != nil {
		t.Fatal(err)
	}
	environ := set.Environ()
	if len(environ) != 2 || !strings.HasPrefix(environ[0], "ROOT=") || environ[1] != "APP=a b'c" || !set[0].Secret || !set[1].Secret {
		t.Errorf("secrets: %q", environ)
	}
	if again, err := e.secrets(names, nil); err != nil || len(set[0].Value.Reveal()) < 16 || again[0].Value.Equal(set[0].Value) {
		t.Errorf("generated %q and %q, %v", set[0].Value.Reveal(), again[0].Value.Reveal(), err)
	}

	for name, test := range map[string]struct {
		given []SecretOption
		want  string
	}{
		"unknown":  {given("OTHER", "hunter2"), "the pack has no secret OTHER"},
		"twice":    {given("APP", "hunter2", "APP", "hunter3"), "secret APP is given twice"},
		"newline":  {given("APP", "hunter2\nhunter3"), "secret APP: "},
		"nul byte": {given("APP", "hunter2\x00"), "secret APP: "},
	} {
		_, err := e.secrets(names, test.given)
		var failure *Error
		if !errors.As(fail("setup", "shop", err), &failure) || failure.Kind != Usage || !strings.Contains(failure.Error(), test.want) {
			t.Errorf("%s: %v, want a usage error with %q", name, err, test.want)
		}
		if err != nil && strings.Contains(err.Error(), "hunter") {
			t.Errorf("%s: the error shows a secret: %v", name, err)
		}
	}
}
