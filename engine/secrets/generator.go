package secrets

import (
	"crypto/rand"
	"fmt"
	"io"

	"github.com/sethvargo/go-password/password"
)

// The shape of a generated secret: about 186 bits, in characters that need no
// quoting in a shell, a URL, SQL or YAML. A fixed number of digits satisfies
// services that insist on some.
const (
	length  = 32
	digits  = 8
	symbols = 0
)

// Generator makes new secrets. It is safe for concurrent use when its source
// of randomness is.
type Generator struct {
	passwords *password.Generator
}

// NewGenerator returns a Generator that reads from random; nil means
// crypto/rand, the only right choice outside of tests.
func NewGenerator(random io.Reader) (*Generator, error) {
	if random == nil {
		random = rand.Reader
	}
	passwords, err := password.NewGenerator(&password.GeneratorInput{Reader: random})
	if err != nil {
		return nil, fmt.Errorf("prepare the secret generator: %w", err)
	}
	return &Generator{passwords: passwords}, nil
}

// Generate returns a new secret of 32 ASCII letters and digits, 8 of them
// digits.
func (g *Generator) Generate() (Value, error) {
	const noUpper, allowRepeat = false, true
	text, err := g.passwords.Generate(length, digits, symbols, noUpper, allowRepeat)
	if err != nil {
		return Value{}, fmt.Errorf("generate a secret: %w", err)
	}
	return New(text), nil
}
