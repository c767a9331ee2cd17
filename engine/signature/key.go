package signature

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

	"aead.dev/minisign"
)

// PublicKey checks signatures. It is no secret.
type PublicKey struct{ key minisign.PublicKey }

// ParsePublicKey reads a key: the line with it alone, or the whole file that
// minisign and svp write.
func ParsePublicKey(text string) (PublicKey, error) {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if len(lines) == 2 && strings.HasPrefix(lines[0], "untrusted comment:") {
		lines = lines[1:]
	}
	if len(lines) != 1 {
		return PublicKey{}, errors.New("not a public key of minisign: it is one line of base64")
	}
	line := strings.TrimSpace(lines[0])
	var key minisign.PublicKey
	if err := key.UnmarshalText([]byte(line)); err != nil || key.String() != line {
		return PublicKey{}, errors.New("not a public key of minisign: it begins with RW and has 56 characters")
	}
	return PublicKey{key}, nil
}

// String is the line that ParsePublicKey reads.
func (k PublicKey) String() string { return k.key.String() }

// ID is how minisign names the key, in messages for people. It is no proof of
// anything.
func (k PublicKey) ID() string { return id(k.key.ID()) }

func id(number uint64) string { return fmt.Sprintf("%016X", number) }

// File is the public key as minisign keeps it in a file.
func (k PublicKey) File() []byte {
	return []byte("untrusted comment: minisign public key " + k.ID() + "\n" + k.String() + "\n")
}

// PrivateKey signs. It does not print itself.
type PrivateKey struct{ key *minisign.PrivateKey }

// GenerateKey makes a new key.
func GenerateKey() (PrivateKey, error) {
	_, key, err := minisign.GenerateKey(rand.Reader)
	if err != nil {
		return PrivateKey{}, fmt.Errorf("make a key: %w", err)
	}
	return PrivateKey{&key}, nil
}

// ErrWrongPassword tells that the password of a private key is wrong, or the key
// damaged.
var ErrWrongPassword = errors.New("the password is wrong, or the key is damaged")

// ParsePrivateKey reads the file of a private key, as minisign and svp write it.
// It asks for the password where the key has one. Its errors hold nothing of the
// key.
func ParsePrivateKey(file []byte, password func() (string, error)) (PrivateKey, error) {
	if !minisign.IsEncrypted(file) {
		var key minisign.PrivateKey
		if err := key.UnmarshalText(file); err != nil {
			return PrivateKey{}, errors.New("not a private key of minisign")
		}
		return PrivateKey{&key}, nil
	}
	text, err := password()
	if err != nil {
		return PrivateKey{}, err
	}
	key, err := minisign.DecryptKey(text, file)
	if err != nil {
		return PrivateKey{}, ErrWrongPassword
	}
	return PrivateKey{&key}, nil
}

// Public is the key that checks what this one signs.
func (k PrivateKey) Public() PublicKey {
	public, _ := k.key.Public().(minisign.PublicKey) // it is nothing else
	return PublicKey{public}
}

// File is the private key as minisign keeps it in a file, encrypted unless the
// password is empty.
func (k PrivateKey) File(password string) ([]byte, error) {
	if password != "" {
		file, err := minisign.EncryptKey(password, *k.key)
		if err != nil {
			return nil, fmt.Errorf("encrypt the key: %w", err)
		}
		return append(file, '\n'), nil
	}
	file, err := k.key.MarshalText()
	if err != nil {
		return nil, fmt.Errorf("write the key: %w", err)
	}
	return append(file, '\n'), nil
}

// String hides the key.
func (PrivateKey) String() string { return "[redacted]" }

// GoString hides the key.
func (PrivateKey) GoString() string { return "[redacted]" }
