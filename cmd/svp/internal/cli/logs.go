package cli

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"time"

	urfave "github.com/urfave/cli/v2"

	"github.com/servicepack/svp/engine"
)

type logger interface {
	Logs(ctx context.Context, o engine.LogsOptions, stdout, stderr io.Writer) error
}

type logsOptions struct {
	engine.LogsOptions
	tail, since string
}

func newLogsCommand(w *wiring) *command {
	o := &logsOptions{}
	return &command{
		name: "logs", topic: topicDaily, summary: "Show what an instance wrote",
		example: "svp logs shop\nsvp logs shop -f -n 20\nsvp logs hipache redis --since 10m",
		args:    []string{"NAME", "[COMPONENT]"},
		flags: []urfave.Flag{
			&urfave.BoolFlag{Name: "follow", Aliases: []string{"f"}, Destination: &o.Follow, Usage: "go on with what is written from now on"},
			&urfave.StringFlag{Name: "tail", Aliases: []string{"n"}, Destination: &o.tail, Value: "all", Usage: "show the last `LINES` only"},
			&urfave.StringFlag{Name: "since", Destination: &o.since, Usage: "show what was written since `TIME`, as 10m or 2026-01-02T15:04:05Z"},
			&urfave.BoolFlag{Name: "timestamps", Aliases: []string{"t"}, Destination: &o.Timestamps, Usage: "show when each line was written"},
		},
		run: func(ctx context.Context, inv *invocation) error {
			if err := o.parse(inv, w.now()); err != nil {
				return err
			}
			return w.engine(func(s session) error { return s.Logs(ctx, o.LogsOptions, w.streams.output(), w.streams.Err) })
		},
	}
}

func (o *logsOptions) parse(inv *invocation, now time.Time) error {
	o.Name, o.Component = inv.arg(0), inv.arg(1)
	if o.tail != "all" {
		tail, err := strconv.Atoi(o.tail)
		if err != nil || tail < 0 {
			return inv.usageError(fmt.Sprintf("--tail: %q is no number of lines", o.tail), "write a number, or all")
		}
		o.Tail = tail
		if tail == 0 {
			o.Tail = -1 // none, where zero means all
		}
	}
	if o.since == "" {
		return nil
	}
	since, ok := parseSince(o.since, now)
	if !ok {
		return inv.usageError(fmt.Sprintf("--since: %q is no time", o.since), "write 10m, 2026-01-02 or 2026-01-02T15:04:05Z")
	}
	o.Since = since
	return nil
}

// parseSince reads a duration before now, or a time.
func parseSince(text string, now time.Time) (time.Time, bool) {
	if ago, err := time.ParseDuration(text); err == nil {
		return now.Add(-ago), ago >= 0
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", time.DateTime, time.DateOnly} {
		if since, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return since, true
		}
	}
	return time.Time{}, false
}
