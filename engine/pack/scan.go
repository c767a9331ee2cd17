package pack

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"unicode"
	"unicode/utf8"

	"github.com/docker/go-units"
)

// File is one entry of a pack.
type File struct {
	Path string      // relative to the folder, with slashes
	Mode fs.FileMode // 0755 or 0644 for files, 0755 for folders, 0777 for symlinks, with the type
	Size int64       // length of a regular file's contents, else 0
	Link string      // target of a symlink
}

// maxPath keeps paths, and with them the depth of folders, to what any file
// system and archive can hold.
const maxPath = 1024

// versionControl names what a checkout adds to a pack.
var versionControl = []string{".git", ".hg", ".svn", ".bzr"}

// scanner collects the entries of a folder without reading any contents, and
// what is wrong with them.
type scanner struct {
	root      *os.Root
	sizeLimit int64
	maxFiles  int
	exclude   []string
	added     map[string]bool // by packaging

	total   int64
	files   []File
	bundled []File // those that were added
	faults  []*Error
}

// errTooMany ends the walk: what is beyond a limit is not looked at.
var errTooMany = errors.New("the limit is reached")

// scan finds the entries and sorts them by path, without those at fault.
func (s *scanner) scan() {
	err := fs.WalkDir(s.root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			s.faults = append(s.faults, unreadable(name, err))
			return nil
		case name == ".":
			return nil
		case slices.Contains(versionControl, entry.Name()):
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		case s.excludes(name, entry.IsDir()):
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		return s.note(name, s.add(name))
	})
	if err != nil && !errors.Is(err, errTooMany) {
		s.faults = append(s.faults, unreadable("", err))
	}
	slices.SortFunc(s.files, byPath)
	if err == nil {
		s.checkAdded()
	}
}

func (s *scanner) excludes(name string, isFolder bool) bool {
	return !s.added[name] && slices.ContainsFunc(s.exclude, func(pattern string) bool { return leftOut(pattern, name, isFolder) })
}

func byPath(a, b File) int { return strings.Compare(a.Path, b.Path) }

// note keeps a fault, and goes on unless a limit is reached.
func (s *scanner) note(name string, err error) error {
	if err == nil {
		return nil
	}
	fault := unreadable(name, err)
	s.faults = append(s.faults, fault)
	if errors.Is(fault.Err, errTooMany) {
		return errTooMany
	}
	return nil
}

func (s *scanner) add(name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	if len(s.files)+len(s.bundled)+len(s.faults) >= s.maxFiles {
		return &Error{
			Reason: fmt.Sprintf("holds more than %d files and folders", s.maxFiles),
			Hint:   "keep what is generated or downloaded out of the pack's folder",
			Err:    errTooMany,
		}
	}
	info, err := s.root.Lstat(name)
	if err != nil {
		return unreadable(name, err)
	}
	file := File{Path: name}
	switch info.Mode().Type() {
	case fs.ModeDir:
		file.Mode = fs.ModeDir | 0o755
	case fs.ModeSymlink:
		file.Mode = fs.ModeSymlink | 0o777
		file.Link, err = readLink(s.root, name)
	case 0:
		file.Mode = normalise(info.Mode())
		file.Size = info.Size()
		if !s.added[name] {
			err = s.count(file)
		}
	default:
		err = &Error{File: name, Reason: "neither a file, a folder nor a symlink", Hint: "a pack cannot hold devices, sockets or named pipes"}
	}
	if err != nil {
		return err
	}
	if s.added[name] {
		s.bundled = append(s.bundled, file)
	} else {
		s.files = append(s.files, file)
	}
	return nil
}

// count refuses the file that makes the pack too large.
func (s *scanner) count(file File) error {
	if file.Size > s.sizeLimit-s.total {
		return &Error{
			File: file.Path,
			Reason: fmt.Sprintf("with this file (%s) the pack is larger than %s",
				units.BytesSize(float64(file.Size)), units.BytesSize(float64(s.sizeLimit))),
			Hint: "keep large files out of the pack's folder and let bin/build download them",
			Err:  errTooMany,
		}
	}
	s.total += file.Size
	return nil
}

// normalise drops what depends on a checkout's umask.
func normalise(mode fs.FileMode) fs.FileMode {
	if mode&0o111 != 0 {
		return 0o755
	}
	return 0o644
}

func checkName(name string) error {
	switch {
	case !utf8.ValidString(name):
		return &Error{File: name, Reason: "the file's name is not valid UTF-8", Hint: "rename it"}
	case strings.ContainsFunc(name, unicode.IsControl):
		return &Error{File: name, Reason: "the file's name holds a control character", Hint: "rename it"}
	case len(name) > maxPath:
		return &Error{File: clip(name, maxQuoted), Reason: fmt.Sprintf("the file's path is longer than %d bytes", maxPath)}
	}
	return nil
}

// readLink returns the target of a symlink that stays in the folder.
func readLink(root *os.Root, name string) (string, error) {
	target, err := root.Readlink(name)
	if err != nil {
		return "", unreadable(name, err)
	}
	leaves := &Error{
		File:   name,
		Reason: fmt.Sprintf("symlink to %s, which is outside the pack's folder", quote(target)),
		Hint:   "the container has the folder only: copy the file into it",
	}
	if path.IsAbs(target) {
		return "", leaves
	}
	if !utf8.ValidString(target) || strings.ContainsFunc(target, unicode.IsControl) {
		return "", &Error{File: name, Reason: fmt.Sprintf("symlink to %s, which is not a plain file name", quote(target))}
	}
	_, err = root.Stat(name)
	switch {
	case err == nil:
		return target, nil
	case errors.Is(err, syscall.ELOOP):
		return "", &Error{File: name, Reason: "symlink that leads back to itself"}
	case errors.Is(err, fs.ErrPermission):
		return "", unreadable(name, err)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		// The build may make the target; where it would be is still known.
		if filepath.IsLocal(path.Join(path.Dir(name), target)) {
			return target, nil
		}
	}
	return "", leaves
}

// openRegular opens a regular file for reading. It does not wait for the
// other end if the file has become a named pipe.
func openRegular(root *os.Root, name string) (*os.File, error) {
	file, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, unreadable(name, err)
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &Error{File: name, Reason: "not a regular file"}
	}
	if err != nil {
		file.Close() //nolint:errcheck // only read from
		return nil, unreadable(name, err)
	}
	return file, nil
}

// unreadable reports an error of the file system.
func unreadable(name string, err error) *Error {
	var invalid *Error
	if errors.As(err, &invalid) {
		return invalid
	}
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		err = pathError.Err
	}
	invalid = &Error{File: name, Reason: "read it: " + err.Error(), Err: err}
	if errors.Is(err, fs.ErrNotExist) {
		// A missing file must not look like a missing pack.
		invalid.Reason, invalid.Err = "there is no such file", nil
	}
	return invalid
}

// readAll reads a regular file of at most limit bytes.
func readAll(root *os.Root, name string, limit int64) ([]byte, error) {
	file, err := openRegular(root, name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err != nil {
		return nil, unreadable(name, err)
	}
	if int64(len(content)) > limit {
		return nil, &Error{File: name, Reason: "larger than " + units.BytesSize(float64(limit))}
	}
	return content, nil
}
