package cli

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"

	urfave "github.com/urfave/cli/v2"
)

func newVersionCommand(w *wiring) *command {
	var asJSON bool
	return &command{
		name: "version", topic: topicHelp, summary: "Print the version of svp",
		details: "svp info prints the folders that svp uses and the Docker host, too.",
		example: "svp version",
		flags:   []urfave.Flag{jsonFlag(&asJSON)},
		run: func(context.Context, *invocation) error {
			if asJSON {
				return writeJSON(w.streams.Out, map[string]string{
					"version": w.versionText(), "go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH,
				})
			}
			_, err := fmt.Fprintf(w.streams.Out, "%s %s %s/%s\n", program, w.versionText(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}

// versionText is the release's version, else what the go command recorded.
func (w *wiring) versionText() string {
	if w.version != "" {
		return w.version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
