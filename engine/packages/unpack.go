package packages

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/servicepack/svp/engine/archive"
	"github.com/servicepack/svp/engine/ctxio"
	"github.com/servicepack/svp/engine/pack"
)

// unpackZip extracts a package in the stage and returns the folder, of that name.
func (s *stage) unpackZip(ctx context.Context, file *os.File, name string) (folder string, err error) {
	info, err := file.Stat()
	if err != nil {
		return "", err
	}
	root, err := s.root(name)
	if err != nil {
		return "", err
	}
	defer root.Close()
	_, err = archive.ExtractZip(ctx, file, info.Size(), root, archive.DefaultLimits)
	return root.Name(), err
}

// unpacked is a folder that was found to be a pack.
type unpacked struct {
	*pack.Dir
	digest, bundled string // of the pack, and of what packaging added
}

// openPack opens an unpacked folder as a pack. Errors speak of it by the name that
// the user gave it.
func openPack(folder, called string) (opened unpacked, err error) {
	opened.Dir, err = pack.Open(folder)
	if err == nil {
		opened.digest, err = opened.Digest()
	}
	if err == nil {
		opened.bundled, err = opened.BundledDigest()
	}
	return opened, renamed(err, called)
}

// renamed lets an error of a pack speak of it by another name than its folder's.
func renamed(err error, called string) error {
	var invalid *pack.Error
	if !errors.As(err, &invalid) {
		return err
	}
	other := *invalid
	other.Pack = called
	return &other
}

// InvalidPack tells that an error is about a pack that breaks the contract, and what
// its author can do about it.
func InvalidPack(err error) (hint string, is bool) {
	var invalid *pack.Error
	is = errors.As(err, &invalid)
	if is {
		hint = invalid.Hint
	}
	return hint, is
}

// sum reads a file from its beginning and returns its SHA-256 in hex.
func sum(ctx context.Context, file *os.File) (string, int64, error) {
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return "", 0, err
	}
	hash := sha256.New()
	size, err := io.CopyBuffer(hash, ctxio.NewReader(ctx, file), make([]byte, 256<<10))
	return hex.EncodeToString(hash.Sum(nil)), size, err
}

// checkUnchanged makes sure that an installed pack is as it was: a disk that was
// not shut down properly, or somebody with the right to, may have changed it.
func checkUnchanged(folder, called string, record Record) error {
	opened, err := openPack(folder, called)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrChangedSince, err)
	}
	if opened.digest != record.PackDigest || opened.bundled != record.BundledDigest {
		return fmt.Errorf("%w: %s", ErrChangedSince, filepath.Clean(folder))
	}
	return nil
}
