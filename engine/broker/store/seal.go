package store

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
)

const (
	sealVersion = 1
	keyIDSize   = 8
)

// sealer encrypts with AES-256-GCM. What it makes is a version, the id of the
// key, the nonce and the rest. The identity of the record goes in as additional
// data, so that nothing sealed can be moved to another record, or column.
type sealer struct {
	aead   cipher.AEAD
	prefix []byte // the version and the id of the key
}

func newSealer(key Key) (*sealer, error) {
	if key.material == nil {
		return nil, errors.New("no key was given")
	}
	block, err := aes.NewCipher(key.Derive("seal"))
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	return &sealer{aead: aead, prefix: append([]byte{sealVersion}, key.Derive("key id")[:keyIDSize]...)}, nil
}

// seal returns nil for nothing.
func (s *sealer) seal(plain []byte, identity ...string) []byte {
	if len(plain) == 0 {
		return nil
	}
	return s.aead.Seal(bytes.Clone(s.prefix), nil, plain, s.additional(identity)) //nolint:gosec // nil: the AEAD makes a random nonce of its own
}

// open is the inverse of seal.
func (s *sealer) open(sealed []byte, identity ...string) (json.RawMessage, error) {
	if len(sealed) == 0 {
		return nil, nil
	}
	if len(sealed) < len(s.prefix) || sealed[0] != sealVersion {
		return nil, fmt.Errorf("open what is sealed of %s: %w", identity[0], ErrDamaged)
	}
	if !bytes.HasPrefix(sealed, s.prefix) {
		return nil, fmt.Errorf("open what is sealed of %s: %w; use the key file that the store was made with",
			identity[0], ErrWrongKey)
	}
	plain, err := s.aead.Open(nil, nil, sealed[len(s.prefix):], s.additional(identity))
	if err != nil {
		return nil, fmt.Errorf("open what is sealed of %s: %w", identity[0], ErrDamaged)
	}
	return plain, nil
}

// additional joins the parts so that no two lists of parts give the same bytes.
func (s *sealer) additional(identity []string) []byte {
	joined := bytes.Clone(s.prefix)
	for _, part := range identity {
		joined = binary.BigEndian.AppendUint64(joined, uint64(len(part)))
		joined = append(joined, part...)
	}
	return joined
}
