// Package dependency brings the files that a package needs, each named by a uri
// and the sha256 of its contents, to this machine: read from it, or downloaded
// once and kept. It returns a file only when its contents are the ones named, and
// tells nobody the credentials that a uri may hold.
package dependency

import (
	"context"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"
)

// Dependency is a file that is named by where it is and what it holds.
type Dependency struct {
	URI    string // file://, http:// or https://
	SHA256 string // 64 hexadecimal digits
}

// File is a dependency on this machine.
type File struct {
	Name   string // the last part of the uri's path, a plain file name
	Path   string // where it is; not to be changed or removed
	Size   int64
	SHA256 string // in lower case
}

// Options say how dependencies are fetched.
type Options struct {
	CacheDir string // where downloads are kept, by their sha256; made when needed
	Limits   Limits // zero fields mean those of DefaultLimits
	// Offline allows no downloads: what is not on this machine is missing, and
	// the error a *MissingError.
	Offline bool
	// RootCAs are the certificate authorities that servers are trusted by; nil
	// means those of the system.
	RootCAs *x509.CertPool
	// Event, when not nil, is told what happens.
	Event func(Event)
}

// Limits bound what one dependency may take.
type Limits struct {
	Size     int64         // bytes
	Time     time.Duration // the whole download, further attempts included
	Stall    time.Duration // without a byte
	Attempts int           // when failures may pass
	Pause    time.Duration // before the second attempt; doubled for each further one
}

// DefaultLimits are those of zero Options.
var DefaultLimits = Limits{
	Size: 8 << 30, Time: time.Hour, Stall: 30 * time.Second, Attempts: 3, Pause: time.Second,
}

// orDefault fills what is zero.
func (l Limits) orDefault() Limits {
	if l.Size == 0 {
		l.Size = DefaultLimits.Size
	}
	if l.Time == 0 {
		l.Time = DefaultLimits.Time
	}
	if l.Stall == 0 {
		l.Stall = DefaultLimits.Stall
	}
	if l.Attempts == 0 {
		l.Attempts = DefaultLimits.Attempts
	}
	if l.Pause == 0 {
		l.Pause = DefaultLimits.Pause
	}
	return l
}

// EventKind tells what an Event reports.
type EventKind string

// The kinds of events.
const (
	// Cached: the file was on this machine already.
	Cached EventKind = "cached"
	// Downloading: a download begins.
	Downloading EventKind = "downloading"
	// Downloaded: the file is here, and is the one named.
	Downloaded EventKind = "downloaded"
	// Retrying: a download failed in a way that may pass; Err says how.
	Retrying EventKind = "retrying"
	// Damaged: the file in the cache was not what it was when it was put there,
	// and is downloaded again.
	Damaged EventKind = "damaged"
)

// Event is one thing that happens to a dependency.
type Event struct {
	Kind EventKind
	Name string
	URI  string // without credentials
	Size int64  // of the file, once it is known
	Err  error
}

