package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	urfave "github.com/urfave/cli/v2"

	"github.com/servicepack/svp/engine/servicearchive"
)

func newArchiveExtractCommand(w *wiring) *command {
	var output string
	return &command{
		name: "extract", summary: "Unpack a Service Archive into a new folder",
		details: "A pack in it is the folder NAME-pack. To build or run one, name the archive as PACK:\n" +
			"it needs no unpacking. Prints the name of the folder.",
		example: "svp archive extract shop.tar.gz -o shop",
		args:    []string{"ARCHIVE"},
		flags: []urfave.Flag{
			&urfave.StringFlag{
				Name: "output", Aliases: []string{"o"}, Destination: &output, Usage: "make the folder `DIR`",
			},
		},
		run: func(ctx context.Context, inv *invocation) error {
			if err := inv.need(required{"--output", output}); err != nil {
				return err
			}
			return runArchiveExtract(ctx, w.streams.Out, inv.arg(0), output)
		},
	}
}

func runArchiveExtract(ctx context.Context, out io.Writer, name, folder string) error {
	const op = "extract archive"
	file, err := openArchive(op, name)
	if err != nil {
		return err
	}
	defer file.Close()
	err = writeFolder(folder, func(root *os.Root) error {
		_, err := servicearchive.Extract(ctx, file, root)
		return archiveError(op, name, err)
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, folder)
	return err
}

// writeFolder lets fill put files into a new folder, which appears whole or not at
// all.
func writeFolder(name string, fill func(*os.Root) error) error {
	switch _, err := os.Lstat(name); {
	case err == nil:
		return refusal("write", name, "it exists already", "name a folder that does not exist")
	case !errors.Is(err, fs.ErrNotExist):
		return newWriteError(name, err)
	}
	// In the folder of its target, so that the rename at the end cannot fail halfway.
	target := filepath.Clean(name)
	temporary, err := os.MkdirTemp(filepath.Dir(target), "."+filepath.Base(target)+".svp-*")
	if err != nil {
		return newWriteError(name, err)
	}
	defer func() { _ = os.RemoveAll(temporary) }() // gone already when it was renamed
	root, err := os.OpenRoot(temporary)
	if err != nil {
		return newWriteError(name, err)
	}
	defer root.Close()
	if err := fill(root); err != nil {
		return err
	}
	if err := os.Chmod(temporary, 0o755); err != nil { //nolint:gosec // what is in an archive is no secret
		return newWriteError(name, err)
	}
	if err := os.Rename(temporary, target); err != nil {
		return newWriteError(name, err)
	}
	return nil
}
