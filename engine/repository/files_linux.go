package repository

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// files are those of a repository, opened one by one. No link is followed, and
// nothing outside is reached.
type files struct {
	folder *os.File
	other  portableFiles
}

func openFiles(folder string) (*files, error) {
	other, err := openPortableFiles(folder)
	if err != nil {
		return nil, err
	}
	opened, err := os.Open(folder)
	if err != nil {
		return nil, errors.Join(err, other.close())
	}
	return &files{folder: opened, other: other}, nil
}

func (f *files) close() error { return errors.Join(f.folder.Close(), f.other.close()) }

// open lets the kernel walk the path, which is one call in place of two for each
// folder on the way (openat2, since Linux 5.6).
func (f *files) open(name string) (*os.File, fs.FileInfo, error) {
	descriptor, err := unix.Openat2(int(f.folder.Fd()), name, &unix.OpenHow{
		Flags:   unix.O_RDONLY | unix.O_CLOEXEC | unix.O_NONBLOCK,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS,
	})
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) {
		return f.other.open(name)
	}
	if err != nil {
		return nil, nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return regular(os.NewFile(uintptr(descriptor), name))
}
