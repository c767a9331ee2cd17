package packages

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/servicepack/svp/engine/copkg"
	"github.com/servicepack/svp/engine/servicearchive"
	"github.com/servicepack/svp/engine/signature"
)

// fileKind is what an archive is.
type fileKind int

const (
	noArchive fileKind = iota
	zipFile
	serviceArchive
)

// suffixes of archives, the longest first: what is before them names the pack that
// gives itself no name.
var suffixes = []struct {
	text string
	kind fileKind
}{
	{"-servicearchive.tar.gz", serviceArchive}, {"-copkg.zip", zipFile},
	{".tar.gz", serviceArchive}, {".tgz", serviceArchive}, {".zip", zipFile},
}

func kindOfFile(name string) fileKind {
	for _, suffix := range suffixes {
		if strings.HasSuffix(name, suffix.text) {
			return suffix.kind
		}
	}
	return noArchive
}

// nameOfFile is the name of the folder that an archive is extracted into.
func nameOfFile(name string) string {
	name = filepath.Base(name)
	for _, suffix := range suffixes {
		if short, cut := strings.CutSuffix(name, suffix.text); cut {
			name = short
			break
		}
	}
	return plainName(name)
}

// plainName is a name for a folder beside which there are files whose names begin
// with a dot.
func plainName(name string) string {
	if name = strings.TrimLeft(name, "."); name == "" {
		return "pack"
	}
	return name
}

// Opened is an archive that was made a folder.
type Opened struct {
	Record
	Folder string
}

// errChanging tells that what was read is not what is there now.
var errChanging = errors.New("changed while it was read")

// Open makes a zip file or a Service Archive a folder in the cache, where it has
// not been one before. What the file holds decides, not its name or its time.
func (s *Store) Open(ctx context.Context, name string) (opened Opened, err error) {
	err = readArchive(ctx, name, func(file *os.File, record Record) (err error) {
		opened, err = s.unpackOnce(ctx, file, record)
		return err
	})
	if errors.Is(err, errChanging) {
		err = errors.Join(err, s.forget(ctx, opened))
	}
	return opened, err
}

// Check finds out what Open would of a zip file or a Service Archive, and keeps
// nothing.
func (s *Store) Check(ctx context.Context, name string) (found Record, err error) {
	err = readArchive(ctx, name, func(file *os.File, record Record) (err error) {
		found, err = s.checkFile(ctx, file, record)
		return err
	})
	return found, err
}

// readArchive lets read have a file of which the sum and the size are known, and
// makes sure that it stays the same meanwhile.
func readArchive(ctx context.Context, name string, read func(file *os.File, record Record) error) error {
	// Not waiting for the other end of a named pipe.
	file, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	before, err := file.Stat()
	if err == nil && !before.Mode().IsRegular() {
		err = fmt.Errorf("%s is no file", name)
	}
	if err != nil {
		return err
	}
	record := Record{Source: name}
	if record.SHA256, record.Size, err = sum(ctx, file); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if err := read(file, record); err != nil {
		return err
	}
	after, err := file.Stat()
	if err == nil && (after.Size() != before.Size() || !after.ModTime().Equal(before.ModTime())) {
		err = fmt.Errorf("%s %w", name, errChanging)
	}
	return err
}

// forget removes a folder from the cache.
func (s *Store) forget(ctx context.Context, opened Opened) error {
	return s.cached.drop(ctx, opened.SHA256+"/"+filepath.Base(opened.Folder))
}

func (s *Store) unpackOnce(ctx context.Context, file *os.File, record Record) (Opened, error) {
	signed, err := ReadSignature(file.Name())
	if err != nil {
		return Opened{}, err
	}
	there, err := s.findCached(ctx, record.SHA256, nameOfFile(file.Name()), kindOfFile(file.Name()))
	if errors.Is(err, ErrNotInstalled) {
		there, err = s.unpackFile(ctx, file, record)
	}
	if err != nil {
		return Opened{}, err
	}
	// Each time: the signature is another file, and the keys are the user's.
	_, err = s.checkSignature(ctx, file, signed, file.Name(), there.Coordinate)
	return there, err
}

