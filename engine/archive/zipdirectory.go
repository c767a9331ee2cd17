package archive

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"io"
	"slices"
)

// What the specification of zip calls its parts (APPNOTE 4.3 and 4.5.3).
const (
	localHeader      = "PK\x03\x04"
	directoryHeader  = "PK\x01\x02"
	directoryEnd     = "PK\x05\x06"
	directoryEnd64   = "PK\x06\x06"
	locator64        = "PK\x06\x07"
	localHeaderLen   = 30
	directoryLen     = 46
	directoryEndLen  = 22
	directoryEnd64Of = 56
	locator64Len     = 20
	extra64          = 0x0001
	flagEncrypted    = 1 << 0
	flagDescriptor   = 1 << 3
	most16, most32   = 1<<16 - 1, 1<<32 - 1
	// maxDescriptor is the longest thing that may stand between two entries.
	maxDescriptor = 24
	// maxDirectory keeps the directory small enough for memory.
	maxDirectory = 16 << 20
)

// zipDirectory is the directory at the end of a zip archive. The library reads
// it as well, but trusts it.
type zipDirectory struct {
	start, end int64 // where it is in the file
	records    uint64
	entries    []zipEntry
}

// zipEntry is what the directory says of a file.
type zipEntry struct {
	name         string
	flags        uint16
	method       uint16
	crc          uint32
	packed, size int64
	offset       int64
}

// readDirectory reads the directory, and makes sure that it describes all of the
// file: entries that do not overlap, with nothing before, between or after them
// that one program would take for an entry and another would not.
func readDirectory(r io.ReaderAt, size int64, most int) (*zipDirectory, error) {
	directory, err := findDirectory(r, size)
	if err != nil {
		return nil, err
	}
	if directory.records > uint64(most) { //nolint:gosec // a limit is not negative
		return nil, tooLargef("", "the archive holds more than %d files and folders", most)
	}
	if directory.end-directory.start > maxDirectory {
		return nil, tooLargef("", "the archive's directory is larger than %d bytes", maxDirectory)
	}
	content := make([]byte, directory.end-directory.start)
	if _, err := r.ReadAt(content, directory.start); err != nil {
		return nil, readError("", err)
	}
	for len(content) > 0 {
		entry, length, err := parseDirectoryHeader(content)
		if err != nil {
			return nil, err
		}
		directory.entries = append(directory.entries, entry)
		content = content[length:]
	}
	if uint64(len(directory.entries)) != directory.records {
		return nil, damagedf("", "the archive's directory holds %d entries and says %d", len(directory.entries), directory.records)
	}
	return directory, directory.checkLayout(r)
}

// findDirectory reads the record that ends the file.
func findDirectory(r io.ReaderAt, size int64) (*zipDirectory, error) {
	const other = "not a zip archive, or one that is cut off"
	if size < directoryEndLen {
		return nil, damagedf("", other)
	}
	tail := make([]byte, min(size, directoryEndLen+most16))
	if _, err := r.ReadAt(tail, size-int64(len(tail))); err != nil {
		return nil, readError("", err)
	}
	at := bytes.LastIndex(tail, []byte(directoryEnd))
	if at < 0 {
		return nil, damagedf("", other)
	}
	record := tail[at:]
	if len(record) < directoryEndLen || len(record) != directoryEndLen+int(le16(record, 20)) {
		return nil, damagedf("", "something stands behind the end of the archive")
	}
	if le16(record, 4) != 0 || le16(record, 6) != 0 || le16(record, 8) != le16(record, 10) {
		return nil, damagedf("", "the archive is a part of a larger one")
	}
	directory := &zipDirectory{end: size - int64(len(record)), records: uint64(le16(record, 10))}
	length, start := uint64(le32(record, 12)), uint64(le32(record, 16))
	if directory.records == most16 || length == most32 || start == most32 {
		return findDirectory64(r, directory)
	}
	return directory.at(start, length)
}

// findDirectory64 reads the record that large archives have before the last one.
func findDirectory64(r io.ReaderAt, directory *zipDirectory) (*zipDirectory, error) {
	begin := directory.end - locator64Len - directoryEnd64Of
	if begin < 0 {
		return nil, damagedf("", "the archive's directory is damaged")
	}
	content := make([]byte, directoryEnd64Of+locator64Len)
	if _, err := r.ReadAt(content, begin); err != nil {
		return nil, readError("", err)
	}
	record, locator := content[:directoryEnd64Of], content[directoryEnd64Of:]
	if string(locator[:4]) != locator64 || string(record[:4]) != directoryEnd64 ||
		le64(locator, 8) != uint64(begin) || le64(record, 4) != directoryEnd64Of-12 ||
		le64(record, 24) != le64(record, 32) {
		return nil, damagedf("", "the archive's directory is damaged")
	}
	directory.end, directory.records = begin, le64(record, 32)
	return directory.at(le64(record, 48), le64(record, 40))
}

