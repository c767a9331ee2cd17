package signature_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/servicepack/svp/engine/signature"
)

const coordinate = "org.cloudname:timber:1.2.3"

var message = []byte("the bytes of a package")

func newKey(t testing.TB) signature.PrivateKey {
	t.Helper()
	key, err := signature.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sign(t testing.TB, key signature.PrivateKey) []byte {
	t.Helper()
	text, err := signature.Sign(bytes.NewReader(message), coordinate, key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func verify(text, contents []byte, keys ...signature.PublicKey) (signature.Signed, error) {
	return signature.Verify(bytes.NewReader(contents), text, keys)
}

func TestASignatureTellsWhatWasSignedAndByWhom(t *testing.T) {
	t.Parallel()
	key, other := newKey(t), newKey(t)
	text := sign(t, key)
	signed, err := verify(text, message, other.Public(), key.Public())
	if err != nil {
		t.Fatal(err)
	}
	if signed.Coordinate != coordinate || signed.Key.String() != key.Public().String() {
		t.Errorf("signed: %+v", signed)
	}
	if want := "sha256=" + signed.SHA256; !strings.HasSuffix(signed.Comment, want) || len(signed.SHA256) != 64 {
		t.Errorf("comment %q, want it to end with %q", signed.Comment, want)
	}
	claim, err := signature.ReadClaim(text)
	if want := (signature.Claim{KeyID: key.Public().ID(), Coordinate: coordinate, SHA256: signed.SHA256}); err != nil || claim != want {
		t.Errorf("claim %+v, %v, want %+v", claim, err, want)
	}
	if again := sign(t, key); !bytes.Equal(text, again) {
		t.Errorf("signed twice, the signatures differ:\n%s\n%s", text, again)
	}
}

// TestEveryChangedByteOfASignatureIsRefused tries all bytes and each of their bits,
// and bytes that are cut off or added.
func TestEveryChangedByteOfASignatureIsRefused(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	text := sign(t, key)
	changed := map[string][]byte{"cut off": text[:len(text)-1], "longer": append(bytes.Clone(text), '\n')}
	for i := range text {
		for bit := range 8 {
			other := bytes.Clone(text)
			other[i] ^= 1 << bit
			changed[fmt.Sprintf("byte %d, bit %d", i, bit)] = other
		}
	}
	for name, text := range changed {
		_, err := verify(text, message, key.Public())
		if !errors.Is(err, signature.ErrMalformed) && !errors.Is(err, signature.ErrUntrusted) && !errors.Is(err, signature.ErrChanged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEveryChangedByteOfTheContentsIsRefused(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	text := sign(t, key)
	changed := map[string][]byte{"cut off": message[:len(message)-1], "longer": append(bytes.Clone(message), 0), "empty": nil}
	for i := range message {
		other := bytes.Clone(message)
		other[i] ^= 1
		changed[fmt.Sprintf("byte %d", i)] = other
	}
	for name, contents := range changed {
		if _, err := verify(text, contents, key.Public()); !errors.Is(err, signature.ErrChanged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOnlyTrustedKeysCount(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	for name, keys := range map[string][]signature.PublicKey{"none": nil, "another": {newKey(t).Public()}} {
		_, err := verify(sign(t, key), message, keys...)
		if !errors.Is(err, signature.ErrUntrusted) || !strings.Contains(err.Error(), key.Public().ID()) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestContentsThatCannotBeReadAreNoSignature(t *testing.T) {
	t.Parallel()
	key, broken := newKey(t), errors.New("the disk is broken")
	if _, err := signature.Sign(iotest.ErrReader(broken), coordinate, key); !errors.Is(err, broken) {
		t.Errorf("sign: %v", err)
	}
	if _, err := signature.Verify(iotest.ErrReader(broken), sign(t, key), []signature.PublicKey{key.Public()}); !errors.Is(err, broken) {
		t.Errorf("verify: %v", err)
	}
}

// TestSignaturesOfMinisign reads what the minisign command wrote.
func TestSignaturesOfMinisign(t *testing.T) {
	t.Parallel()
	key, err := signature.ParsePublicKey(minisignKey)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := verify([]byte(minisignSignature), []byte(minisignMessage), key)
	if err != nil || signed.Coordinate != "" || !strings.HasPrefix(signed.Comment, "timestamp:") {
		t.Errorf("signed: %+v, %v", signed, err)
	}
	if _, err := verify([]byte(minisignLegacy), []byte(minisignMessage), key); !errors.Is(err, signature.ErrMalformed) ||
		!strings.Contains(err.Error(), "without -l") {
		t.Errorf("of the old kind: %v", err)
	}
}

func FuzzVerify(f *testing.F) {
	key := newKey(f)
	genuine := sign(f, key)
	f.Add(genuine)
	f.Add([]byte(minisignSignature))
	f.Add([]byte("untrusted comment: \n\ntrusted comment: \n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		_, err := verify(text, message, key.Public())
		if err == nil && !bytes.Equal(text, genuine) {
			t.Errorf("accepted: %q", text)
		}
	})
}
