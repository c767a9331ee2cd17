package store

import (
	"bytes"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

const (
	keySize = 32
	// maxKeyFile is more than a key takes in any spelling.
	maxKeyFile = 1024
)

// Key seals what is secret. It does not print itself. The zero value is no key.
type Key struct {
	// A pointer, so that printing a struct that holds a key does not show it
	// either.
	material *[keySize]byte
}

// ReadKey reads a key: 32 bytes as hexadecimal or base64 text. It refuses a file
// that others than its owner can read.
func ReadKey(file string) (Key, error) {
	text, err := readPrivate(file)
	if err != nil {
		return Key{}, fmt.Errorf("read the key file: %w", err)
	}
	material, err := parseKey(bytes.TrimSpace(text))
	if err != nil {
		return Key{}, fmt.Errorf("read the key file %s: %w", file, err)
	}
	return Key{material: material}, nil
}

// CreateKey makes a new key and writes it to a file that is not there yet; if it
// is, the error matches fs.ErrExist. The file is there as a whole or not at all.
func CreateKey(file string) (Key, error) {
	key := Key{material: new([keySize]byte)}
	if _, err := rand.Read(key.material[:]); err != nil {
		return Key{}, fmt.Errorf("make a key: %w", err)
	}
	if err := createPrivate(file, hex.EncodeToString(key.material[:])+"\n"); err != nil {
		return Key{}, fmt.Errorf("write the key file: %w", err)
	}
	return key, nil
}

// Derive returns 32 bytes for one purpose, as signing links: always the same ones
// for the same key and purpose, and from which the key cannot be found. Without a
// key there is nothing to derive from, and it panics.
func (k Key) Derive(purpose string) []byte {
	derived, err := hkdf.Key(sha256.New, k.material[:], nil, "svp broker: "+purpose, keySize)
	if err != nil {
		panic(err) // the length is a constant, and a right one
	}
	return derived
}

// Format keeps the key out of whatever prints it.
func (Key) Format(state fmt.State, _ rune) {
	_, _ = io.WriteString(state, "[redacted]")
}

// MarshalText keeps the key out of JSON and logs.
func (Key) MarshalText() ([]byte, error) { return []byte("[redacted]"), nil }

func parseKey(text []byte) (*[keySize]byte, error) {
	for _, decode := range []func(string) ([]byte, error){
		hex.DecodeString,
		base64.StdEncoding.DecodeString, base64.RawStdEncoding.DecodeString,
		base64.URLEncoding.DecodeString, base64.RawURLEncoding.DecodeString,
	} {
		if material, err := decode(string(text)); err == nil && len(material) == keySize {
			return (*[keySize]byte)(material), nil
		}
	}
	// What the decoders say would show parts of the key.
	return nil, errors.New("want 32 random bytes as hexadecimal or base64 text, as `openssl rand -hex 32` prints them")
}

func readPrivate(file string) ([]byte, error) {
	opened, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer opened.Close()
	info, err := opened.Stat()
	if err != nil {
		return nil, err
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, fmt.Errorf("%s has mode %04o, with which others can read the key: run `chmod 600` on it", file, mode)
	}
	return io.ReadAll(io.LimitReader(opened, maxKeyFile))
}

// createPrivate writes beside the file first, so that nobody meets half of it,
// and gives it the name by a link, which unlike renaming replaces nothing.
func createPrivate(file, text string) (err error) {
	beside, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+".*") // has mode 0600
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, beside.Close(), os.Remove(beside.Name())) }()
	if _, err := beside.WriteString(text); err != nil {
		return err
	}
	if err := beside.Sync(); err != nil {
		return err
	}
	if err := os.Link(beside.Name(), file); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return &fs.PathError{Op: "create", Path: file, Err: fs.ErrExist}
		}
		return err
	}
	return syncFolder(filepath.Dir(file))
}

// syncFolder makes sure that a new name outlives a power cut.
func syncFolder(folder string) error {
	opened, err := os.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(opened.Sync(), opened.Close())
}
