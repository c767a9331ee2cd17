package archive

import (
	"io/fs"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What a name may have, so that any file system can hold it.
const (
	maxName    = 1024 // bytes of a path
	maxElement = 255  // bytes between two slashes
)

// kind is what stands under a name.
type kind int

const (
	implied kind = iota // a folder that is only part of longer names
	folder
	file
	link
)

func kindOf(mode fs.FileMode) kind {
	switch mode.Type() {
	case fs.ModeDir:
		return folder
	case fs.ModeSymlink:
		return link
	}
	return file
}

// tree holds the names of an archive, as far as it has been read.
type tree struct {
	limit int
	nodes map[string]node // by name in one case
}

type node struct {
	name string
	kind kind
	mode fs.FileMode
	size int64
}

func newTree(limit int) *tree {
	return &tree{limit: limit, nodes: map[string]node{}}
}

// add takes a plain name, and refuses one that clashes with those before it.
func (t *tree) add(name string, mode fs.FileMode, size int64) error {
	if err := t.addFolders(path.Dir(name)); err != nil {
		return err
	}
	added := node{name: name, kind: kindOf(mode), mode: mode, size: size}
	key := fold(name)
	before, there := t.nodes[key]
	switch {
	case !there:
		return t.put(key, added)
	case before.name != name:
		return unsafef(name, "differs from %q in upper and lower case only", shorten(before.name))
	case before.kind == implied && added.kind == folder:
		t.nodes[key] = added
		return nil
	case (before.kind == implied || before.kind == folder) != (added.kind == folder):
		return unsafef(name, "both a file and a folder")
	}
	return unsafef(name, "there twice")
}

// addFolders makes sure that what a name lies in is a folder, and no link that
// leads elsewhere.
func (t *tree) addFolders(name string) error {
	if name == "." {
		return nil
	}
	key := fold(name)
	before, there := t.nodes[key]
	switch {
	case !there:
		if err := t.addFolders(path.Dir(name)); err != nil {
			return err
		}
		return t.put(key, node{name: name, kind: implied})
	case before.name != name:
		return unsafef(name, "differs from %q in upper and lower case only", shorten(before.name))
	case before.kind == link:
		return unsafef(name, "a symlink, and something is in it")
	case before.kind == file:
		return unsafef(name, "both a file and a folder")
	}
	return nil
}

func (t *tree) put(key string, n node) error {
	if len(t.nodes) >= t.limit {
		return tooLargef("", "the archive holds more than %d files and folders", t.limit)
	}
	t.nodes[key] = n
	return nil
}

// regular finds the regular file of that name.
func (t *tree) regular(name string) (node, bool) {
	found, there := t.nodes[fold(name)]
	return found, there && found.name == name && found.kind == file
}

// fold gives names the same case that differ in it only: on some systems they
// are the same file.
func fold(name string) string { return strings.ToLower(strings.ToUpper(name)) }

// plainName checks the name of an entry and returns it without the slash at the
// end of a folder's, and without a "./" in front. It is "." for the folder that
// everything is in.
func plainName(name string) (string, error) {
	if err := checkText(name); err != nil {
		return "", err
	}
	plain := strings.TrimSuffix(strings.TrimPrefix(name, "./"), "/")
	if plain == "" || plain == "." {
		return ".", nil
	}
	for element := range strings.SplitSeq(plain, "/") {
		switch {
		case element == "..":
			return "", unsafef(name, "leads out of the archive")
		case element == "" || element == ".":
			return "", unsafef(name, "not a plain name")
		case len(element) > maxElement:
			return "", unsafef(name, "longer than a file's name can be")
		}
	}
	return plain, nil
}

// checkText refuses what other programs would read as something else.
func checkText(name string) error {
	switch {
	case name == "":
		return unsafef(name, "an entry has no name")
	case len(name) > maxName:
		return unsafef(name, "its name is longer than %d bytes", maxName)
	case strings.HasPrefix(name, "/"):
		return unsafef(name, "an absolute name")
	case strings.Contains(name, `\`):
		return unsafef(name, "its name holds a backslash")
	case len(name) > 1 && name[1] == ':' && isLetter(name[0]):
		return unsafef(name, "its name begins with a drive letter")
	case !utf8.ValidString(name):
		return unsafef(name, "its name is not UTF-8")
	case strings.ContainsFunc(name, unicode.IsControl):
		return unsafef(name, "its name holds a control character")
	}
	return nil
}

func isLetter(b byte) bool { return 'a' <= b|0x20 && b|0x20 <= 'z' }

// checkLink refuses a symlink that leads out of the archive. Its target is in the
// shortest form, with ".." at the beginning only: what it passes through may be
// another link, and ".." after that would be relative to where that one leads.
func checkLink(name, target string) error {
	if err := checkText(target); err != nil {
		return unsafef(name, "a symlink to %q, which is not a plain relative path", shorten(target))
	}
	if path.Clean(target) != strings.TrimSuffix(target, "/") {
		return unsafef(name, "a symlink to %q, which is not a plain relative path", shorten(target))
	}
	reached := path.Join(path.Dir(name), target)
	if reached == ".." || strings.HasPrefix(reached, "../") {
		return unsafef(name, "a symlink to %q, which is outside the archive", shorten(target))
	}
	return nil
}

// normalise gives files the two modes that matter. Set-user-id bits and what
// depends on somebody's umask are dropped.
func normalise(mode fs.FileMode) fs.FileMode {
	switch {
	case mode.IsDir():
		return fs.ModeDir | 0o755
	case mode&fs.ModeSymlink != 0:
		return fs.ModeSymlink | 0o777
	case mode&0o111 != 0:
		return 0o755
	}
	return 0o644
}
