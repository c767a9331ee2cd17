package pack

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"slices"
)

// Digest returns "sha256:" and the digest of the names, modes and contents of
// the pack's files. It is the same wherever and whenever the pack was checked
// out. The files are read once in the life of a Dir.
func (d *Dir) Digest() (string, error) { return d.digest() }

func (d *Dir) computeDigest() (string, error) { return d.digestOf("servicepack 1", d.files) }

// BundledDigest returns the digest of what packaging added, in the form of Digest.
// Dependencies are left out: they may be large, and whoever uses one verifies it by
// the sum in servicepack.yaml.
func (d *Dir) BundledDigest() (string, error) {
	files := slices.DeleteFunc(d.Bundled(), isDependency)
	return d.digestOf("servicepack bundled 1", files)
}

// digestOf hashes one line an entry. No name holds a line feed, so that no two lists
// give the same lines.
func (d *Dir) digestOf(title string, files []File) (string, error) {
	root, err := os.OpenRoot(d.path)
	if err != nil {
		return "", unreadable("", err).in(d.given)
	}
	defer root.Close()
	entries, content := sha256.New(), sha256.New()
	fmt.Fprintln(entries, title)
	for _, file := range files {
		content.Reset()
		if err := writeContent(content, root, file); err != nil {
			return "", unreadable(file.Path, err).in(d.given)
		}
		fmt.Fprintf(entries, "%v %x %s\n", file.Mode, content.Sum(nil), file.Path)
	}
	return fmt.Sprintf("sha256:%x", entries.Sum(nil)), nil
}

func writeContent(w hash.Hash, root *os.Root, file File) error {
	switch file.Mode.Type() {
	case fs.ModeDir:
		return nil
	case fs.ModeSymlink:
		_, err := io.WriteString(w, file.Link)
		return err
	}
	content, err := openRegular(root, file.Path)
	if err != nil {
		return err
	}
	defer content.Close()
	n, err := io.Copy(w, io.LimitReader(content, file.Size+1))
	if err == nil && n != file.Size {
		return &Error{File: file.Path, Reason: "it changed while the pack was read"}
	}
	return err
}
