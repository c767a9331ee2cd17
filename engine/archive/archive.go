// Package archive writes and reads the small tar streams in which files travel
// to and from containers.
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

// ErrTooLarge tells that a file of an archive is larger than its reader allows.
var ErrTooLarge = errors.New("file is too large")

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

// Write writes the entries as a tar stream. The same entries give the same
// bytes: every time in it is the Unix epoch.
func Write(w io.Writer, entries []Entry) error {
	archive := tar.NewWriter(w)
	for _, entry := range entries {
		if err := writeEntry(archive, entry); err != nil {
			return fmt.Errorf("archive %s: %w", entry.Path, err)
		}
	}
	if err := archive.Close(); err != nil {
		return fmt.Errorf("end archive: %w", err)
	}
	return nil
}

func writeEntry(archive *tar.Writer, entry Entry) error {
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
	return writeContent(archive, entry)
}

func writeContent(archive *tar.Writer, entry Entry) error {
	if entry.Open == nil {
		_, err := archive.Write(entry.Content)
		return err
	}
	file, err := entry.Open()
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = io.Copy(archive, file)
	return err
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
