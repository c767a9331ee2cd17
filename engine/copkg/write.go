package copkg

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"github.com/servicepack/svp/engine/archive"
	"github.com/servicepack/svp/engine/pack"
)

const manifestFile = "servicepack.yaml"

// folders are at the root of every package (copkg, "Structure of a copkg package").
var folders = []string{"bin", "etc", "lib", pack.ScriptFolder}

// Dependency is a file that a package carries, so that it can be built where
// nothing can be downloaded.
type Dependency struct {
	Name string // in the folder lib/dependencies of the package
	Path string // where it is now
	Size int64
}

// Write writes the package with those dependencies, or with none. The same pack
// gives the same bytes. The error is a *pack.Error when a file cannot be packaged.
func (p *Package) Write(ctx context.Context, w io.Writer, dependencies []Dependency) error {
	entries, err := p.entries(dependencies)
	if err != nil {
		return err
	}
	err = archive.WriteZip(ctx, w, entries)
	var refused *archive.Error
	if errors.As(err, &refused) {
		return p.dir.Fault(&pack.Error{File: refused.Name, Reason: refused.Reason, Err: refused.Err})
	}
	return err
}

// entries are the files of the pack and those that packaging adds.
func (p *Package) entries(dependencies []Dependency) ([]archive.Entry, error) {
	var entries []archive.Entry
	own := map[string]bool{}
	for _, file := range p.dir.Files() {
		own[file.Path] = true
		entry := archive.Entry{Path: file.Path, Mode: file.Mode, Size: file.Size}
		if file.Mode.IsRegular() {
			entry.Open = func() (io.ReadCloser, error) { return p.dir.OpenFile(file.Path) }
		}
		entries = append(entries, entry)
	}
	added, err := scriptEntries(p.scripts)
	if err != nil {
		return nil, fmt.Errorf("add scripts: %w", err)
	}
	for _, dependency := range dependencies {
		added = append(added, dependencyEntry(dependency))
	}
	for _, folder := range neededFolders(dependencies) {
		if !own[folder] {
			added = append(added, archive.Entry{Path: folder, Mode: fs.ModeDir | 0o755})
		}
	}
	list, err := listAdded(added)
	if err != nil {
		return nil, err
	}
	for _, entry := range added {
		if own[entry.Path] {
			return nil, p.dir.Fault(&pack.Error{File: entry.Path, Reason: "the name of a file that packaging adds", Hint: "give yours another name"})
		}
	}
	return append(append(entries, added...), list), nil
}

// neededFolders are the folders of a package.
func neededFolders(dependencies []Dependency) []string {
	if len(dependencies) == 0 {
		return folders
	}
	return append(slices.Clone(folders), pack.DependencyFolder)
}

func dependencyEntry(d Dependency) archive.Entry {
	return archive.Entry{
		Path: pack.DependencyFolder + "/" + d.Name, Mode: 0o644, Size: d.Size,
		Open: func() (io.ReadCloser, error) { return os.Open(d.Path) },
	}
}

// listAdded is the file by which the pack in a package is told from the rest.
func listAdded(added []archive.Entry) (archive.Entry, error) {
	names := make([]string, len(added))
	for i, entry := range added {
		names[i] = entry.Path
	}
	content, err := pack.FormatPackageFile(names)
	if err != nil {
		return archive.Entry{}, err
	}
	return archive.Entry{Path: pack.PackageFile, Mode: 0o644, Content: content}, nil
}