// findCached finds what was extracted before, and is as it was then.
func (s *Store) findCached(ctx context.Context, sha256, name string, kind fileKind) (Opened, error) {
	if kind == serviceArchive {
		// Its profile names the pack.
		entries, err := os.ReadDir(s.cached.path(sha256))
		if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
			return Opened{}, ErrNotInstalled
		}
		if err != nil {
			return Opened{}, err
		}
		name = entries[len(entries)-1].Name() // behind the records, which begin with a dot
	}
	record, err := s.cached.find(sha256 + "/" + name)
	there := Opened{Record: record, Folder: s.cached.path(sha256 + "/" + name)}
	if err == nil {
		err = checkUnchanged(there.Folder, record.Source, record)
	}
	if errors.Is(err, ErrChangedSince) {
		// It can be had again.
		return Opened{}, errors.Join(ErrNotInstalled, s.cached.drop(ctx, sha256+"/"+name))
	}
	if err != nil {
		return Opened{}, err
	}
	return there, nil
}

// ReadSignature reads the signature beside a file; nil where there is none.
func ReadSignature(name string) ([]byte, error) {
	file, err := os.Open(name + signature.Extension)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, signature.MaxSize+1))
}

func (s *Store) unpackFile(ctx context.Context, file *os.File, record Record) (Opened, error) {
	stage, err := s.cached.stage(ctx)
	if err != nil {
		return Opened{}, err
	}
	defer stage.discard()
	folder, err := stage.unpackArchive(ctx, file)
	if err != nil {
		return Opened{}, err
	}
	return s.keepCached(ctx, stage, folder, file.Name(), record)
}

// checkFile unpacks a file where it stays only until it was looked at.
func (s *Store) checkFile(ctx context.Context, file *os.File, record Record) (Record, error) {
	signed, err := ReadSignature(file.Name())
	if err != nil {
		return Record{}, err
	}
	stage, err := s.cached.stage(ctx)
	if err != nil {
		return Record{}, err
	}
	defer stage.discard()
	folder, err := stage.unpackArchive(ctx, file)
	if err == nil {
		record, err = described(record, folder, file.Name())
	}
	if err != nil {
		return Record{}, err
	}
	record.SignedBy, err = s.checkSignature(ctx, file, signed, file.Name(), record.Coordinate)
	return record, err
}

// unpackArchive extracts the pack of a zip file or a Service Archive in the stage.
func (s *stage) unpackArchive(ctx context.Context, file *os.File) (folder string, err error) {
	if kindOfFile(file.Name()) == zipFile {
		folder, err = s.unpackZip(ctx, file, nameOfFile(file.Name()))
	} else {
		folder, err = s.unpackServiceArchive(ctx, file)
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", file.Name(), err)
	}
	return folder, nil
}

// described adds to a record what the unpacked pack is.
func described(record Record, folder, called string) (Record, error) {
	opened, err := openPack(folder, called)
	if err != nil {
		return Record{}, err
	}
	record.PackDigest, record.BundledDigest = opened.digest, opened.bundled
	// A pack without a coordinate is as good, but cannot be installed.
	if c, err := copkg.Coordinate(opened.Dir); err == nil {
		record.Coordinate = c.String()
	}
	return record, nil
}

// keepCached keeps an extracted pack, and finds out what it is.
func (s *Store) keepCached(ctx context.Context, stage *stage, folder, called string, record Record) (Opened, error) {
	record, err := described(record, folder, called)
	if err != nil {
		return Opened{}, err
	}
	name := record.SHA256 + "/" + filepath.Base(folder)
	kept, _, err := stage.keep(ctx, folder, name, record)
	return Opened{Record: kept, Folder: s.cached.path(name)}, err
}

// unpackServiceArchive extracts the pack of a Service Archive.
func (s *stage) unpackServiceArchive(ctx context.Context, file *os.File) (folder string, err error) {
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	root, err := s.root(".archive") // no pack has a name that begins so
	if err != nil {
		return "", err
	}
	defer root.Close()
	found, err := servicearchive.ExtractPack(ctx, file, root)
	if err != nil {
		return "", err
	}
	// Beside the other packages, which are not needed.
	folder = filepath.Join(s.path, plainName(found.Name))
	return folder, os.Rename(filepath.Join(root.Name(), found.Folder), folder)
}

// IsServiceArchive tells that a name is that of a Service Archive.
func IsServiceArchive(name string) bool { return kindOfFile(name) == serviceArchive }

// IsZip tells that a name is that of a zip file.
func IsZip(name string) bool { return kindOfFile(name) == zipFile }
