package dependency

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
)

// Name is the file name of the dependency: the last part of its uri's path.
func (d Dependency) Name() (string, error) {
	from, err := parse(d)
	return from.name, err
}

// Verify returns a reader of the contents that ends in an error, where it would
// end, if they are not those of the dependency.
func (d Dependency) Verify(contents io.ReadCloser) (io.ReadCloser, error) {
	from, err := parse(d)
	if err != nil {
		return nil, err
	}
	return &verifier{ReadCloser: contents, from: from, hash: sha256.New()}, nil
}

type verifier struct {
	io.ReadCloser
	from source
	hash hash.Hash
}

// Read implements io.Reader.
func (v *verifier) Read(p []byte) (int, error) {
	n, err := v.ReadCloser.Read(p)
	v.hash.Write(p[:n])
	if errors.Is(err, io.EOF) {
		if sum := hex.EncodeToString(v.hash.Sum(nil)); sum != v.from.sha256 {
			err = v.from.mismatch(sum, "")
		}
	}
	return n, err
}
