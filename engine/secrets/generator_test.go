package secrets_test

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/servicepack/svp/engine/secrets"
)

func TestGenerate(t *testing.T) {
	g, err := secrets.NewGenerator(nil)
	if err != nil {
		t.Fatal(err)
	}
	shape := regexp.MustCompile(`^[A-Za-z0-9]{32}$`)
	seen := map[string]bool{}
	counts := map[rune]int{}
	for range 500 {
		v, err := g.Generate()
		if err != nil {
			t.Fatal(err)
		}
		if !shape.MatchString(v.Reveal()) {
			t.Fatalf("not 32 letters and digits: %q", v.Reveal())
		}
		if err := secrets.Validate(v.Reveal()); err != nil {
			t.Errorf("a generated secret is invalid: %v", err)
		}
		if seen[v.Reveal()] {
			t.Fatal("a secret came twice")
		}
		seen[v.Reveal()] = true
		for _, c := range v.Reveal() {
			counts[c]++
		}
	}
	if len(counts) != 62 {
		t.Errorf("%d of 62 characters are ever used", len(counts))
	}
}

func TestGenerateRepeatsCharacters(t *testing.T) {
	// A source of zeros picks the first character every time, which only
	// works where repeats are allowed.
	g, err := secrets.NewGenerator(zeros{})
	if err != nil {
		t.Fatal(err)
	}
	v, err := g.Generate()
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.Repeat("0", 8) + strings.Repeat("a", 24); v.Reveal() != want {
		t.Errorf("got %q, want %q", v.Reveal(), want)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestGenerateWithoutRandomness(t *testing.T) {
	broken := errors.New("no entropy")
	for name, c := range map[string]struct {
		random io.Reader
		want   error
	}{
		"failing": {iotest.ErrReader(broken), broken},
		"short":   {bytes.NewReader(make([]byte, 5)), io.EOF},
	} {
		g, err := secrets.NewGenerator(c.random)
		if err != nil {
			t.Fatal(err)
		}
		v, err := g.Generate()
		if !errors.Is(err, c.want) {
			t.Errorf("%s source: got error %v, want %v", name, err, c.want)
		}
		if !v.IsZero() {
			t.Errorf("%s source: got a secret beside the error", name)
		}
	}
}
