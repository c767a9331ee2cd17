package packages

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"

	"github.com/servicepack/svp/engine/registry"
)

// remembered is what a reference stood for when it was pulled.
type remembered struct {
	Reference string `json:"reference"`
	SHA256    string `json:"sha256"`
}

// rememberedFile is where that is kept; a reference is no name for a file.
func (s *Store) rememberedFile(ref registry.Reference) string {
	name := sha256.Sum256([]byte(ref.String()))
	return filepath.Join(s.cached.dir, "references", hex.EncodeToString(name[:])+".json")
}

func (s *Store) remember(ref registry.Reference, sum string) error {
	content, err := encode(remembered{Reference: ref.String(), SHA256: sum})
	if err != nil {
		return err
	}
	name := s.rememberedFile(ref)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil { //nolint:gosec // packages are no secret
		return err
	}
	return writeWhole(name, content)
}

// recall finds what was pulled by the reference before. What cannot be read is as
// if it were not there: it is pulled again.
func (s *Store) recall(ctx context.Context, ref registry.Reference) (Opened, error) {
	var known remembered
	content, err := os.ReadFile(s.rememberedFile(ref))
	if err != nil || decodeStrictly(content, &known) != nil || known.Reference != ref.String() || !hexSum().MatchString(known.SHA256) {
		return Opened{}, ErrNotInstalled
	}
	return s.findPulled(ctx, known.SHA256, ref)
}