// Fetch returns the dependencies in their order. It ends at the first one that
// cannot be had, except that a *MissingError names all that are missing.
func Fetch(ctx context.Context, dependencies []Dependency, options Options) ([]File, error) {
	f, err := newFetcher(options)
	if err != nil {
		return nil, err
	}
	defer f.close()
	parsed := make([]source, 0, len(dependencies))
	for _, dependency := range dependencies {
		from, err := parse(dependency)
		if err != nil {
			return nil, err
		}
		parsed = append(parsed, from)
	}
	files, missing := make([]File, 0, len(parsed)), &MissingError{}
	for _, from := range parsed {
		file, err := f.fetch(ctx, from)
		if errors.Is(err, errNotCached) {
			missing.URIs = append(missing.URIs, from.shown)
			continue
		}
		if err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	if len(missing.URIs) > 0 {
		return nil, missing
	}
	return files, nil
}

// Check tells what is wrong with dependencies that are to lie in one folder,
// before anything is fetched: each has to be well formed, and have a name of its
// own, also where case makes no difference.
func Check(dependencies []Dependency) error {
	first := make(map[string]source, len(dependencies))
	for _, dependency := range dependencies {
		from, err := parse(dependency)
		if err != nil {
			return err
		}
		key := strings.ToLower(from.name)
		if earlier, taken := first[key]; taken {
			return &Error{
				URI: from.shown, Err: ErrInvalid,
				Reason: fmt.Sprintf("its file name is that of %s already", earlier.shown),
			}
		}
		first[key] = from
	}
	return nil
}

// source is a dependency that is well formed.
type source struct {
	location
	name   string
	sha256 string // in lower case
}

func parse(dependency Dependency) (source, error) {
	invalid := func(reason string) (source, error) {
		return source{}, &Error{URI: Redact(dependency.URI), Reason: reason, Err: ErrInvalid}
	}
	where, reason := parseLocation(dependency.URI)
	if reason != "" {
		return invalid(reason)
	}
	name, reason := baseName(where.url)
	if reason != "" {
		return invalid(reason)
	}
	sum := strings.ToLower(dependency.SHA256)
	if _, err := hex.DecodeString(sum); err != nil || len(sum) != 64 {
		return invalid("its sha256 is not 64 hexadecimal digits")
	}
	return source{location: where, name: name, sha256: sum}, nil
}

// fetcher fetches one dependency after the other.
type fetcher struct {
	cache   cache
	limits  Limits
	offline bool
	client  *http.Client
	event   func(Event)
}

func newFetcher(o Options) (*fetcher, error) {
	if o.CacheDir == "" {
		return nil, errors.New("fetch dependencies: no cache folder is given")
	}
	f := &fetcher{cache: cache{folder: o.CacheDir}, limits: o.Limits.orDefault(), offline: o.Offline, event: o.Event}
	f.client = newClient(o.RootCAs)
	if f.event == nil {
		f.event = func(Event) {}
	}
	return f, nil
}

func (f *fetcher) close() { f.client.CloseIdleConnections() }

func (f *fetcher) tell(kind EventKind, from source, size int64, err error) {
	f.event(Event{Kind: kind, Name: from.name, URI: from.shown, Size: size, Err: err})
}

func (f *fetcher) fetch(ctx context.Context, from source) (File, error) {
	if from.url.Scheme == schemeFile {
		return f.local(ctx, from)
	}
	return f.remote(ctx, from)
}

// local reads the file where it is: a copy of it would only be one more.
func (f *fetcher) local(ctx context.Context, from source) (File, error) {
	path := from.url.Path
	size, sum, err := digest(ctx, path, f.limits.Size)
	if err != nil {
		return File{}, from.failed(err)
	}
	if sum != from.sha256 {
		return File{}, from.mismatch(sum, "")
	}
	f.tell(Cached, from, size, nil)
	return File{Name: from.name, Path: path, Size: size, SHA256: sum}, nil
}

// remote returns the file from the cache, or downloads it.
func (f *fetcher) remote(ctx context.Context, from source) (File, error) {
	file, err := f.cached(ctx, from)
	if !needsDownload(err) {
		return file, err
	}
	if f.offline {
		return File{}, errNotCached
	}
	part, err := f.cache.begin(ctx, from.sha256)
	if err != nil {
		return File{}, from.failed(err)
	}
	defer part.discard()
	// Whoever had the lock until now may have been after the same file.
	file, err = f.cached(ctx, from)
	if !needsDownload(err) {
		return file, err
	}
	if errors.Is(err, errDamaged) {
		f.tell(Damaged, from, 0, nil)
		_ = os.Remove(f.cache.path(from.sha256)) // it is replaced otherwise
	}
	size, err := f.download(ctx, from, part)
	if err != nil {
		return File{}, err
	}
	if err := part.keep(); err != nil {
		return File{}, from.failed(err)
	}
	f.tell(Downloaded, from, size, nil)
	return File{Name: from.name, Path: f.cache.path(from.sha256), Size: size, SHA256: from.sha256}, nil
}

func needsDownload(err error) bool { return errors.Is(err, errNotCached) || errors.Is(err, errDamaged) }

// cached returns the file from the cache; errNotCached when it is not there, and
// errDamaged when it is not the file that was put there.
func (f *fetcher) cached(ctx context.Context, from source) (File, error) {
	path := f.cache.path(from.sha256)
	size, sum, err := digest(ctx, path, f.limits.Size)
	switch {
	case isAbsent(err):
		return File{}, errNotCached
	case err != nil:
		return File{}, from.failed(err)
	case sum != from.sha256:
		return File{}, errDamaged
	}
	f.tell(Cached, from, size, nil)
	return File{Name: from.name, Path: path, Size: size, SHA256: sum}, nil
}
