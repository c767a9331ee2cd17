package packages

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/servicepack/svp/engine/ctxio"
	"github.com/servicepack/svp/engine/signature"
)

// trusts tells that a package that is here was signed by a key that is trusted now,
// or need not be.
func (s *Store) trusts(record Record) bool {
	return !s.config.RequireSignature ||
		slices.ContainsFunc(s.config.Keys, func(key signature.PublicKey) bool { return key.String() == record.SignedBy })
}

// checkSignature returns the trusted key that has signed the file, where one has.
// A signature that is there and wrong is refused in any case; one that is missing,
// or of an unknown key, only where signatures are required.
func (s *Store) checkSignature(ctx context.Context, file *os.File, signed []byte, called, coordinate string) (key string, err error) {
	if len(signed) == 0 {
		if s.config.RequireSignature {
			return "", fmt.Errorf("%s: %w", called, ErrUnsigned)
		}
		return "", nil
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	found, err := signature.Verify(ctxio.NewReader(ctx, file), signed, s.config.Keys)
	switch {
	case errors.Is(err, signature.ErrUntrusted) && !s.config.RequireSignature:
		return "", nil
	case err != nil:
		return "", fmt.Errorf("%s: %w", called, err)
	case found.Coordinate != "" && found.Coordinate != coordinate:
		return "", fmt.Errorf("%s: %w: it is of %s", called, signature.ErrChanged, found.Coordinate)
	}
	return found.Key.String(), nil
}
