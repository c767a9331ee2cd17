//go:build !linux

package repository

// files are those of a repository, opened one by one. No link is followed, and
// nothing outside is reached.
type files struct{ portableFiles }

func openFiles(folder string) (*files, error) {
	opened, err := openPortableFiles(folder)
	return &files{opened}, err
}
