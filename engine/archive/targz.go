package archive

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
)

// What a tar stream may have beside the contents of its files: headers, and what
// fills it up at its end.
const (
	perEntry  = 4 << 10
	maxFiller = 1 << 20
)

// WriteTarGz writes the entries as a tar.gz archive. The same entries give the
// same bytes, for which it does not compress, as WriteZip does not. A symlink that
// leads out of the archive is refused.
func WriteTarGz(ctx context.Context, w io.Writer, entries []Entry) error {
	prepared, err := prepare(entries)
	if err != nil {
		return err
	}
	for _, entry := range prepared {
		if entry.Mode&fs.ModeSymlink != 0 {
			if err := checkLink(entry.Path, entry.Link); err != nil {
				return err
			}
		}
	}
	compressed, err := gzip.NewWriterLevel(w, gzip.NoCompression)
	if err != nil {
		return writingError("", err)
	}
	if err := writeTar(compressed, prepared, ctx.Err); err != nil {
		return err
	}
	if err := compressed.Close(); err != nil {
		return writingError("", err)
	}
	return nil
}

// ListTarGz reads a tar.gz archive to its end and returns its entries, without
// contents. The error is an *Error when the archive is damaged, or holds what it
// must not.
func ListTarGz(ctx context.Context, r io.Reader, l Limits) ([]Entry, error) {
	return readTarGz(ctx, r, nil, l)
}

// ExtractTarGz extracts a tar.gz archive into root, an empty folder that the caller
// removes when there is an error: a stream is known to be whole at its end only.
// Symlinks and hard links are made if they are relative and stay inside. It returns
// the entries, without folders that are only part of a name. The error is an *Error
// when the archive is at fault.
func ExtractTarGz(ctx context.Context, r io.Reader, root *os.Root, l Limits) ([]Entry, error) {
	return readTarGz(ctx, r, newTarget(root), l)
}

// readTarGz reads the archive, and extracts it where there is a target.
func readTarGz(ctx context.Context, r io.Reader, target *target, l Limits) ([]Entry, error) {
	compressed, err := gzip.NewReader(bufio.NewReaderSize(r, 64<<10))
	if err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, gzip.ErrHeader) {
			return nil, damagedf("", "not a tar.gz archive, or one that is cut off")
		}
		return nil, readError("", err)
	}
	stream := &bounded{r: compressed, left: l.Total + int64(l.Entries)*perEntry + maxFiller, total: l.Total}
	reader := &tarReader{tar: tar.NewReader(stream), target: target, names: newTree(l.Entries), budget: newBudget(l)}
	entries, err := reader.entries(ctx)
	if err != nil {
		return nil, err
	}
	return entries, checkFiller(stream)
}

// bounded ends with an error what would be longer than any honest archive.
type bounded struct {
	r           io.Reader
	left, total int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, tooLargef("", "the archive holds more than %d bytes", b.total)
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// checkFiller reads what follows the end of a tar stream, so that the checksum of
// the whole is looked at.
func checkFiller(r io.Reader) error {
	buffer := make([]byte, 32<<10)
	for read := 0; ; {
		n, err := r.Read(buffer)
		for _, b := range buffer[:n] {
			if b != 0 {
				return damagedf("", "something stands behind the end of the archive")
			}
		}
		switch read += n; {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return tarError("", err)
		case read > maxFiller:
			return damagedf("", "something stands behind the end of the archive")
		}
	}
}

// tarError keeps an *Error that went through the library.
func tarError(name string, err error) error {
	var own *Error
	if errors.As(err, &own) {
		return own
	}
	return readError(name, err)
}

// tarReader reads the entries of a tar stream.
type tarReader struct {
	tar    *tar.Reader
	target *target // nil: nothing is extracted
	names  *tree
	budget *budget
}

func (t *tarReader) entries(ctx context.Context) ([]Entry, error) {
	var entries []Entry
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		header, err := t.tar.Next()
		switch {
		case errors.Is(err, io.EOF):
			return entries, nil
		case err != nil:
			return nil, tarError("", err)
		case header.Typeflag == tar.TypeXGlobalHeader: // git archive writes one
			continue
		}
		entry, err := t.entry(ctx, header)
		if err != nil {
			return nil, err
		}
		if entry.Path != "." {
			entries = append(entries, entry)
		}
	}
}

// entry checks one entry, and extracts it.
func (t *tarReader) entry(ctx context.Context, header *tar.Header) (Entry, error) {
	name, err := plainName(header.Name)
	if err != nil {
		return Entry{}, err
	}
	entry := Entry{Path: name, Mode: normalise(header.FileInfo().Mode())}
	if name == "." && header.Typeflag == tar.TypeDir {
		return entry, nil
	}
	isFolder := header.Name[len(header.Name)-1] == '/'
	switch {
	case name == "." || isFolder && header.Typeflag != tar.TypeDir:
		return Entry{}, unsafef(header.Name, "both a file and a folder")
	case header.Typeflag == tar.TypeReg:
		return t.file(ctx, entry, header.Size)
	case header.Typeflag == tar.TypeDir:
		return t.folder(entry)
	case header.Typeflag == tar.TypeSymlink:
		return t.symlink(entry, header.Linkname)
	case header.Typeflag == tar.TypeLink:
		return t.hardLink(entry, header.Linkname)
	}
	return Entry{}, unsafef(header.Name, "neither a file, a folder nor a link")
}

func (t *tarReader) file(ctx context.Context, entry Entry, size int64) (Entry, error) {
	entry.Size = size
	if err := t.names.add(entry.Path, entry.Mode, size); err != nil {
		return Entry{}, err
	}
	read := func(w io.Writer) error { return t.budget.copy(ctx, w, t.tar, entry.Path, size) }
	if t.target == nil {
		return entry, read(io.Discard)
	}
	return entry, t.target.file(entry.Path, entry.Mode, read)
}

func (t *tarReader) folder(entry Entry) (Entry, error) {
	err := t.names.add(entry.Path, entry.Mode, 0)
	if err == nil && t.target != nil {
		err = t.target.folder(entry.Path)
	}
	return entry, err
}

func (t *tarReader) symlink(entry Entry, to string) (Entry, error) {
	entry.Mode, entry.Link = fs.ModeSymlink|0o777, to
	err := checkLink(entry.Path, to)
	if err == nil {
		err = t.names.add(entry.Path, entry.Mode, 0)
	}
	if err == nil && t.target != nil {
		err = t.target.symlink(entry.Path, to)
	}
	return entry, err
}

// hardLink takes the second name of a file that came before.
func (t *tarReader) hardLink(entry Entry, to string) (Entry, error) {
	plain, err := plainName(to)
	if err != nil {
		return Entry{}, unsafef(entry.Path, "a hard link to %q, which is not a plain relative path", shorten(to))
	}
	first, there := t.names.regular(plain)
	if !there {
		return Entry{}, unsafef(entry.Path, "a hard link to %q, which is no file before it in the archive", shorten(to))
	}
	entry.Mode, entry.Size = first.mode, first.size
	if err = t.names.add(entry.Path, entry.Mode, entry.Size); err == nil && t.target != nil {
		err = t.target.hardLink(entry.Path, plain)
	}
	return entry, err
}
