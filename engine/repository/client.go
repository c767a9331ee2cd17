package repository

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/servicepack/svp/engine/coordinate"
	"github.com/servicepack/svp/engine/signature"
)

// Options are the limits of a client. A zero field means its default.
type Options struct {
	RootCAs *x509.CertPool // nil: those of the system
	// Agent is what the client calls itself, as svp/1.2.3.
	Agent string
	// Connect is how long a connection may take to be made (10 s).
	Connect time.Duration
	// Stall is how long a server may be silent (30 s).
	Stall time.Duration
	// Total is how long a call of the client may take (1 h).
	Total time.Duration
	// Pause is how long the client waits before it tries again, twice as long
	// each time (250 ms).
	Pause time.Duration
	// MaxPackage is how large a package may be (16 GiB).
	MaxPackage int64
}

const (
	// attempts is how often a client tries what may pass.
	attempts = 3
	// maxChecksum is more than the file of a checksum takes.
	maxChecksum = 4 << 10
)

func (o Options) withDefaults() Options {
	set := func(field *time.Duration, value time.Duration) {
		if *field == 0 {
			*field = value
		}
	}
	set(&o.Connect, 10*time.Second)
	set(&o.Stall, 30*time.Second)
	set(&o.Total, time.Hour)
	set(&o.Pause, 250*time.Millisecond)
	if o.MaxPackage == 0 {
		o.MaxPackage = 16 << 30
	}
	if o.Agent == "" {
		o.Agent = "svp"
	}
	return o
}

// Client reads a repository. It is safe for concurrent use.
type Client struct {
	location Location
	options  Options
	source   source
}

// source opens the files of a repository. The path is relative to its base, and
// clean. The error matches ErrNotFound where there is no such file.
type source interface {
	open(ctx context.Context, path string, limit int64) (io.ReadCloser, error)
}

// New makes a client of the repository; nothing is asked of it yet.
func New(location Location, o Options) (*Client, error) {
	parsed, err := ParseLocation(location.URL)
	if err != nil {
		return nil, err
	}
	if location.Username != "" {
		parsed.Username, parsed.Password = location.Username, location.Password
	}
	c := &Client{location: parsed, options: o.withDefaults()}
	if folder, is := parsed.Folder(); is {
		c.source = folderSource(folder)
		return c, nil
	}
	base, err := url.Parse(parsed.URL)
	if err != nil {
		return nil, err
	}
	c.source = newHTTPSource(base, parsed, c.options)
	return c, nil
}

// Location is where the repository is.
func (c *Client) Location() Location { return c.location }

// Index reads the list of what the repository holds.
func (c *Client) Index(ctx context.Context) (Index, error) {
	ctx, cancel := c.limited(ctx)
	defer cancel()
	text, err := c.read(ctx, IndexFile, maxIndex)
	if errors.Is(err, ErrNotFound) {
		return Index{}, fmt.Errorf("%w; a repository has an index, which svp repo index makes", err)
	}
	if err != nil {
		return Index{}, err
	}
	index, err := ParseIndex(text)
	if err != nil {
		return Index{}, fmt.Errorf("%s/%s: %w", c.location, IndexFile, err)
	}
	return index, nil
}

// Versions lists the versions of a package that the repository holds, the
// oldest first. The error matches ErrNotFound when there are none.
func (c *Client) Versions(ctx context.Context, group, name string) ([]string, error) {
	index, err := c.Index(ctx)
	if err != nil {
		return nil, err
	}
	versions := index.Versions(group, name)
	if len(versions) == 0 {
		return nil, fmt.Errorf("%s:%s: %s: %w", group, name, c.location, ErrNotFound)
	}
	return versions, nil
}

// File is what a package is written to: an *os.File, usually.
type File interface {
	io.WriteSeeker
	Truncate(size int64) error
}

// Fetched is a package that has arrived, and is what its checksum says.
type Fetched struct {
	SHA256 string // in hex
	Size   int64
	// Signature is what lies beside the package; nil when there is none. Nobody
	// has checked it.
	Signature []byte
}

