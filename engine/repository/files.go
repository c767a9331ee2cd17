package repository

import (
	"errors"
	"io/fs"
	"os"
	"path"
)

// portableFiles opens the files of a repository on any system.
type portableFiles struct{ root *os.Root }

func openPortableFiles(folder string) (portableFiles, error) {
	root, err := os.OpenRoot(folder)
	return portableFiles{root}, err
}

func (f portableFiles) close() error { return f.root.Close() }

func (f portableFiles) open(name string) (*os.File, fs.FileInfo, error) {
	// The root keeps links from leading out; inside they could still lead to
	// what is not served.
	for part := name; part != "."; part = path.Dir(part) {
		info, err := f.root.Lstat(part)
		if err != nil {
			return nil, nil, err
		}
		if !info.Mode().IsDir() && !info.Mode().IsRegular() {
			return nil, nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
		}
	}
	file, err := f.root.Open(name)
	if err != nil {
		return nil, nil, err
	}
	return regular(file)
}

// regular closes what is no file.
func regular(file *os.File) (*os.File, fs.FileInfo, error) {
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: file.Name(), Err: fs.ErrInvalid}
	}
	if err != nil {
		return nil, nil, errors.Join(err, file.Close())
	}
	return file, info, nil
}
