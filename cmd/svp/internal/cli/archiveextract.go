package cli

import (
	"context"
	"fmt"
	"io"
	"os"

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
		return packageProblem(op, name, err)
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, folder)
	return err
}
