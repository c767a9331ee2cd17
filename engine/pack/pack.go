package pack

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/servicepack/svp/engine/lazyregexp"
)

// Limits of one query, and of a pack, unless an Option says otherwise.
const (
	DefaultQueryTimeout = 10 * time.Second
	DefaultQueryLimit   = 64 << 10
	DefaultSizeLimit    = 512 << 20
	DefaultEntryLimit   = 20000
)

// Option changes how Open and the methods of a Dir work.
type Option func(*options)

type options struct {
	queryTimeout time.Duration
	queryLimit   int64
	sizeLimit    int64
	entryLimit   int
	querier      Querier
}

// WithQueryTimeout limits the time of one query.
func WithQueryTimeout(d time.Duration) Option {
	return func(o *options) { o.queryTimeout = d }
}

// WithQueryLimit limits the length of one answer, in bytes.
func WithQueryLimit(bytes int64) Option {
	return func(o *options) { o.queryLimit = bytes }
}

// WithSizeLimit limits the sum of the sizes of a pack's files, in bytes.
func WithSizeLimit(bytes int64) Option {
	return func(o *options) { o.sizeLimit = bytes }
}

// WithEntryLimit limits the number of a pack's files and folders.
func WithEntryLimit(n int) Option {
	return func(o *options) { o.entryLimit = n }
}

// WithQuerier asks q instead of running bin/query as a process of this
// machine. The limits of a query are then the ones of q.
func WithQuerier(q Querier) Option {
	return func(o *options) { o.querier = q }
}

// Dir is the folder of a pack as it was when it was opened. It is safe for
// concurrent use and holds no resources.
type Dir struct {
	given   string // the folder as the caller named it, for errors
	path    string
	files   []File
	bundled []File     // what packaging added
	written manifest   // servicepack.yaml
	static  Descriptor // what needs no query
	querier Querier
	digest  func() (string, error) // reads the files once
}

// Open looks at the folder path without running anything of it. The error is
// an *Error when the folder is not a valid pack, and matches fs.ErrNotExist
// when there is no such folder.
func Open(path string, opts ...Option) (*Dir, error) {
	d, faults, err := OpenFaulty(path, opts...)
	switch {
	case err != nil:
		return nil, err
	case len(faults) > 0:
		return nil, faults[0]
	}
	return d, nil
}

// OpenFaulty is Open for those who want to know everything that is wrong: it
// opens an invalid pack, too, and returns its faults, of which the first is what
// Open reports. Files at fault are none of the pack's. The error says that the
// folder cannot be looked at.
func OpenFaulty(path string, opts ...Option) (*Dir, []*Error, error) {
	o := options{
		queryTimeout: DefaultQueryTimeout,
		queryLimit:   DefaultQueryLimit,
		sizeLimit:    DefaultSizeLimit,
		entryLimit:   DefaultEntryLimit,
	}
	for _, option := range opts {
		option(&o)
	}
	root, absolute, err := openFolder(path)
	if err != nil {
		return nil, nil, err
	}
	defer root.Close()

	d := &Dir{given: path, path: absolute, querier: o.querier}
	faults := d.read(root, o)
	for _, fault := range faults {
		fault.Pack = path
	}
	if d.querier == nil {
		d.querier = &process{dir: absolute, home: homeFolder(), timeout: o.queryTimeout, limit: o.queryLimit}
	}
	d.digest = sync.OnceValues(d.computeDigest)
	return d, faults, nil
}

// openFolder opens the folder so that nothing outside it can be reached.
func openFolder(path string) (*os.Root, string, error) {
	if path == "" {
		// It would be the working directory.
		return nil, "", &notFoundError{path: path}
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, "", unreadable("", err).in(path)
	}
	info, err := os.Stat(absolute)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return nil, "", &notFoundError{path: path}
	case err != nil:
		return nil, "", unreadable("", err).in(path)
	case !info.IsDir():
		return nil, "", &Error{Pack: path, Reason: "not a folder", Hint: "name the folder that holds bin/query"}
	}
	root, err := os.OpenRoot(absolute)
	if err != nil {
		return nil, "", unreadable("", err).in(path)
	}
	return root, absolute, nil
}

