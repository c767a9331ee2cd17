// Package signature signs packages and checks their signatures, in the format of
// minisign (https://jedisct1.github.io/minisign/): a small file beside the signed
// one. Nothing else is needed to check it than the public key, no network either,
// and the minisign command checks what svp signed, and the other way round.
//
// The trusted comment of a signature that svp makes holds the coordinate and the
// SHA-256 of the package. It is signed too, so that the signature of one package
// cannot stand for another.
package signature

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"aead.dev/minisign"
)

// Extension is what the name of a signature's file has more than that of the
// signed file.
const Extension = ".minisig"

// MaxSize is more than a signature takes.
const MaxSize = 4 << 10

// Causes of errors, to be matched with errors.Is.
var (
	// ErrMalformed: what should be a signature is none, or was changed.
	ErrMalformed = errors.New("the signature is damaged")
	// ErrUntrusted: the key that signed is none of those that are trusted.
	ErrUntrusted = errors.New("the key is not trusted")
	// ErrChanged: the signature is genuine, and the contents are not what was signed.
	ErrChanged = errors.New("the contents are not what was signed")
)

// comment is the untrusted comment of every signature that svp makes. Nothing
// protects this line, so that any other text beside a trusted comment of svp's
// shows that the file was changed.
const comment = "signature from svp"

// claimPrefix begins the trusted comment of a signature that svp makes.
const claimPrefix = "svp coordinate="

// Signed is what a genuine signature says.
type Signed struct {
	Key PublicKey // the one that signed
	// Coordinate is of the package that was signed; empty in a signature that
	// another program made.
	Coordinate string
	SHA256     string // of the contents, in hex
	Comment    string // the trusted comment
}

// Sign reads the message to its end and signs it as the package of that
// coordinate. The same message and key give the same signature.
func Sign(message io.Reader, coordinate string, key PrivateKey) ([]byte, error) {
	sum := sha256.New()
	hashed := minisign.NewReader(io.TeeReader(message, sum))
	if _, err := io.Copy(io.Discard, hashed); err != nil {
		return nil, fmt.Errorf("read what is to be signed: %w", err)
	}
	claim := claimPrefix + coordinate + " sha256=" + hex.EncodeToString(sum.Sum(nil))
	return hashed.SignWithComments(*key.key, claim, comment), nil
}

// Verify reads the message to its end and checks its signature against the keys.
// Any change of the message or of the signature is an error, which matches one of
// the causes.
func Verify(message io.Reader, signature []byte, keys []PublicKey) (Signed, error) {
	parsed, err := parse(signature)
	if err != nil {
		return Signed{}, err
	}
	key, err := choose(keys, parsed)
	if err != nil {
		return Signed{}, err
	}
	sum := sha256.New()
	hashed := minisign.NewReader(io.TeeReader(message, sum))
	if _, err := io.Copy(io.Discard, hashed); err != nil {
		return Signed{}, fmt.Errorf("read what was signed: %w", err)
	}
	if !hashed.Verify(key.key, signature) {
		return Signed{}, ErrChanged
	}
	signed := Signed{Key: key, SHA256: hex.EncodeToString(sum.Sum(nil)), Comment: parsed.TrustedComment}
	return signed.claimed()
}

// parse reads a signature strictly: of two texts that mean the same, which a
// lenient reader of base64 takes alike, only one is a signature.
func parse(text []byte) (minisign.Signature, error) {
	var parsed minisign.Signature
	if len(text) > MaxSize {
		return parsed, fmt.Errorf("%w: it is longer than %d bytes", ErrMalformed, MaxSize)
	}
	if err := parsed.UnmarshalText(text); err != nil {
		return parsed, fmt.Errorf("%w: %s", ErrMalformed, reason(err))
	}
	again, err := parsed.MarshalText()
	if err != nil || !bytes.Equal(again, text) {
		return parsed, fmt.Errorf("%w: it is not written as minisign writes it", ErrMalformed)
	}
	if strings.HasPrefix(parsed.TrustedComment, claimPrefix) && parsed.UntrustedComment != comment {
		return parsed, fmt.Errorf("%w: its first line was changed", ErrMalformed)
	}
	if parsed.Algorithm != minisign.HashEdDSA {
		return parsed, fmt.Errorf("%w: it is of minisign's old kind, sign without -l", ErrMalformed)
	}
	return parsed, nil
}

// reason is what the library says, without its name.
func reason(err error) string { return strings.TrimPrefix(err.Error(), "minisign: ") }

// choose finds the key that signed, and makes sure that it made this signature.
func choose(keys []PublicKey, parsed minisign.Signature) (PublicKey, error) {
	signed := slices.Concat(parsed.Signature[:], []byte(parsed.TrustedComment))
	named := false
	for _, key := range keys {
		if key.key.ID() != parsed.KeyID {
			continue
		}
		named = true
		if ed25519.Verify(key.bytes(), signed, parsed.CommentSignature[:]) {
			return key, nil
		}
	}
	switch {
	case named:
		return PublicKey{}, fmt.Errorf("%w: it was changed, or another key made it", ErrMalformed)
	case len(keys) == 0:
		return PublicKey{}, fmt.Errorf("%w: it is %s, and there are no trusted keys", ErrUntrusted, id(parsed.KeyID))
	}
	return PublicKey{}, fmt.Errorf("%w: it is %s", ErrUntrusted, id(parsed.KeyID))
}

// Claim is what a signature says of itself, before anybody has verified it.
type Claim struct {
	KeyID string
	// Coordinate and SHA256 are empty in a signature that another program made.
	Coordinate, SHA256 string
}

// ReadClaim reads a signature without verifying it.
func ReadClaim(signature []byte) (Claim, error) {
	parsed, err := parse(signature)
	if err != nil {
		return Claim{}, err
	}
	claim := Claim{KeyID: id(parsed.KeyID)}
	claim.Coordinate, claim.SHA256, _ = readComment(parsed.TrustedComment)
	return claim, nil
}

// CheckClaim finds a signature of another package, or of what this one was before it
// was made anew. Whether it is genuine is for those to judge who trust keys.
func CheckClaim(signature []byte, coordinate, sha256 string) error {
	claim, err := ReadClaim(signature)
	if err != nil || claim.Coordinate == "" {
		return err
	}
	if claim.Coordinate != coordinate || claim.SHA256 != sha256 {
		return fmt.Errorf("%w: the signature beside the package is of another one; sign it again", ErrChanged)
	}
	return nil
}

// readComment reads the trusted comment of a signature that svp made.
func readComment(text string) (coordinate, sha256 string, ours bool) {
	text, ours = strings.CutPrefix(text, claimPrefix)
	if !ours {
		return "", "", false
	}
	coordinate, sha256, _ = strings.Cut(text, " sha256=")
	return coordinate, sha256, true
}

// claimed compares what the trusted comment says.
func (s Signed) claimed() (Signed, error) {
	coordinate, sum, ours := readComment(s.Comment)
	if ours && sum != s.SHA256 {
		return Signed{}, fmt.Errorf("%w: its comment has another SHA-256", ErrChanged)
	}
	s.Coordinate = coordinate
	return s, nil
}

// bytes is the key as the standard library takes it.
func (k PublicKey) bytes() ed25519.PublicKey {
	raw, err := base64.StdEncoding.DecodeString(k.key.String())
	if err != nil || len(raw) < ed25519.PublicKeySize {
		return make(ed25519.PublicKey, ed25519.PublicKeySize) // fits no signature
	}
	return raw[len(raw)-ed25519.PublicKeySize:]
}
