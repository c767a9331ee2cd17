package archive

import (
	"archive/zip"
	"context"
	"io"
	"io/fs"
	"os"
	"strings"
)

// ListZip reads the directory of a zip archive of that size. An entry's Open
// gives its contents, as long as r can be read. The error is an *Error when the
// archive is damaged, or holds what it must not.
func ListZip(r io.ReaderAt, size int64, l Limits) ([]Entry, error) {
	directory, err := readDirectory(r, size, l.Entries)
	if err != nil {
		return nil, err
	}
	archive, err := zip.NewReader(r, size)
	if err != nil {
		return nil, readError("", err)
	}
	if len(archive.File) != len(directory.entries) {
		return nil, damagedf("", "the archive's directory is damaged")
	}
	names, total := newTree(l.Entries), newBudget(l)
	var entries []Entry
	for i, file := range archive.File {
		entry, err := zipEntryOf(file, directory.entries[i])
		if err == nil && entry.Path == "." {
			continue
		}
		if err == nil {
			err = names.add(entry.Path, entry.Mode, entry.Size)
		}
		if err == nil {
			err = total.declare(entry.Path, entry.Size)
		}
		if err != nil {
			return nil, err
		}
		total.left -= entry.Size
		entries = append(entries, entry)
	}
	return entries, nil
}

// ExtractZip extracts a zip archive of that size into root, an empty folder that
// the caller removes when there is an error. All names and sizes are checked
// before anything is written. It returns the entries, without folders that are
// only part of a name. The error is an *Error when the archive is at fault.
func ExtractZip(ctx context.Context, r io.ReaderAt, size int64, root *os.Root, l Limits) ([]Entry, error) {
	entries, err := ListZip(r, size, l)
	if err != nil {
		return nil, err
	}
	target, budget := newTarget(root), newBudget(l)
	for _, entry := range entries {
		if entry.Mode.IsDir() {
			err = target.folder(entry.Path)
		} else {
			err = extractZipFile(ctx, target, budget, entry)
		}
		if err != nil {
			return nil, err
		}
	}
	return entries, nil
}

func extractZipFile(ctx context.Context, target *target, budget *budget, entry Entry) error {
	content, err := entry.Open()
	if err != nil {
		return err
	}
	defer content.Close()
	return target.file(entry.Path, entry.Mode, func(w io.Writer) error {
		return budget.copy(ctx, w, content, entry.Path, entry.Size)
	})
}

// zipEntryOf checks an entry by itself.
func zipEntryOf(file *zip.File, listed zipEntry) (Entry, error) {
	name, err := plainName(file.Name)
	if err != nil {
		return Entry{}, err
	}
	if err := checkZipEntry(file, listed); err != nil {
		return Entry{}, err
	}
	mode := file.Mode()
	entry := Entry{Path: name, Mode: normalise(mode), Size: listed.size}
	if mode.IsDir() {
		return entry, nil
	}
	if name == "." {
		return Entry{}, unsafef(file.Name, "both a file and a folder")
	}
	entry.Open = func() (io.ReadCloser, error) {
		content, err := file.Open()
		if err != nil {
			return nil, readError(name, err)
		}
		return content, nil
	}
	return entry, nil
}

// checkZipEntry refuses what is neither a file nor a folder, or cannot be read.
func checkZipEntry(file *zip.File, listed zipEntry) error {
	mode := file.Mode()
	switch isFolder := strings.HasSuffix(file.Name, "/"); {
	case file.Name != listed.name || file.UncompressedSize64 != uint64(listed.size) || //nolint:gosec // not negative
		file.CompressedSize64 != uint64(listed.packed): //nolint:gosec // not negative
		return damagedf(file.Name, "its sizes are damaged")
	case listed.flags&flagEncrypted != 0:
		return unsafef(file.Name, "it is encrypted")
	case file.Method != zip.Store && file.Method != zip.Deflate:
		return damagedf(file.Name, "it is compressed in a way that is not known here (method %d)", file.Method)
	case mode.Type() != 0 && mode.Type() != fs.ModeDir:
		return unsafef(file.Name, "neither a file nor a folder; a zip archive holds nothing else")
	case mode.IsDir() && !isFolder:
		return unsafef(file.Name, "both a file and a folder")
	case mode.IsDir() && (listed.size != 0 || listed.packed != 0):
		return unsafef(file.Name, "a folder, and has contents")
	}
	return nil
}
