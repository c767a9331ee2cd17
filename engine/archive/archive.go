// Package archive writes and reads archives: the tar streams in which files
// travel to and from containers, and the zip and tar.gz files in which packs
// travel between people.
//
// What it writes is the same wherever and whenever it is written. What it reads
// may be anybody's: no name, link, size or lie of an archive reaches outside the
// folder that it is extracted into, or takes more than [Limits] allow.
package archive

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"
)

// Entry is one file, folder or symlink. All entries belong to root.
type Entry struct {
	Path string      // with slashes, relative to where the archive is unpacked
	Mode fs.FileMode // permissions, and fs.ModeDir or fs.ModeSymlink
	Link string      // target of a symlink
	Size int64       // of a regular file whose contents come from Open
	// Open gives the contents of a regular file; nil means Content has them.
	Open    func() (io.ReadCloser, error)
	Content []byte
}

// Write writes the entries as a tar stream, in the order and with the permissions
// that they have. The same entries give the same bytes: every time in it is the
// Unix epoch.
func Write(w io.Writer, entries []Entry) error {
	return writeTar(w, entries, never)
}

// interrupted tells why what is going on has to end; it is the Err of a context.
type interrupted func() error

func never() error { return nil }

func writeTar(w io.Writer, entries []Entry, ended interrupted) error {
	archive, buffer := tar.NewWriter(w), make([]byte, 64<<10)
	for _, entry := range entries {
		if err := writeEntry(archive, entry, buffer, ended); err != nil {
			return writingError(entry.Path, err)
		}
	}
	if err := archive.Close(); err != nil {
		return writingError("", err)
	}
	return nil
}

// writingError says what was being written, where the error does not.
func writingError(name string, err error) error {
	var own *Error
	switch {
	case errors.As(err, &own):
		return err
	case name == "":
		return fmt.Errorf("end archive: %w", err)
	}
	return fmt.Errorf("archive %s: %w", name, err)
}

func writeEntry(archive *tar.Writer, entry Entry, buffer []byte, ended interrupted) error {
	header := &tar.Header{
		Name: entry.Path, Mode: int64(entry.Mode.Perm()), ModTime: time.Unix(0, 0), Format: tar.FormatPAX,
	}
	switch {
	case entry.Mode.IsDir():
		header.Typeflag = tar.TypeDir
		header.Name += "/"
	case entry.Mode&fs.ModeSymlink != 0:
		header.Typeflag = tar.TypeSymlink
		header.Linkname = entry.Link
	default:
		header.Typeflag = tar.TypeReg
		header.Size = entry.Size
		if entry.Open == nil {
			header.Size = int64(len(entry.Content))
		}
	}
	if err := archive.WriteHeader(header); err != nil {
		return err
	}
	if header.Typeflag != tar.TypeReg {
		return nil
	}
	_, err := entry.copyTo(archive, buffer, ended)
	return err
}

// copyTo writes the contents of a regular file, and returns their length.
func (e Entry) copyTo(w io.Writer, buffer []byte, ended interrupted) (int64, error) {
	if e.Open == nil {
		n, err := w.Write(e.Content)
		return int64(n), err
	}
	file, err := e.Open()
	if err != nil {
		return 0, err
	}
	defer file.Close()
	return copyContent(w, file, buffer, ended)
}

// Reader streams the entries as Write writes them. The caller closes it, which
// ends the writing when the stream was not read to its end.
func Reader(entries []Entry) io.ReadCloser {
	reader, writer := io.Pipe()
	go func() { _ = writer.CloseWithError(Write(writer, entries)) }()
	return reader
}

// ReadFile returns the contents of the first regular file of a tar stream. The
// error matches fs.ErrNotExist when there is none, and ErrTooLarge when the file
// is larger than limit bytes.
func ReadFile(r io.Reader, limit int64) ([]byte, error) {
	archive := tar.NewReader(r)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("archive holds no file: %w", fs.ErrNotExist)
		}
		if err != nil {
			return nil, fmt.Errorf("read archive: %w", err)
		}
		if header.Typeflag != tar.TypeReg {
			continue
		}
		if header.Size > limit {
			return nil, fmt.Errorf("%s: %w", header.Name, ErrTooLarge)
		}
		var content bytes.Buffer
		if _, err := io.Copy(&content, io.LimitReader(archive, limit)); err != nil {
			return nil, fmt.Errorf("read %s from archive: %w", header.Name, err)
		}
		return content.Bytes(), nil
	}
}
