package repository

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/servicepack/svp/engine/coordinate"
)

const (
	// indexFormat is the format of the index that this svp reads and writes.
	indexFormat = 1
	// maxIndex is enough for a hundred thousand versions.
	maxIndex = 32 << 20
)

// Index lists what a repository holds, sorted by coordinates, so that the same
// packages give the same file.
type Index struct {
	entries []Entry
}

// Entry is a package of an index.
type Entry struct {
	Coordinate coordinate.Coordinate
	SHA256     string // in hex
	Size       int64
	Signed     bool // a signature lies beside it
}

// indexDocument is an index as it is written.
type indexDocument struct {
	Format   int            `json:"format"`
	Packages []indexPackage `json:"packages"`
}

type indexPackage struct {
	Group    string         `json:"group"`
	Name     string         `json:"name"`
	Versions []indexVersion `json:"versions"`
}

type indexVersion struct {
	Version string `json:"version"`
	SHA256  string `json:"sha256"`
	Size    int64  `json:"size"`
	Signed  bool   `json:"signed,omitempty"`
}

// ParseIndex reads an index strictly: a name in it becomes part of a path, and
// of what people read. Its errors match ErrInvalid or ErrTooLarge.
func ParseIndex(text []byte) (Index, error) {
	if len(text) > maxIndex {
		return Index{}, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, maxIndex)
	}
	var format struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(text, &format); err != nil {
		return Index{}, indexProblem(err)
	}
	if format.Format != indexFormat {
		return Index{}, fmt.Errorf("%w: the index has format %d, and this svp reads format %d", ErrInvalid, format.Format, indexFormat)
	}
	var document indexDocument
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&document); err != nil {
		return Index{}, indexProblem(err)
	}
	return document.index()
}

func indexProblem(err error) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: the index is not JSON", ErrInvalid)
	}
	text := strings.TrimPrefix(err.Error(), "json: ")
	if len(text) > maxProblem {
		text = strings.ToValidUTF8(text[:maxProblem], "") + "…"
	}
	return fmt.Errorf("%w: the index: %s", ErrInvalid, text)
}

// maxProblem is how much of what is wrong with an index an error shows: it may
// hold words of the index.
const maxProblem = 200

func (d indexDocument) index() (Index, error) {
	var index Index
	for _, p := range d.Packages {
		for _, v := range p.Versions {
			entry, err := newEntry(p, v)
			if err != nil {
				return Index{}, err
			}
			index.entries = append(index.entries, entry)
		}
	}
	index.sort()
	for i, entry := range index.entries {
		if i > 0 && entry.Coordinate == index.entries[i-1].Coordinate {
			return Index{}, fmt.Errorf("%w: the index has %s twice", ErrInvalid, entry.Coordinate)
		}
	}
	return index, nil
}

func newEntry(p indexPackage, v indexVersion) (Entry, error) {
	c, err := coordinate.New(p.Group, p.Name, v.Version)
	switch {
	case err != nil:
		return Entry{}, fmt.Errorf("%w: the index: %w", ErrInvalid, err)
	case !isChecksum(v.SHA256):
		return Entry{}, fmt.Errorf("%w: the index has no SHA-256 of %s", ErrInvalid, c)
	case v.Size < 0:
		return Entry{}, fmt.Errorf("%w: the index has no size of %s", ErrInvalid, c)
	}
	return Entry{Coordinate: c, SHA256: v.SHA256, Size: v.Size, Signed: v.Signed}, nil
}

func (i *Index) sort() {
	slices.SortFunc(i.entries, func(a, b Entry) int { return compare(a.Coordinate, b.Coordinate) })
}

// compare is zero for equal coordinates only.
func compare(a, b coordinate.Coordinate) int {
	return cmp.Or(
		strings.Compare(a.Group, b.Group), strings.Compare(a.Name, b.Name), coordinate.CompareVersions(a.Version, b.Version),
	)
}

// Entries are all packages, sorted.
func (i Index) Entries() []Entry { return slices.Clone(i.entries) }

// Versions lists the versions of a package, the oldest first.
func (i Index) Versions(group, name string) []string {
	var versions []string
	for _, entry := range i.entries {
		if entry.Coordinate.Group == group && entry.Coordinate.Name == name {
			versions = append(versions, entry.Coordinate.Version)
		}
	}
	return versions
}

// Find finds a package.
func (i Index) Find(c coordinate.Coordinate) (Entry, bool) {
	at, found := i.search(c)
	if !found {
		return Entry{}, false
	}
	return i.entries[at], true
}

func (i Index) search(c coordinate.Coordinate) (int, bool) {
	return slices.BinarySearchFunc(i.entries, c, func(e Entry, c coordinate.Coordinate) int { return compare(e.Coordinate, c) })
}

// with is the index with the entry, in place of the one that it has.
func (i Index) with(entry Entry) Index {
	at, found := i.search(entry.Coordinate)
	entries := slices.Clone(i.entries)
	if found {
		entries[at] = entry
	} else {
		entries = slices.Insert(entries, at, entry)
	}
	return Index{entries}
}

// encode writes the index.
func (i Index) encode() ([]byte, error) {
	document := indexDocument{Format: indexFormat, Packages: []indexPackage{}}
	for _, entry := range i.entries {
		c := entry.Coordinate
		last := len(document.Packages) - 1
		if last < 0 || document.Packages[last].Group != c.Group || document.Packages[last].Name != c.Name {
			document.Packages = append(document.Packages, indexPackage{Group: c.Group, Name: c.Name})
			last++
		}
		document.Packages[last].Versions = append(document.Packages[last].Versions,
			indexVersion{Version: c.Version, SHA256: entry.SHA256, Size: entry.Size, Signed: entry.Signed})
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(document); err != nil {
		return nil, fmt.Errorf("write the index: %w", err)
	}
	if text.Len() > maxIndex {
		return nil, fmt.Errorf("write the index: %w: more than %d bytes", ErrTooLarge, maxIndex)
	}
	return text.Bytes(), nil
}
