package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	urfave "github.com/urfave/cli/v2"

	"github.com/servicepack/svp/engine/scaffold"
)

type initOptions struct {
	scaffold.Options
	components, output string
}

func newPackInitCommand(w *wiring) *command {
	o := &initOptions{}
	return &command{
		name: "init", summary: "Begin a new pack",
		details: "Writes a pack that works as it is, with a small service in place of the real one, and\n" +
			"DECIDE wherever its author has to decide. Prints the folder.",
		example: "svp pack init nats --from-package nats-server\nsvp pack init shop --components db,web --os debian/12 -o packs/shop",
		args:    []string{"NAME"},
		flags: []urfave.Flag{
			&urfave.StringFlag{Name: "os", Destination: &o.OS, Usage: "build on the `OS` (default: debian/12)"},
			&urfave.StringFlag{Name: "components", Destination: &o.components, Usage: "make it of several processes: `NAME,…`"},
			&urfave.StringFlag{Name: "from-package", Destination: &o.Package, Usage: "install the Debian `PACKAGE`"},
			&urfave.StringFlag{Name: "output", Aliases: []string{"o"}, Destination: &o.output, Usage: "write into the folder `DIR` (default: NAME)"},
		},
		run: func(_ context.Context, inv *invocation) error {
			o.Name = inv.arg(0)
			if o.output == "" {
				o.output = o.Name
			}
			if o.components != "" {
				o.Components = strings.Split(o.components, ",")
			}
			if err := o.Check(); err != nil {
				return inv.usageError(oneLine(err.Error()), "")
			}
			return w.engine(func(s session) error { return runPackInit(w.streams.Out, s, o) })
		},
	}
}

func runPackInit(out io.Writer, s session, o *initOptions) error {
	if err := removeEmpty(o.output); err != nil {
		return err
	}
	err := writeFolder(o.output, func(root *os.Root) error {
		if err := scaffold.Write(root, o.Options); err != nil {
			return newWriteError(o.output, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(out, o.output); err != nil {
		return newWriteError("standard output", err)
	}
	s.note("grep -rn DECIDE %s shows what to decide; svp pack lint and svp pack test check the pack", o.output)
	return nil
}

// removeEmpty makes way for a new folder, where there is one that is empty.
func removeEmpty(name string) error {
	info, err := os.Lstat(name)
	if err != nil || !info.IsDir() {
		return nil //nolint:nilerr // who makes the folder will see
	}
	err = os.Remove(name)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return refusal("write", name, "the folder is there, and not empty", "name another one with -o, or remove it")
}