// Fetch writes a package to the file, which it empties first, and again when it
// has to begin anew. After an error the file holds nothing of worth.
func (c *Client) Fetch(ctx context.Context, wanted coordinate.Coordinate, to File) (Fetched, error) {
	ctx, cancel := c.limited(ctx)
	defer cancel()
	fetched, err := c.fetch(ctx, wanted, to)
	if err != nil {
		return Fetched{}, fmt.Errorf("fetch %s: %w", wanted, err)
	}
	return fetched, nil
}

func (c *Client) fetch(ctx context.Context, wanted coordinate.Coordinate, to File) (Fetched, error) {
	text, err := c.read(ctx, checksumPath(wanted), maxChecksum)
	if err != nil {
		return Fetched{}, err
	}
	sum, err := parseChecksum(text, wanted.FileName())
	if err != nil {
		return Fetched{}, fmt.Errorf("%s/%s: %w", c.location, checksumPath(wanted), err)
	}
	signed, err := c.read(ctx, signaturePath(wanted), signature.MaxSize)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return Fetched{}, err
	}
	fetched := Fetched{Signature: signed}
	err = c.retry(ctx, func() (err error) {
		fetched.SHA256, fetched.Size, err = c.download(ctx, packagePath(wanted), to)
		return err
	})
	if err == nil && fetched.SHA256 != sum {
		err = fmt.Errorf("%s/%s: %w: it is %s, and should be %s", c.location, packagePath(wanted), ErrChecksum, fetched.SHA256, sum)
	}
	return fetched, err
}

// download writes a file of the repository from its beginning.
func (c *Client) download(ctx context.Context, path string, to File) (sum string, size int64, err error) {
	if err := to.Truncate(0); err != nil {
		return "", 0, err
	}
	if _, err := to.Seek(0, io.SeekStart); err != nil {
		return "", 0, err
	}
	body, err := c.source.open(ctx, path, c.options.MaxPackage)
	if err != nil {
		return "", 0, err
	}
	defer body.Close()
	arrived, err := copyHashed(ctx, to, body)
	return arrived.SHA256, arrived.Size, err
}

// copyBuffer is how much is read at a time.
const copyBuffer = 256 << 10

// read reads a small file of the repository.
func (c *Client) read(ctx context.Context, path string, limit int64) (text []byte, err error) {
	err = c.retry(ctx, func() error {
		body, err := c.source.open(ctx, path, limit)
		if err != nil {
			return err
		}
		defer body.Close()
		text, err = io.ReadAll(body)
		return err
	})
	if err != nil {
		return nil, err
	}
	return text, nil
}

// limited is a context that ends when a call has taken too long.
func (c *Client) limited(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, c.options.Total,
		fmt.Errorf("%s: %w: it took longer than %v", c.location, ErrTimeout, c.options.Total))
}

// retry tries again what may pass by itself.
func (c *Client) retry(ctx context.Context, try func() error) error {
	pause := c.options.Pause
	for attempt := 1; ; attempt++ {
		err := try()
		if err == nil || attempt == attempts || ctx.Err() != nil || !isTransient(err) {
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return err
		}
		pause *= 2
	}
}

// parseChecksum reads the file of a checksum: the sum alone, or a line of
// sha256sum about this file.
func parseChecksum(text []byte, file string) (string, error) {
	fields := strings.Fields(string(text))
	if len(fields) == 0 || len(fields) > 2 || !isChecksum(fields[0]) {
		return "", fmt.Errorf("%w: it should be a line of sha256sum", ErrInvalid)
	}
	if len(fields) == 2 && strings.TrimPrefix(fields[1], "*") != file {
		return "", fmt.Errorf("%w: it is the checksum of another file", ErrInvalid)
	}
	return fields[0], nil
}

// isChecksum tells a SHA-256 in hex, as sha256sum writes it.
func isChecksum(text string) bool {
	return len(text) == 2*sha256.Size && strings.Trim(text, "0123456789abcdef") == ""
}
