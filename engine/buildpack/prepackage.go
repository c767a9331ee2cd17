package buildpack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// built is the folder that is packaged: the buildpack's own, or a copy in which
// pre_package has run.
type built struct {
	folder string
	copied bool
}

func (b built) remove() {
	if b.copied {
		_ = os.RemoveAll(b.folder) // a temporary folder
	}
}

// outputPatience is how long what a script started may hold its output open.
const outputPatience = 5 * time.Second

// prePackage runs the script that pre_package names, if any, in a copy of the
// folder, as it may write where it likes.
func (b *Buildpack) prePackage(ctx context.Context, messages io.Writer) (_ built, err error) {
	script := b.manifest.PrePackage
	if script.value == "" {
		return built{folder: b.folder}, nil
	}
	folder, err := os.MkdirTemp("", "svp-buildpack-")
	if err != nil {
		return built{}, fmt.Errorf("copy it: %w", err)
	}
	made := built{folder: folder, copied: true}
	defer func() {
		if err != nil {
			made.remove()
		}
	}()
	if err := copyFolder(ctx, b.folder, folder); err != nil {
		return built{}, fmt.Errorf("copy it: %w", err)
	}
	if err := os.WriteFile(filepath.Join(folder, versionFile), []byte(b.version), 0o600); err != nil {
		return built{}, fmt.Errorf("copy it: %w", err)
	}
	// A relative path is found from the folder on, as in the tool.
	command := exec.CommandContext(ctx, script.value)
	command.Dir, command.Stdout, command.Stderr = folder, messages, messages
	// What it starts ends with it.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGKILL) }
	command.WaitDelay = outputPatience
	if err := command.Run(); err != nil {
		if ctx.Err() != nil {
			return built{}, context.Cause(ctx)
		}
		return built{}, script.fault("pre_package", "%s failed: %v", quote(script.value), exitOnly(err))
	}
	return made, nil
}

// exitOnly takes the temporary path out of an error.
func exitOnly(err error) error {
	var failed *fs.PathError
	if errors.As(err, &failed) {
		return failed.Err
	}
	return err
}

// versionControl names what a checkout adds to a folder.
var versionControl = []string{".git", ".hg", ".svn", ".bzr"}

// copyFolder copies files, folders and links with their modes.
func copyFolder(ctx context.Context, from, to string) error {
	source, err := os.OpenRoot(from)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := os.OpenRoot(to)
	if err != nil {
		return err
	}
	defer target.Close()
	return fs.WalkDir(source.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case name == ".":
			return nil
		case entry.IsDir() && slices.Contains(versionControl, entry.Name()):
			return fs.SkipDir
		}
		return copyOne(source, target, name, entry)
	})
}

func copyOne(source, target *os.Root, name string, entry fs.DirEntry) error {
	switch entry.Type() {
	case fs.ModeDir:
		return target.Mkdir(name, 0o755)
	case fs.ModeSymlink:
		link, err := source.Readlink(name)
		if err != nil {
			return err
		}
		return target.Symlink(link, name)
	case 0:
		return copyFile(source, target, name)
	}
	return &Error{File: name, Reason: "neither a file, a folder nor a symlink"}
}

func copyFile(source, target *os.Root, name string) error {
	in, err := openRegular(source, name)
	if err != nil {
		return unreadable(name, err)
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	out, err := target.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, info.Mode().Perm())
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
