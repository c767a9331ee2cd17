package archive

import (
	"archive/zip"
	"context"
	"errors"
	"hash/crc32"
	"io"
	"io/fs"
	"math"
	"strings"
)

// What a zip archive says of the program and the format that made it.
const (
	zipVersion   = 20        // 2.0: folders
	zipUnix      = 3<<8 | 20 // the modes are those of a Unix file system
	zipUTF8      = 1 << 11   // names are UTF-8
	dosEpoch     = 1<<5 | 1  // 1980-01-01, the first day that a zip can hold
	zipMostBytes = math.MaxUint32 - 1
)

// WriteZip writes the entries as a zip archive. The same entries give the same
// bytes: they are sorted, have no times, and are stored, because what compresses
// best is found in other ways from one release of Go to the next. A symlink is
// refused. Contents are read twice, since a checksum precedes them: readers that
// do not look ahead understand an archive without one only if it is compressed.
func WriteZip(ctx context.Context, w io.Writer, entries []Entry) error {
	prepared, err := prepare(entries)
	if err != nil {
		return err
	}
	archive, buffer := zip.NewWriter(w), make([]byte, bufferSize)
	for _, entry := range prepared {
		if err := writeZipEntry(ctx, archive, entry, buffer); err != nil {
			return writingError(entry.Path, err)
		}
	}
	if err := archive.Close(); err != nil {
		return writingError("", err)
	}
	return nil
}

func writeZipEntry(ctx context.Context, archive *zip.Writer, entry Entry, buffer []byte) error {
	header := &zip.FileHeader{
		Name: entry.Path, Method: zip.Store,
		CreatorVersion: zipUnix, ReaderVersion: zipVersion, ExternalAttrs: zipAttributes(entry.Mode),
	}
	header.ModifiedDate = dosEpoch //nolint:staticcheck // what is to be used instead is written with an extra field
	if strings.ContainsFunc(entry.Path, func(r rune) bool { return r > 0x7e }) {
		header.Flags |= zipUTF8
	}
	if entry.Mode.IsDir() {
		header.Name += "/"
		_, err := archive.CreateRaw(header)
		return err
	}
	if !entry.Mode.IsRegular() {
		return unsafef(entry.Path, "a symlink; a zip archive holds files and folders only")
	}
	sum := crc32.NewIEEE()
	size, err := entry.copyTo(sum, buffer, ctx.Err)
	if err != nil {
		return err
	}
	if size < 0 || size > zipMostBytes {
		return tooLargef(entry.Path, "larger than a file of a zip archive can be")
	}
	header.CRC32 = sum.Sum32()
	header.CompressedSize64, header.UncompressedSize64 = uint64(size), uint64(size)
	content, err := archive.CreateRaw(header)
	if err != nil {
		return err
	}
	sum.Reset()
	again, err := entry.copyTo(io.MultiWriter(sum, content), buffer, ctx.Err)
	if err == nil && (again != size || sum.Sum32() != header.CRC32) {
		err = errors.New("it changed while it was read")
	}
	return err
}

// zipAttributes are the mode as a Unix file system has it, and for folders the
// mark that they have in a DOS one.
func zipAttributes(mode fs.FileMode) uint32 {
	const unixFolder, unixFile, dosFolder = 0o040000, 0o100000, 0x10
	if mode.IsDir() {
		return (unixFolder|uint32(mode.Perm()))<<16 | dosFolder
	}
	return (unixFile | uint32(mode.Perm())) << 16
}
