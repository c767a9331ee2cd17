package repository

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// folderSource is a repository in a folder of this machine.
type folderSource string

func (s folderSource) open(ctx context.Context, path string, limit int64) (io.ReadCloser, error) {
	name := filepath.Join(string(s), filepath.FromSlash(path))
	file, info, err := s.openFile(filepath.FromSlash(path))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, err := os.Stat(string(s)); err != nil {
			return nil, fmt.Errorf("%s: %w: there is no such folder", s, ErrUnreachable)
		}
		return nil, fmt.Errorf("%s: %w", name, ErrNotFound)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", name, err)
	case info.Size() > limit:
		_ = file.Close() // it was only read
		return nil, fmt.Errorf("%s: %w: %d bytes", name, ErrTooLarge, info.Size())
	}
	return &folderFile{file: file, interrupted: func() error { return context.Cause(ctx) }, left: limit}, nil
}

// openFile opens a regular file; no link leads out of the repository.
func (s folderSource) openFile(path string) (*os.File, fs.FileInfo, error) {
	root, err := os.OpenRoot(string(s))
	if err != nil {
		return nil, nil, err
	}
	defer root.Close()
	// Before it is opened: a pipe would wait for its other end.
	if info, err := root.Stat(path); err != nil || !info.Mode().IsRegular() {
		return nil, nil, errors.Join(err, notRegular(info))
	}
	file, err := root.Open(path)
	if err != nil {
		return nil, nil, err
	}
	info, err := file.Stat()
	if err != nil {
		return nil, nil, errors.Join(err, file.Close())
	}
	return file, info, nil
}

func notRegular(info fs.FileInfo) error {
	if info == nil || info.Mode().IsRegular() {
		return nil
	}
	return fmt.Errorf("%w: it is no file", ErrInvalid)
}

// folderFile reads a file for as long as somebody waits for it, and no more of
// one that grows than is allowed.
type folderFile struct {
	file        *os.File
	interrupted func() error
	left        int64
}

func (f *folderFile) Read(p []byte) (int, error) {
	if err := f.interrupted(); err != nil {
		return 0, err
	}
	n, err := f.file.Read(p)
	if f.left -= int64(n); f.left < 0 {
		return 0, fmt.Errorf("%s: %w", f.file.Name(), ErrTooLarge)
	}
	return n, err
}

func (f *folderFile) Close() error { return f.file.Close() }

// stat makes sure that there is such a folder.
func (s folderSource) stat() (fs.FileInfo, error) {
	info, err := os.Stat(string(s))
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s is no folder", s)
	}
	return info, err
}
