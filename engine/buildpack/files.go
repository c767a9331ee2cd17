package buildpack

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"
	"syscall"

	"github.com/servicepack/svp/engine/archive"
)

// collect finds the files of the package, without the two that packaging writes
// itself.
func collect(root *os.Root, m manifest) ([]archive.Entry, error) {
	c := &collector{root: root, leaveOut: exclusions(m)}
	if m.IncludeFiles == nil {
		return c.entries, c.walk(".", "", text{})
	}
	for i, included := range m.IncludeFiles {
		key := fmt.Sprintf("include_files[%d]", i)
		name := path.Clean(strings.TrimSuffix(included.value, "/"))
		if included.value == "" || !fs.ValidPath(name) {
			return nil, included.fault(key, "%s is not a file of the buildpack", quote(included.value))
		}
		if err := c.walk(name, key, included); err != nil {
			return nil, err
		}
	}
	return c.entries, nil
}

type collector struct {
	root     *os.Root
	leaveOut func(name string, folder bool) bool
	entries  []archive.Entry
	there    map[string]bool
}

// walk adds a file, or all that is in a folder. The key tells which entry of the
// manifest asked for it.
func (c *collector) walk(top, key string, included text) error {
	if _, err := c.root.Stat(top); err != nil {
		if key != "" && errors.Is(err, fs.ErrNotExist) {
			return included.fault(key, "there is no file %s", quote(top))
		}
		return unreadable(top, err)
	}
	return fs.WalkDir(c.root.FS(), top, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return unreadable(name, err)
		}
		if name == "." {
			return nil
		}
		folder := entry.IsDir()
		if c.leaveOut(name, folder) {
			if folder {
				return fs.SkipDir
			}
			return nil
		}
		return c.add(name)
	})
}

// add takes the file that a symlink leads to in place of it, as the zip archive
// can hold no links. The root keeps that inside the folder.
func (c *collector) add(name string) error {
	info, err := c.root.Stat(name)
	if err != nil {
		return unreadable(name, err)
	}
	link, err := c.root.Lstat(name)
	if err != nil {
		return unreadable(name, err)
	}
	switch {
	case info.IsDir() && link.IsDir():
		return nil // folders come with what is in them
	case !info.Mode().IsRegular():
		return &Error{File: name, Reason: "neither a file nor a folder", Hint: "a package can hold no links to folders, devices, sockets or pipes"}
	case c.there[name]:
		return nil // included twice
	}
	if c.there == nil {
		c.there = map[string]bool{}
	}
	c.there[name] = true
	c.entries = append(c.entries, archive.Entry{
		Path: name, Mode: info.Mode().Perm(), Size: info.Size(),
		Open: func() (io.ReadCloser, error) { return openRegular(c.root, name) },
	})
	return nil
}

// exclusions tells what is left out everywhere: what the manifest excludes, what
// belongs to git, what packaging writes, and packages that were made before.
func exclusions(m manifest) func(name string, folder bool) bool {
	var files, folders []*regexp.Regexp
	for _, excluded := range m.ExcludeFiles {
		if pattern, isFolder := strings.CutSuffix(excluded.value, "/"); isFolder {
			folders = append(folders, atAnyDepth(pattern))
		} else if pattern != "" {
			files = append(files, atAnyDepth(pattern))
		}
	}
	before := regexp.MustCompile(`^` + regexp.QuoteMeta(m.Language.value) + `_buildpack-.*v[^/]*\.zip$`)
	return func(name string, folder bool) bool {
		switch {
		case strings.HasPrefix(path.Base(name), ".git"):
			return true
		case folder:
			return matchesAny(folders, name)
		}
		return name == ManifestFile || name == versionFile || before.MatchString(name) || matchesAny(files, name)
	}
}

// atAnyDepth makes of a pattern, in which * and ? stand for any characters, what
// zip -x takes it for: it is matched with the end of a path, too.
func atAnyDepth(pattern string) *regexp.Regexp {
	quoted := regexp.QuoteMeta(strings.TrimPrefix(pattern, "/"))
	quoted = strings.NewReplacer(`\*`, `.*`, `\?`, `.`).Replace(quoted)
	return regexp.MustCompile(`^(?s:(?:.*/)?` + quoted + `)$`)
}

func matchesAny(patterns []*regexp.Regexp, name string) bool {
	for _, pattern := range patterns {
		if pattern.MatchString(name) {
			return true
		}
	}
	return false
}

// openRegular opens a regular file for reading. It does not wait for the other
// end if the file has become a named pipe.
func openRegular(root *os.Root, name string) (*os.File, error) {
	file, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("not a regular file")
	}
	if err != nil {
		file.Close() //nolint:errcheck // only read from
		return nil, err
	}
	return file, nil
}

// readAll reads a regular file of at most limit bytes.
func readAll(root *os.Root, name string, limit int64) ([]byte, error) {
	file, err := openRegular(root, name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err == nil && int64(len(content)) > limit {
		err = fmt.Errorf("larger than %d KiB", limit>>10)
	}
	return content, err
}
