package repository

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"

	"github.com/servicepack/svp/engine/coordinate"
	"github.com/servicepack/svp/engine/ctxio"
)

// Item is a package to be published. Whoever publishes has made sure that the
// file is the package of that coordinate.
type Item struct {
	Coordinate coordinate.Coordinate
	File       string
	// SHA256 is of what was looked at, in hex: a file that has changed since is
	// refused with ErrChanged. Empty takes the file as it is.
	SHA256 string
	// Sign makes the signature of what is published; nil leaves it unsigned.
	Sign func(contents io.Reader) ([]byte, error)
}

// Published is what came of it.
type Published struct {
	SHA256 string // in hex
	Size   int64
	// Unchanged tells that the repository had the same package already.
	Unchanged bool
	Signed    bool
	// Added tells that the package got its signature only now.
	Added bool
}

// Publish puts a package into the repository in a folder. The package appears
// whole: its checksum and signature are there as soon as it is. The same contents
// again change nothing, but for a signature where there was none; other contents
// are refused with ErrOther.
func Publish(ctx context.Context, folder string, item Item) (Published, error) {
	published, err := publish(ctx, folder, item)
	if err != nil {
		return Published{}, fmt.Errorf("publish %s in %s: %w", item.Coordinate, folder, err)
	}
	return published, nil
}

func publish(ctx context.Context, folder string, item Item) (_ Published, err error) {
	file, err := os.Open(item.File)
	if err != nil {
		return Published{}, err
	}
	defer file.Close()
	e, err := edit(ctx, folder)
	if err != nil {
		return Published{}, err
	}
	defer func() { err = errors.Join(err, e.close()) }()
	index, err := e.index(ctx)
	if err != nil {
		return Published{}, err
	}
	published, err := e.put(ctx, item, file)
	if err != nil {
		return Published{}, err
	}
	entry := Entry{Coordinate: item.Coordinate, SHA256: published.SHA256, Size: published.Size, Signed: published.Signed}
	return published, e.record(index, entry)
}

// put makes sure that the repository has the package.
func (e *editor) put(ctx context.Context, item Item, file *os.File) (Published, error) {
	existing, err := e.root.Open(packagePath(item.Coordinate))
	if errors.Is(err, fs.ErrNotExist) {
		return e.putNew(ctx, item, file)
	}
	if err != nil {
		return Published{}, err
	}
	defer existing.Close()
	published, err := item.copy(ctx, io.Discard, file)
	if err != nil {
		return Published{}, err
	}
	there, err := copyHashed(ctx, io.Discard, existing)
	if err != nil {
		return Published{}, err
	}
	if there.SHA256 != published.SHA256 {
		return Published{}, fmt.Errorf("%w: SHA-256 %s, not %s", ErrOther, there.SHA256, published.SHA256)
	}
	published.Unchanged = true
	published.Signed, published.Added, err = e.signLater(item, existing)
	return published, err
}

// signLater adds a signature to a package that has none.
func (e *editor) signLater(item Item, contents io.ReadSeeker) (signed, added bool, err error) {
	_, err = e.root.Stat(signaturePath(item.Coordinate))
	if err == nil || !errors.Is(err, fs.ErrNotExist) || item.Sign == nil {
		return err == nil, false, ignoreNotExist(err)
	}
	if _, err := contents.Seek(0, io.SeekStart); err != nil {
		return false, false, err
	}
	text, err := item.Sign(contents)
	if err != nil {
		return false, false, err
	}
	return true, true, e.replace(signaturePath(item.Coordinate), text)
}

func ignoreNotExist(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// putNew makes the package's folder beside its place, and moves it there when it
// is complete.
func (e *editor) putNew(ctx context.Context, item Item, file *os.File) (_ Published, err error) {
	stage := e.temporary()
	if err := e.root.Mkdir(stage, 0o755); err != nil {
		return Published{}, err
	}
	defer func() { err = errors.Join(err, e.root.RemoveAll(stage)) }()
	published, err := e.fill(ctx, stage, item, file)
	if err != nil {
		return Published{}, err
	}
	place := item.Coordinate.Dir()
	if err := e.markStale(); err != nil {
		return Published{}, err
	}
	if err := e.root.MkdirAll(path.Dir(place), 0o755); err != nil {
		return Published{}, err
	}
	if err := e.root.Rename(stage, place); err != nil {
		return Published{}, fmt.Errorf("%w: is something else there? Remove it, or publish another version", err)
	}
	e.sync(path.Dir(place))
	return published, nil
}

// fill writes the files of a package into a folder.
func (e *editor) fill(ctx context.Context, folder string, item Item, file io.Reader) (Published, error) {
	name := path.Join(folder, item.Coordinate.FileName())
	var published Published
	err := e.create(name, func(to *os.File) (err error) {
		published, err = item.copy(ctx, to, file)
		if err != nil || item.Sign == nil {
			return err
		}
		if _, err := to.Seek(0, io.SeekStart); err != nil {
			return err
		}
		text, err := item.Sign(to)
		if err != nil {
			return err
		}
		published.Signed = true
		return e.create(path.Join(folder, path.Base(signaturePath(item.Coordinate))), writing(text))
	})
	if err != nil {
		return Published{}, err
	}
	err = e.create(name+ChecksumExtension, writing(checksumLine(published.SHA256, item.Coordinate)))
	e.sync(folder)
	return published, err
}

// checksumLine is what sha256sum says of a package.
func checksumLine(sum string, c coordinate.Coordinate) []byte {
	return []byte(sum + "  " + c.FileName() + "\n")
}

func writing(text []byte) func(*os.File) error {
	return func(to *os.File) error {
		_, err := to.Write(text)
		return err
	}
}

// copy copies the package, and makes sure that it is the one that was looked at.
func (i Item) copy(ctx context.Context, to io.Writer, file io.Reader) (Published, error) {
	copied, err := copyHashed(ctx, to, file)
	if err == nil && i.SHA256 != "" && copied.SHA256 != i.SHA256 {
		err = fmt.Errorf("%s: %w: SHA-256 %s, not %s", i.File, ErrChanged, copied.SHA256, i.SHA256)
	}
	return copied, err
}

// copyHashed copies all that is left, for as long as the context lasts.
func copyHashed(ctx context.Context, to io.Writer, from io.Reader) (Published, error) {
	hash := sha256.New()
	size, err := io.CopyBuffer(io.MultiWriter(to, hash), ctxio.NewReader(ctx, from), make([]byte, copyBuffer))
	return Published{SHA256: hex.EncodeToString(hash.Sum(nil)), Size: size}, err
}
