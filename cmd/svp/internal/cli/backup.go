package cli

import (
	"context"
	"io"
	"os"

	urfave "github.com/urfave/cli/v2"

	"github.com/servicepack/svp/engine"
)

type backupper interface {
	Backup(ctx context.Context, t engine.Target, s engine.Streams) (int, error)
}

type backupOptions struct {
	target targetOptions
	output string
}

func newBackupCommand(w *wiring) *command {
	o := &backupOptions{}
	return &command{
		name: "backup", topic: topicDaily, summary: "Write a backup of an instance",
		details: "To standard output unless it is a terminal, or to a file that only you can read and\n" +
			"that appears when the backup is complete. The exit status is that of the pack's script.",
		example: "svp backup shop -o shop.backup\nsvp backup shop | gzip > shop.backup.gz",
		args:    []string{"NAME"}, target: true,
		flags: []urfave.Flag{
			containerFlag(&o.target.container),
			&urfave.StringFlag{
				Name: "output", Aliases: []string{"o"}, Destination: &o.output, Usage: "write to `FILE`, whole or not at all",
			},
		},
		run: func(ctx context.Context, inv *invocation) error {
			target, _ := o.target.target(inv)
			return w.engine(func(s session) error { return runBackup(ctx, w.streams, s, target, o.output) })
		},
	}
}

func runBackup(ctx context.Context, streams *Streams, b backupper, target engine.Target, output string) error {
	if output != "" && !isStdout(output) {
		return writeFile(output, func(file *os.File) error {
			if isTerminal(file) {
				return terminalRefusal(target)
			}
			return backupTo(ctx, b, target, localWriter{file, output}, streams.Err)
		})
	}
	if streams.OutTerminal {
		return terminalRefusal(target)
	}
	return backupTo(ctx, b, target, streams.output(), streams.Err)
}

func terminalRefusal(target engine.Target) error {
	return refusal("backup", target.Name+target.Container, "a backup is not written to a terminal",
		"write it to a file: -o FILE")
}

func backupTo(ctx context.Context, b backupper, target engine.Target, out, messages io.Writer) error {
	return scriptResult(b.Backup(ctx, target, engine.Streams{Out: out, Err: messages}))
}
