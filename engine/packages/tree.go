package packages

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// makeReadOnly lets nobody write to the files in the folder and, where it is sealed,
// to the folders. The folder itself stays as it is, so that it can be moved.
func makeReadOnly(folder string, sealed bool) error {
	return filepath.WalkDir(folder, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || file == folder || entry.Type()&fs.ModeSymlink != 0 || entry.IsDir() && !sealed {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		return os.Chmod(file, info.Mode().Perm()&0o555) //nolint:gosec // nobody else writes there
	})
}

// removeTree removes a folder in which nobody can write.
func removeTree(folder string) error {
	err := filepath.WalkDir(folder, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		return os.Chmod(file, 0o700) //nolint:gosec // a folder needs the third bit
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.RemoveAll(folder)
}