// read fills in what can be known without running anything, and returns what is
// wrong with it.
func (d *Dir) read(root *os.Root, o options) []*Error {
	scripts, faults := checkScripts(root)
	written, wrong := readManifest(root)
	described, more := written.describe()
	d.static, d.written = described, written
	wrong = append(wrong, otherLines(wrong, more)...)
	scan := scanner{root: root, sizeLimit: o.sizeLimit, maxFiles: o.entryLimit, exclude: d.static.Exclude}
	added, fault := readPackageFile(root)
	if fault != nil {
		scan.faults = []*Error{fault}
	}
	scan.added = added
	scan.scan()
	d.files, d.bundled = scan.files, scan.bundled
	faults = append(append(faults, scan.faults...), wrong...)
	maps.DeleteFunc(scripts, func(script string, _ bool) bool {
		return slices.ContainsFunc(scan.exclude, func(pattern string) bool { return leftOut(pattern, "bin/"+script, false) })
	})
	d.static.Scripts = scripts
	if d.static.Name == "" {
		name, err := folderName(d.path)
		if err != nil {
			faults = append(faults, err)
		}
		d.static.Name = name
	}
	return faults
}

// otherLines leaves out of more what follows from a fault on the same line.
func otherLines(faults, more []*Error) []*Error {
	return slices.DeleteFunc(more, func(m *Error) bool {
		return slices.ContainsFunc(faults, func(f *Error) bool { return f.Line == m.Line })
	})
}

// homeFolder is what queries get as HOME.
func homeFolder() string {
	home, err := os.UserHomeDir()
	if err != nil {
		return "/"
	}
	return home
}

var (
	namePattern = lazyregexp.New(`^[a-z0-9][a-z0-9_.-]*$`)
	notInName   = lazyregexp.New(`[^a-z0-9_.-]+`)
)

// maxName leaves a name usable for an instance.
const maxName = 63

// CheckName tells what keeps a text from being the name of a pack.
func CheckName(name string) error {
	switch {
	case !namePattern().MatchString(name):
		return fmt.Errorf("%s is not %s", quote(name), nameMeaning)
	case len(name) > maxName:
		return fmt.Errorf("%s is longer than %d characters", quote(name), maxName)
	}
	return nil
}

// folderName makes the name of a pack that declares none.
func folderName(absolute string) (string, *Error) {
	base := filepath.Base(absolute)
	name := strings.Trim(notInName().ReplaceAllString(strings.ToLower(base), "-"), "_.-")
	if name == "" || len(name) > maxName {
		return "", &Error{
			Reason: fmt.Sprintf("no name can be made from the folder's name, %s", quote(base)),
			Hint:   "write a name into servicepack.yaml, or rename the folder",
		}
	}
	return name, nil
}

// Path returns the absolute path of the folder.
func (d *Dir) Path() string { return d.path }

// Name returns the name of the pack: the one in servicepack.yaml, else the
// one of the folder.
func (d *Dir) Name() string { return d.static.Name }

// Files returns the entries of the pack sorted by path, without the folder
// itself, without those of version control, those that the pack excludes, and
// those that packaging added.
func (d *Dir) Files() []File { return slices.Clone(d.files) }

// Bundled returns the entries that packaging added, sorted by path: scripts below
// ScriptFolder, and below DependencyFolder the files that bin/build would
// download. There are none unless the folder comes from a package.
func (d *Dir) Bundled() []File { return slices.Clone(d.bundled) }

// BundledDependencies are those of the Bundled entries that bin/build would
// download.
func (d *Dir) BundledDependencies() []File {
	return slices.DeleteFunc(d.Bundled(), func(file File) bool { return !isDependency(file) })
}

// find returns the entry of that path, whether or not packaging added it.
func (d *Dir) find(path string) (File, bool) {
	for _, files := range [][]File{d.files, d.bundled} {
		i, found := slices.BinarySearchFunc(files, path, func(f File, p string) int { return strings.Compare(f.Path, p) })
		if found {
			return files[i], true
		}
	}
	return File{}, false
}

// OpenFile opens a regular file of the pack, or one that packaging added. The
// caller closes it.
func (d *Dir) OpenFile(path string) (io.ReadCloser, error) {
	file, found := d.find(path)
	if !found || !file.Mode.IsRegular() {
		return nil, &Error{Pack: d.given, File: path, Reason: "not a file of this pack"}
	}
	root, err := os.OpenRoot(d.path)
	if err != nil {
		return nil, unreadable(path, err).in(d.given)
	}
	defer root.Close()
	content, err := openRegular(root, path)
	if err != nil {
		return nil, unreadable(path, err).in(d.given)
	}
	return content, nil
}
