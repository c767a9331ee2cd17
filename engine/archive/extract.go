package archive

import (
	"io"
	"io/fs"
	"os"
	"path"
)

// target is the folder that an archive is extracted into.
type target struct {
	root *os.Root
	made map[string]bool // folders
}

func newTarget(root *os.Root) *target {
	return &target{root: root, made: map[string]bool{".": true}}
}

// folder makes a folder and those that it is in.
func (t *target) folder(name string) error {
	if t.made[name] {
		return nil
	}
	if err := t.folder(path.Dir(name)); err != nil {
		return err
	}
	if err := t.root.Mkdir(name, 0o755); err != nil {
		return err
	}
	t.made[name] = true
	// The user's umask is not the archive's.
	return t.root.Chmod(name, 0o755)
}

// file makes a file that was not there, and lets write fill it.
func (t *target) file(name string, mode fs.FileMode, write func(io.Writer) error) error {
	if err := t.folder(path.Dir(name)); err != nil {
		return err
	}
	file, err := t.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	err = write(file)
	if err == nil {
		err = file.Chmod(mode) // not the umask's, as above
	}
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	return err
}

// symlink makes a link whose target has been checked.
func (t *target) symlink(name, to string) error {
	if err := t.folder(path.Dir(name)); err != nil {
		return err
	}
	return t.root.Symlink(to, name)
}

// hardLink gives a file of the archive a second name.
func (t *target) hardLink(name, to string) error {
	if err := t.folder(path.Dir(name)); err != nil {
		return err
	}
	return t.root.Link(to, name)
}
