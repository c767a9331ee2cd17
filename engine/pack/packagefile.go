package pack

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
)

// PackageFile is the file in which a package lists what packaging added to the
// pack. That is no part of the pack, so that its digest is the same whether it was
// packaged or not.
const PackageFile = "lib/copkg.json"

// Where packaging may add files.
const (
	ScriptFolder     = "script.d"
	DependencyFolder = "lib/dependencies"
)

// packageFolders may be added where the pack has none: a package has them all.
var packageFolders = []string{"etc", "lib", ScriptFolder, DependencyFolder}

const (
	packageFileFormat = 1
	packageFileLimit  = 1 << 20
)

type packageFile struct {
	Format int      `json:"format"`
	Added  []string `json:"added"`
}

// FormatPackageFile returns the contents of PackageFile for the files and folders
// that are added. It lists itself as well.
func FormatPackageFile(added []string) ([]byte, error) {
	names := append(slices.Clone(added), PackageFile)
	slices.Sort(names)
	for _, name := range names {
		if !mayBeAdded(name) {
			return nil, fmt.Errorf("%s: packaging adds no such file", quote(name))
		}
	}
	content, err := json.MarshalIndent(packageFile{Format: packageFileFormat, Added: names}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("list what is added: %w", err)
	}
	return append(content, '\n'), nil
}

// mayBeAdded keeps a package from hiding files of the pack: they would be run, and
// in no digest.
func mayBeAdded(name string) bool {
	if name != path.Clean(name) {
		return false
	}
	return name == PackageFile || slices.Contains(packageFolders, name) ||
		path.Dir(name) == ScriptFolder || path.Dir(name) == DependencyFolder
}

// isDependency tells one of the Bundled entries that bin/build would download.
func isDependency(file File) bool {
	return path.Dir(file.Path) == DependencyFolder && file.Mode.IsRegular()
}

// readPackageFile returns what was added to the pack, where it comes from a
// package.
func readPackageFile(root *os.Root) (map[string]bool, *Error) {
	info, err := root.Lstat(PackageFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, unreadable(PackageFile, err)
	case !info.Mode().IsRegular():
		return nil, &Error{File: PackageFile, Reason: "not a file"}
	}
	content, err := readAll(root, PackageFile, packageFileLimit)
	if err != nil {
		return nil, unreadable(PackageFile, err)
	}
	return parsePackageFile(content)
}

func parsePackageFile(content []byte) (map[string]bool, *Error) {
	var file packageFile
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&file)
	if err == nil {
		if _, err = decoder.Token(); errors.Is(err, io.EOF) {
			err = nil
		} else {
			err = errors.New("something follows its end")
		}
	}
	switch {
	case file.Format > packageFileFormat:
		return nil, &Error{
			File: PackageFile, Key: "format",
			Reason: fmt.Sprintf("format %d; this svp knows format %d", file.Format, packageFileFormat),
			Hint:   "use a newer svp",
		}
	case err != nil, file.Format != packageFileFormat:
		return nil, &Error{
			File: PackageFile, Reason: "not the list that svp pack package writes",
			Hint: "the file of that name is kept for packages: give yours another name", Err: err,
		}
	}
	added := make(map[string]bool, len(file.Added))
	for _, name := range file.Added {
		if !mayBeAdded(name) {
			return nil, &Error{File: PackageFile, Key: "added", Reason: fmt.Sprintf("%s is not a file that packaging adds", quote(name))}
		}
		added[name] = true
	}
	added[PackageFile] = true
	return added, nil
}

// checkAdded makes sure that what is listed is there and is what it should be: a
// folder of the four, with nothing of the pack in it, or a file.
func (s *scanner) checkAdded() {
	found := make(map[string]bool, len(s.added))
	for _, file := range s.bundled {
		found[file.Path] = true
		if file.Mode.IsDir() != slices.Contains(packageFolders, file.Path) || file.Mode&fs.ModeSymlink != 0 {
			s.faults = append(s.faults, &Error{File: file.Path, Reason: "not what " + PackageFile + " says it is"})
		}
	}
	for _, file := range s.files {
		if dir := path.Dir(file.Path); s.added[dir] {
			s.faults = append(s.faults, &Error{File: file.Path, Reason: "in a folder that the pack does not have, as " + PackageFile + " says"})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.added)) {
		if !found[name] {
			s.faults = append(s.faults, &Error{File: name, Reason: "missing; " + PackageFile + " says that packaging added it"})
		}
	}
	slices.SortFunc(s.bundled, byPath)
}
