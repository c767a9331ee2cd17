package repository

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/servicepack/svp/engine/coordinate"
)

// Reindexed is what a repository was found to hold.
type Reindexed struct {
	Index Index
	// Changed tells that the index was another one before.
	Changed bool
	// Ignored are files that look like packages and are not in their place.
	Ignored []string
}

// Reindex makes the index of the repository in a folder anew, from the packages
// that are there. A package without a checksum gets one; one that is not what its
// checksum says is an error that names it, and the index stays as it is.
func Reindex(ctx context.Context, folder string) (_ Reindexed, err error) {
	if _, err := (folderSource(folder)).stat(); err != nil {
		return Reindexed{}, fmt.Errorf("index %s: %w", folder, err)
	}
	e, err := edit(ctx, folder)
	if err != nil {
		return Reindexed{}, fmt.Errorf("index %s: %w", folder, err)
	}
	defer func() { err = errors.Join(err, e.close()) }()
	found, err := e.survey(ctx)
	if err == nil {
		found.Changed, err = e.writeIndex(found.Index)
	}
	if err != nil {
		return Reindexed{}, fmt.Errorf("index %s: %w", folder, err)
	}
	return found, nil
}

// index is what the repository holds, by its index, or by the packages where the
// index is absent or may lack one.
func (e *editor) index(ctx context.Context) (Index, error) {
	text, err := e.readFile(IndexFile, maxIndex)
	if errors.Is(err, fs.ErrNotExist) || err == nil && e.isStale() {
		found, err := e.survey(ctx)
		return found.Index, err
	}
	if err != nil {
		return Index{}, err
	}
	index, err := ParseIndex(text)
	if err != nil {
		return Index{}, fmt.Errorf("%w; svp repo index makes it anew", err)
	}
	return index, nil
}

// record makes sure that the index has the entry.
func (e *editor) record(index Index, entry Entry) error {
	_, err := e.writeIndex(index.with(entry))
	return err
}

// writeIndex replaces the index, unless it is the same.
func (e *editor) writeIndex(index Index) (changed bool, err error) {
	text, err := index.encode()
	if err != nil {
		return false, err
	}
	old, err := e.readFile(IndexFile, maxIndex)
	if err == nil && bytes.Equal(old, text) {
		return false, ignoreNotExist(e.root.Remove(staleFile))
	}
	if err := e.replace(IndexFile, text); err != nil {
		return false, err
	}
	return true, ignoreNotExist(e.root.Remove(staleFile))
}

// survey looks at all packages.
func (e *editor) survey(ctx context.Context) (Reindexed, error) {
	var found Reindexed
	err := fs.WalkDir(e.root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case name != "." && strings.HasPrefix(entry.Name(), "."):
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		case entry.IsDir() || !strings.HasSuffix(name, packageSuffix):
			return nil
		}
		c, err := coordinateOf(name)
		if err != nil || !entry.Type().IsRegular() {
			found.Ignored = append(found.Ignored, name)
			return nil //nolint:nilerr // its reader is told of it
		}
		looked, err := e.look(ctx, c)
		found.Index.entries = append(found.Index.entries, looked)
		return err
	})
	found.Index.sort()
	return found, err
}

// packageSuffix ends the names of packages (coordinate.FileName).
const packageSuffix = "-copkg.zip"

// coordinateOf reads the coordinate of a package from its place.
func coordinateOf(name string) (coordinate.Coordinate, error) {
	parts := strings.Split(name, "/")
	if len(parts) < 4 {
		return coordinate.Coordinate{}, ErrNotFound
	}
	last := len(parts) - 1
	c, err := coordinate.New(strings.Join(parts[:last-2], "."), parts[last-2], parts[last-1])
	if err != nil {
		return coordinate.Coordinate{}, err
	}
	if packagePath(c) != name {
		return coordinate.Coordinate{}, ErrNotFound
	}
	return c, nil
}

// look reads a package and makes sure that its checksum is right.
func (e *editor) look(ctx context.Context, c coordinate.Coordinate) (Entry, error) {
	file, err := e.root.Open(packagePath(c))
	if err != nil {
		return Entry{}, err
	}
	defer file.Close()
	seen, err := copyHashed(ctx, io.Discard, file)
	if err != nil {
		return Entry{}, fmt.Errorf("%s: %w", packagePath(c), err)
	}
	if err := e.checkChecksum(c, seen.SHA256); err != nil {
		return Entry{}, err
	}
	_, err = e.root.Stat(signaturePath(c))
	return Entry{Coordinate: c, SHA256: seen.SHA256, Size: seen.Size, Signed: err == nil}, ignoreNotExist(err)
}

func (e *editor) checkChecksum(c coordinate.Coordinate, sum string) error {
	text, err := e.readFile(checksumPath(c), maxChecksum)
	if errors.Is(err, fs.ErrNotExist) {
		return e.replace(checksumPath(c), checksumLine(sum, c))
	}
	if err != nil {
		return err
	}
	noted, err := parseChecksum(text, c.FileName())
	if err != nil {
		return fmt.Errorf("%s: %w", checksumPath(c), err)
	}
	if noted != sum {
		return fmt.Errorf("%s: %w: it is %s, and should be %s", path.Base(packagePath(c)), ErrChecksum, sum, noted)
	}
	return nil
}

// readFile reads a small file of the repository.
func (e *editor) readFile(name string, limit int64) ([]byte, error) {
	file, err := e.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err == nil && int64(len(text)) > limit {
		err = fmt.Errorf("%s: %w: more than %d bytes", name, ErrTooLarge, limit)
	}
	return text, err
}
