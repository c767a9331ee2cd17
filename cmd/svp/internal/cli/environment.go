package cli

import (
	"bytes"
	"fmt"
	"os"
	"strings"

	urfave "github.com/urfave/cli/v2"

	"github.com/servicepack/svp/engine/envvar"
)

// environmentFlags say how an environment is printed, and where to.
type environmentFlags struct {
	format string
	output string
}

func (e *environmentFlags) flags() []urfave.Flag {
	return []urfave.Flag{
		&urfave.StringFlag{
			Name: "format", Destination: &e.format, Value: string(envvar.Dotenv),
			Usage: "print the environment as `FORMAT`: dotenv, shell, json, docker, vcap or servicebinding",
		},
		&urfave.StringFlag{
			Name: "output", Aliases: []string{"o"}, Destination: &e.output,
			Usage: "write the environment to `FILE`, readable by you alone; servicebinding: to a folder",
		},
	}
}

// check finds what is wrong before anything is done.
func (e *environmentFlags) check(inv *invocation) error {
	format, err := envvar.ParseFormat(e.format)
	if err != nil {
		return inv.usageError(fmt.Sprintf("--format: unknown format %q", e.format),
			"the formats are "+strings.Join(envvar.Formats(), ", "))
	}
	if format == envvar.ServiceBinding && (e.output == "" || isStdout(e.output)) {
		return inv.usageError("--format servicebinding makes a folder", "name it with --output FOLDER")
	}
	e.format = string(format)
	if format == envvar.ServiceBinding {
		return nil
	}
	return refuseFolder(e.output)
}

// write prints the environment.
func (e *environmentFlags) write(streams *Streams, set envvar.Set, service envvar.Service) error {
	format := envvar.Format(e.format)
	if format == envvar.ServiceBinding {
		return envvar.WriteServiceBinding(e.output, set, service)
	}
	if e.output == "" || isStdout(e.output) {
		return envvar.Write(streams.Out, format, set, service)
	}
	var content bytes.Buffer
	if err := envvar.Write(&content, format, set, service); err != nil {
		return err
	}
	return writeFile(e.output, func(file *os.File) error {
		_, err := content.WriteTo(localWriter{file, e.output})
		return err
	})
}
