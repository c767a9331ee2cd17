package cli

import (
	"context"
	"embed"
	"fmt"
	"io"
	"strings"
)

//go:embed completion
var completionScripts embed.FS

var completionShells = []string{"bash", "zsh", "fish"}

func newCompletionCommand(w *wiring) *command {
	return &command{
		name: "completion", topic: topicHelp, summary: "Print a script that completes svp in bash, zsh or fish",
		example: "eval \"$(svp completion bash)\"\nsource <(svp completion zsh)\nsvp completion fish | source",
		args:    []string{"SHELL"},
		run: func(_ context.Context, inv *invocation) error {
			script, err := completionScripts.ReadFile("completion/" + program + "." + inv.arg(0))
			if err != nil {
				return inv.usageError(fmt.Sprintf("unknown shell %q", inv.arg(0)),
					"the shells are "+strings.Join(completionShells, ", "))
			}
			_, err = w.streams.Out.Write(script)
			return err
		},
	}
}

// newCompleteCommand is what the scripts call, with the words up to the cursor.
// It answers with candidates, a line each, and with :files or :folders where
// the shell knows better. It never complains: a line that is being typed is not
// wrong yet.
func newCompleteCommand(w *wiring) *command {
	return &command{
		name: "__complete", hidden: true, script: afterArguments,
		run: func(ctx context.Context, inv *invocation) error {
			candidates := (&completer{wiring: w, root: inv.root}).complete(ctx, inv.script)
			_, err := io.WriteString(w.streams.Out, strings.Join(candidates, ""))
			return err
		},
	}
}
