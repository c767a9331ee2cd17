// Package buildpack packages folders with a manifest.yml the way
// buildpack-packager does: the folder's files, the version, and, where the package
// is a cached one, the dependencies with a manifest that says where they lie.
//
// Two generations of that tool differ in what they take. Where the manifest has
// include_files it is those (libbuildpack's packager), else everything but
// exclude_files (the one in Ruby); where it has both, both count.
package buildpack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/servicepack/svp/engine/archive"
	"github.com/servicepack/svp/engine/dependency"
	"github.com/servicepack/svp/engine/lazyregexp"
)

// ManifestFile is what makes a folder a buildpack.
const ManifestFile = "manifest.yml"

const (
	versionFile  = "VERSION"
	versionLimit = 1 << 10
)

var (
	languagePattern = lazyregexp.New(`^[A-Za-z0-9][A-Za-z0-9_+-]*$`)
	versionPattern  = lazyregexp.New(`^[A-Za-z0-9][A-Za-z0-9_.+~-]*$`)
	stackPattern    = lazyregexp.New(`^[A-Za-z0-9][A-Za-z0-9_.-]*$`)
)

// Buildpack is a folder that can be packaged.
type Buildpack struct {
	folder   string // absolute
	given    string // as the caller named it
	manifest manifest
	version  string
}

// Form says which of its packages is made of a buildpack.
type Form struct {
	Cached bool   // with the dependencies
	Stack  string // for this stack alone; empty means any
}

// Options say how a package is made.
type Options struct {
	Form
	Dependencies dependency.Options // how those of a cached package are fetched
	Messages     io.Writer          // takes what pre_package writes; nil means nobody
}

// Is tells whether the folder is a buildpack: it has a manifest.yml.
func Is(folder string) bool {
	info, err := os.Stat(filepath.Join(folder, ManifestFile))
	return err == nil && info.Mode().IsRegular()
}

// Open reads the manifest and the version of a folder. An error that is an *Error
// names what is wrong in the folder, with file and line.
func Open(folder string) (*Buildpack, error) {
	absolute, err := filepath.Abs(folder)
	if err != nil {
		return nil, fmt.Errorf("open buildpack %s: %w", folder, err)
	}
	b := &Buildpack{folder: absolute, given: folder}
	root, err := os.OpenRoot(absolute)
	if err != nil {
		return nil, fmt.Errorf("open buildpack %s: %w", folder, err)
	}
	defer root.Close()
	if b.manifest, err = readManifest(root); err != nil {
		return nil, b.fault(err)
	}
	if b.version, err = readVersion(root); err != nil {
		return nil, b.fault(err)
	}
	return b, nil
}

// fault says which buildpack an error is about.
func (b *Buildpack) fault(err error) error {
	var own *Error
	if errors.As(err, &own) {
		own.Buildpack = b.given
		return own
	}
	return fmt.Errorf("buildpack %s: %w", b.given, err)
}

func readVersion(root *os.Root) (string, error) {
	content, err := readAll(root, versionFile, versionLimit)
	if errors.Is(err, fs.ErrNotExist) {
		return "", &Error{File: versionFile, Reason: "there is no such file", Hint: "write the buildpack's version into it, as 1.0.0"}
	}
	if err != nil {
		return "", unreadable(versionFile, err)
	}
	version := strings.TrimSpace(string(content))
	if !versionPattern().MatchString(version) {
		return "", &Error{File: versionFile, Line: 1, Reason: quote(version) + " is not a version, such as 1.0.0"}
	}
	return version, nil
}

// FileName is how buildpack-packager calls the package.
func (b *Buildpack) FileName(form Form) string {
	name := b.manifest.Language.value + "_buildpack"
	if form.Cached {
		name += "-cached"
	}
	if form.Stack != "" {
		name += "-" + form.Stack
	}
	return name + "-v" + b.version + ".zip"
}

// Check refuses what a package of the form cannot be made from, before anything is
// downloaded or run.
func (b *Buildpack) Check(form Form) error {
	if err := b.manifest.checkForm(form); err != nil {
		return b.fault(err)
	}
	return nil
}

// Write writes the package as a zip archive, the same from the same files every
// time. The script that pre_package names runs in a copy of the folder, which
// stays as it is.
func (b *Buildpack) Write(ctx context.Context, w io.Writer, o Options) error {
	if err := b.Check(o.Form); err != nil {
		return err
	}
	built, err := b.prePackage(ctx, o.Messages)
	if err != nil {
		return b.fault(err)
	}
	defer built.remove()
	root, err := os.OpenRoot(built.folder)
	if err != nil {
		return b.fault(err)
	}
	defer root.Close()
	entries, err := b.entries(ctx, root, o)
	if err != nil {
		return b.fault(err)
	}
	if err := archive.WriteZip(ctx, w, entries); err != nil {
		return b.fault(err)
	}
	return nil
}

// entries are what the package holds. The manifest is read again: pre_package may
// have changed it.
func (b *Buildpack) entries(ctx context.Context, root *os.Root, o Options) ([]archive.Entry, error) {
	m, err := readManifest(root)
	if err != nil {
		return nil, err
	}
	if err := m.checkForm(o.Form); err != nil {
		return nil, err
	}
	kept := m.forStack(o.Stack)
	entries, err := collect(root, m)
	if err != nil {
		return nil, err
	}
	places := make([]string, len(kept))
	if o.Cached {
		brought, err := m.fetch(ctx, kept, o.Dependencies)
		if err != nil {
			return nil, err
		}
		for i, entry := range brought {
			places[i] = entry.Path
		}
		entries = append(entries, distinct(brought)...)
	}
	rewritten, err := m.rewrite(o.Form, kept, places)
	if err != nil {
		return nil, err
	}
	return append(entries,
		archive.Entry{Path: ManifestFile, Mode: 0o644, Content: rewritten},
		archive.Entry{Path: versionFile, Mode: 0o644, Content: []byte(b.version)},
	), nil
}

// distinct leaves out what is there twice: two entries of a manifest may be the
// same file for two stacks.
func distinct(entries []archive.Entry) []archive.Entry {
	var list []archive.Entry
	there := map[string]bool{}
	for _, entry := range entries {
		if !there[entry.Path] {
			list = append(list, entry)
		}
		there[entry.Path] = true
	}
	return list
}
