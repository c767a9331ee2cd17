package archive

import (
	"io/fs"
	"path"
	"slices"
	"strings"
)

// prepare brings the entries into the form in which an archive holds them:
// sorted, with all folders, with modes that depend on nobody's umask. What could
// not be extracted again is refused.
func prepare(entries []Entry) ([]Entry, error) {
	prepared := make([]Entry, 0, len(entries))
	there := map[string]bool{}
	for _, entry := range entries {
		name, err := plainName(entry.Path)
		if err != nil {
			return nil, err
		}
		if name == "." {
			continue
		}
		entry.Path, entry.Mode = name, normalise(entry.Mode)
		if !entry.Mode.IsDir() || !there[name] {
			prepared = append(prepared, entry)
		}
		if entry.Mode.IsDir() {
			there[name] = true
		}
	}
	for _, entry := range prepared {
		for dir := path.Dir(entry.Path); dir != "." && !there[dir]; dir = path.Dir(dir) {
			there[dir] = true
			prepared = append(prepared, Entry{Path: dir, Mode: fs.ModeDir | 0o755})
		}
	}
	slices.SortFunc(prepared, func(a, b Entry) int { return strings.Compare(a.Path, b.Path) })
	names := newTree(len(prepared))
	for _, entry := range prepared {
		if err := names.add(entry.Path, entry.Mode, entry.Size); err != nil {
			return nil, err
		}
	}
	return prepared, nil
}
