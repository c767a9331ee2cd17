package cli

import (
	"context"
	"slices"
)

// The topics of the root's help, in the order in which they are shown.
const (
	topicDaily    = "Every day"
	topicInstance = "More about one instance"
	topicSteps    = "Step by step"
	topicHost     = "The host"
	topicHelp     = "Help"
)

var topics = []string{topicDaily, topicInstance, topicSteps, topicHost, topicHelp}

func newRoot(w *wiring) *command {
	return &command{
		name: program, flags: w.settingFlags(),
		children: slices.Concat(dailyCommands(w), instanceCommands(w), stepCommands(w), []*command{
			newOSCommand(w), newGCCommand(w), newBrokerCommand(w), newRepoCommand(w),
			newHelpCommand(w), newVersionCommand(w), newCompletionCommand(w), newCompleteCommand(w),
		}),
	}
}

func dailyCommands(w *wiring) []*command {
	return []*command{
		newUpCommand(w), newListCommand(w), newInfoCommand(w), newEnvCommand(w), newClientCommand(w), newLogsCommand(w),
		newBackupCommand(w), newRestoreCommand(w), newDownCommand(w), newDestroyCommand(w),
	}
}

func instanceCommands(w *wiring) []*command {
	return []*command{
		newStartCommand(w), newStopCommand(w), newRestartCommand(w), newUpdateCommand(w), newShellCommand(w), newExtraCommand(w),
		newBindCommand(w), newUnbindCommand(w), newBindingsCommand(w),
	}
}

func stepCommands(w *wiring) []*command {
	return []*command{
		newBuildCommand(w), newSetupCommand(w), newRunCommand(w), newPortsCommand(w), newPackCommand(w), newArchiveCommand(w),
	}
}

// required is a flag without which a command makes no sense.
type required struct{ flag, value string }

// need finds the first required flag that was not given. The library's own
// check would print help to stdout.
func (inv *invocation) need(flags ...required) error {
	for _, flag := range flags {
		if flag.value == "" {
			return inv.usageError("the flag "+flag.flag+" is missing", "")
		}
	}
	return nil
}

func newHelpCommand(w *wiring) *command {
	return &command{
		name: "help", topic: topicHelp, summary: "Show help for svp or a command",
		details: "svp help exit-status shows what the exit statuses mean.",
		example: "svp help up\nsvp help pack inspect\nsvp help exit-status",
		args:    []string{"[COMMAND]", "[SUBCOMMAND]"},
		run: func(_ context.Context, inv *invocation) error {
			if inv.arg(0) == "exit-status" {
				return writeExitStatus(w.streams.Out)
			}
			asked := &invocation{root: inv.root}
			for _, name := range inv.args {
				child := asked.leaf().child(name)
				if child == nil {
					return asked.unknownCommand(name)
				}
				asked.path = append(asked.path, child)
			}
			return w.writeHelp(inv.root, asked.path)
		},
	}
}