// at says where the directory begins; it ends where its end record begins.
func (d *zipDirectory) at(start, length uint64) (*zipDirectory, error) {
	end := uint64(d.end) //nolint:gosec // a place in a file
	if start > end || length > end || start+length != end {
		return nil, damagedf("", "something stands before or behind the archive's directory")
	}
	d.start = int64(start) //nolint:gosec // not beyond end
	return d, nil
}

// parseDirectoryHeader reads the entry that content begins with.
func parseDirectoryHeader(content []byte) (zipEntry, int, error) {
	if len(content) < directoryLen || string(content[:4]) != directoryHeader {
		return zipEntry{}, 0, damagedf("", "the archive's directory is damaged")
	}
	nameLen, extraLen, commentLen := int(le16(content, 28)), int(le16(content, 30)), int(le16(content, 32))
	length := directoryLen + nameLen + extraLen + commentLen
	if length > len(content) {
		return zipEntry{}, 0, damagedf("", "the archive's directory is damaged")
	}
	name := string(content[directoryLen : directoryLen+nameLen])
	entry := zipEntry{name: name, flags: le16(content, 8), method: le16(content, 10), crc: le32(content, 16)}
	packed, size, offset := uint64(le32(content, 20)), uint64(le32(content, 24)), uint64(le32(content, 42))
	extra := find64(content[directoryLen+nameLen : directoryLen+nameLen+extraLen])
	// They are there in this order, and only those that do not fit elsewhere.
	for _, field := range []*uint64{&size, &packed, &offset} {
		if *field != most32 {
			continue
		}
		if len(extra) < 8 {
			return zipEntry{}, 0, damagedf(name, "its sizes are damaged")
		}
		*field, extra = le64(extra, 0), extra[8:]
	}
	const most = 1 << 62
	if packed > most || size > most || offset > most {
		return zipEntry{}, 0, damagedf(name, "its sizes are damaged")
	}
	entry.packed, entry.size, entry.offset = int64(packed), int64(size), int64(offset)
	return entry, length, nil
}

// find64 finds the extra field that has what is too large for the others.
func find64(extra []byte) []byte {
	for len(extra) >= 4 {
		length := int(le16(extra, 2))
		if length > len(extra)-4 {
			return nil
		}
		if le16(extra, 0) == extra64 {
			return extra[4 : 4+length]
		}
		extra = extra[4+length:]
	}
	return nil
}

// checkLayout makes sure that the entries fill what is before the directory.
func (d *zipDirectory) checkLayout(r io.ReaderAt) error {
	sorted := slices.SortedFunc(slices.Values(d.entries), func(a, b zipEntry) int { return cmp.Compare(a.offset, b.offset) })
	var end, gap int64
	for _, entry := range sorted {
		if entry.offset < end {
			return damagedf(entry.name, "overlaps with another entry")
		}
		if entry.offset-end > gap {
			return damagedf(entry.name, "something that belongs to no entry stands before it")
		}
		length, err := entry.checkLocal(r, d.start)
		if err != nil {
			return err
		}
		end, gap = entry.offset+length+entry.packed, 0
		if entry.flags&flagDescriptor != 0 {
			gap = maxDescriptor
		}
	}
	if end > d.start || d.start-end > gap {
		return damagedf("", "the archive's entries and its directory do not fit together")
	}
	return nil
}

// checkLocal compares what the directory says of an entry with the header in
// front of its contents, which programs go by that do not look ahead. It returns
// the length of that header.
func (e zipEntry) checkLocal(r io.ReaderAt, before int64) (int64, error) {
	if e.offset > before-localHeaderLen || e.packed > before {
		return 0, damagedf(e.name, "it lies outside the archive")
	}
	header := make([]byte, localHeaderLen+len(e.name))
	if e.offset+int64(len(header)) > before {
		return 0, damagedf(e.name, "it lies outside the archive")
	}
	if _, err := r.ReadAt(header, e.offset); err != nil {
		return 0, readError(e.name, err)
	}
	if string(header[:4]) != localHeader {
		return 0, damagedf(e.name, "there is no entry where the directory says")
	}
	if int(le16(header, 26)) != len(e.name) || string(header[localHeaderLen:]) != e.name ||
		le16(header, 8) != e.method || le16(header, 6) != e.flags || !e.sameSizes(header) {
		return 0, damagedf(e.name, "the directory says something else than the entry itself")
	}
	return localHeaderLen + int64(len(e.name)) + int64(le16(header, 28)), nil
}

// sameSizes compares those sizes that the header of the entry has itself.
func (e zipEntry) sameSizes(header []byte) bool {
	if e.flags&flagDescriptor != 0 {
		return true
	}
	same := func(at int, size int64) bool {
		value := le32(header, at)
		return value == most32 || int64(value) == size
	}
	return le32(header, 14) == e.crc && same(18, e.packed) && same(22, e.size)
}

func le16(b []byte, at int) uint16 { return binary.LittleEndian.Uint16(b[at:]) }

func le32(b []byte, at int) uint32 { return binary.LittleEndian.Uint32(b[at:]) }

func le64(b []byte, at int) uint64 { return binary.LittleEndian.Uint64(b[at:]) }
