package pack

import (
	"context"
	"io"
	"io/fs"
	"time"

	"github.com/servicepack/svp/engine/envvar"
)

// Dir is the folder of a pack as it was when it was opened. It is safe for
// concurrent use and holds no resources.
type Dir struct{}

// File is one entry of a pack.
type File struct {
	Path string      // relative to the folder, with slashes
	Mode fs.FileMode // 0755 or 0644 for files, 0755 for folders, 0777 for symlinks, with the type
	Size int64       // length of a regular file's contents, else 0
	Link string      // target of a symlink
}

// Option changes how Open and the methods of a Dir work.
type Option func(*options)

type options struct{}

// WithQueryTimeout limits the time of one query.
func WithQueryTimeout(d time.Duration) Option { panic("not implemented") }

// WithQueryLimit limits the length of one answer, in bytes.
func WithQueryLimit(bytes int64) Option { panic("not implemented") }

// WithSizeLimit limits the sum of the sizes of a pack's files, in bytes.
func WithSizeLimit(bytes int64) Option { panic("not implemented") }

// WithEntryLimit limits the number of a pack's files and folders.
func WithEntryLimit(n int) Option { panic("not implemented") }

// WithQuerier asks q instead of running bin/query as a process of this
// machine.
func WithQuerier(q Querier) Option { panic("not implemented") }

// Open looks at the folder path without running anything of it. The error is
// an *Error when the folder is not a valid pack, and matches fs.ErrNotExist
// when there is no such folder.
func Open(path string, opts ...Option) (*Dir, error) { panic("not implemented") }

// Path returns the absolute path of the folder.
func (d *Dir) Path() string { panic("not implemented") }

// Name returns the name of the pack: the one in servicepack.yaml, else the
// one of the folder.
func (d *Dir) Name() string { panic("not implemented") }

// Files returns the entries of the pack sorted by path, without the folder
// itself and without those of version control.
func (d *Dir) Files() []File { panic("not implemented") }

// OpenFile opens a regular file of the pack. The caller closes it.
func (d *Dir) OpenFile(path string) (io.ReadCloser, error) { panic("not implemented") }

// Digest returns "sha256:" and the digest of the names, modes and contents of
// the pack's files.
func (d *Dir) Digest() (string, error) { panic("not implemented") }

// Describe asks the pack for everything that needs no secret and validates
// it.
func (d *Dir) Describe(ctx context.Context) (Descriptor, error) { panic("not implemented") }

// Env asks the pack for its environment, with the secrets in the environment
// of the query.
func (d *Dir) Env(ctx context.Context, desc Descriptor, secrets envvar.Set) (envvar.Set, error) {
	panic("not implemented")
}
