package cli

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// writeFolder lets fill put files into a new folder, which appears whole or not at
// all.
func writeFolder(name string, fill func(*os.Root) error) error {
	switch _, err := os.Lstat(name); {
	case err == nil:
		return refusal("write", name, "it exists already", "name a folder that does not exist")
	case !errors.Is(err, fs.ErrNotExist):
		return newWriteError(name, err)
	}
	target := filepath.Clean(name)
	folder, err := createWhole(target, makeFolder)
	if err != nil {
		return newWriteError(name, err)
	}
	if err := fillFolder(folder.Name(), fill); err != nil {
		folder.discard()
		return err
	}
	if err := replaceFile(folder.File, target); err != nil {
		folder.discard()
		return newWriteError(name, err)
	}
	return nil
}

func fillFolder(name string, fill func(*os.Root) error) error {
	root, err := os.OpenRoot(name)
	if err != nil {
		return newWriteError(name, err)
	}
	defer root.Close()
	return fill(root)
}

func makeFolder(name string) (*os.File, error) {
	if err := os.Mkdir(name, 0o777); err != nil { //nolint:gosec // as the user's umask allows
		return nil, err
	}
	return os.Open(name)
}
