// Package repository reads, fills and serves repositories of packages. A
// repository is a static folder, behind any web server or on a disk:
//
//	BASE/index.json
//	BASE/org/cloudname/timber/1.2.3/timber-1.2.3-copkg.zip
//	BASE/org/cloudname/timber/1.2.3/timber-1.2.3-copkg.zip.sha256
//	BASE/org/cloudname/timber/1.2.3/timber-1.2.3-copkg.zip.minisig
//
// The place of a package follows copkg ("Package coordinates"); it never changes
// once it is there. What a server says is taken for what it may be: hostile.
package repository

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"path/filepath"
	"strings"

	"github.com/servicepack/svp/engine/coordinate"
	"github.com/servicepack/svp/engine/secrets"
	"github.com/servicepack/svp/engine/signature"
)

const (
	// IndexFile lists what a repository holds.
	IndexFile = "index.json"
	// ChecksumExtension is what the name of a checksum's file has more than that
	// of the package. It is written as sha256sum writes it.
	ChecksumExtension = ".sha256"
)

// Causes of errors, to be matched with errors.Is.
var (
	// ErrNotFound: the repository has no such package.
	ErrNotFound = errors.New("not found")
	// ErrUnauthorized: the repository wants other credentials.
	ErrUnauthorized = errors.New("the repository does not let this user in")
	// ErrUnreachable: no repository answers there.
	ErrUnreachable = errors.New("the repository does not answer")
	// ErrInvalid: what answers is no repository, or a damaged one.
	ErrInvalid = errors.New("not as a repository has it")
	// ErrChecksum: a package is not what its checksum says.
	ErrChecksum = errors.New("the checksum is wrong")
	// ErrTooLarge: an answer is larger than this client takes.
	ErrTooLarge = errors.New("too large")
	// ErrTimeout: the repository is too slow.
	ErrTimeout = errors.New("time limit reached")
	// ErrOther: the repository has the coordinate with other contents.
	ErrOther = errors.New("the repository has this coordinate with other contents")
	// ErrChanged: the file to be published is not the one that was looked at.
	ErrChanged = errors.New("it changed while it was read")
)

// Location is where a repository is and who asks.
type Location struct {
	URL      string // http, https or file, or the name of a folder
	Username string // empty: nobody in particular
	Password secrets.Value
}

// ParseLocation checks the address of a repository. Credentials in it become
// fields of their own, so that nothing that shows the URL shows them.
func ParseLocation(text string) (Location, error) {
	if !strings.Contains(text, "://") {
		if text == "" {
			return Location{}, errors.New("the URL of the repository is empty")
		}
		return Location{URL: filepath.Clean(text)}, nil
	}
	parsed, err := url.Parse(text)
	if err != nil {
		// The library's error holds the text, and so a password maybe.
		return Location{}, errors.New("the URL of the repository cannot be read")
	}
	var location Location
	if parsed.User != nil {
		password, _ := parsed.User.Password()
		location.Username, location.Password = parsed.User.Username(), secrets.New(password)
		parsed.User = nil
	}
	location.URL = strings.TrimRight(parsed.String(), "/")
	return location, checkURL(parsed)
}

func checkURL(parsed *url.URL) error {
	switch {
	case parsed.RawQuery != "" || parsed.Fragment != "":
		return errors.New("the URL of a repository ends with its path: no ?query and no #fragment")
	case parsed.Scheme == "file" && parsed.Host != "" && parsed.Host != "localhost":
		return fmt.Errorf("file://%s: a folder of this machine is file:///PATH", parsed.Host)
	case parsed.Scheme == "file" && parsed.Path != "":
		return nil
	case (parsed.Scheme == "http" || parsed.Scheme == "https") && parsed.Host != "":
		return nil
	}
	return fmt.Errorf("%s is no repository: it is http://…, https://…, file:///… or a folder", show(parsed))
}

// String is the address without credentials.
func (l Location) String() string {
	if !strings.Contains(l.URL, "://") {
		return l.URL
	}
	parsed, err := url.Parse(l.URL)
	if err != nil {
		return "the repository"
	}
	return show(parsed)
}

// Folder is the folder of this machine where the repository is, if it is in one.
func (l Location) Folder() (name string, is bool) {
	if !strings.Contains(l.URL, "://") {
		return l.URL, true
	}
	parsed, err := url.Parse(l.URL)
	if err != nil || parsed.Scheme != "file" {
		return "", false
	}
	return filepath.FromSlash(parsed.Path), true
}

// show makes a URL safe to show: where it leads, and nothing that opens a door.
func show(u *url.URL) string {
	shown := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
	return shown.String()
}

// packagePath is where a package is in its repository.
func packagePath(c coordinate.Coordinate) string { return path.Join(c.Dir(), c.FileName()) }

// checksumPath is where its checksum is.
func checksumPath(c coordinate.Coordinate) string { return packagePath(c) + ChecksumExtension }

// signaturePath is where its signature is, if it has one.
func signaturePath(c coordinate.Coordinate) string { return packagePath(c) + signature.Extension }
