package packtest

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/servicepack/svp/engine"
)

// finding is what is wrong with the pack.
type finding struct{ seen, mend string }

func (f *finding) Error() string { return f.seen }

// found makes a finding; mend says what to change.
func found(mend, format string, args ...any) error {
	return &finding{seen: fmt.Sprintf(format, args...), mend: mend}
}

// omission is why there is nothing to look at.
type omission struct{ why string }

func (o *omission) Error() string { return o.why }

func omitted(why string) error { return &omission{why} }

// judge makes a result of how a check ended. The error is one that the pack is not
// to blame for.
func judge(name, seen string, err error) (Result, error) {
	result := Result{Name: name, Outcome: Passed, Seen: oneLine(seen)}
	var wrong *finding
	var nothing *omission
	var failed *engine.Error
	switch {
	case err == nil:
	case errors.As(err, &wrong):
		result.Outcome, result.Seen, result.Mend = Failed, oneLine(wrong.seen), wrong.mend
	case errors.As(err, &nothing):
		result.Outcome, result.Seen = Skipped, nothing.why
	case errors.As(err, &failed) && isOfPack(failed):
		result.Outcome, result.Seen, result.Mend = Failed, describe(failed), mendOf(failed)
	default:
		return result, err
	}
	return result, nil
}

// isOfPack tells the faults of a pack from those of svp and of the host.
func isOfPack(err *engine.Error) bool {
	var script *engine.ScriptError
	return err.Kind == engine.InvalidPack || err.Kind == engine.NotReady ||
		errors.As(err, &script) || errors.Is(err, engine.ErrNotRunning)
}

const (
	linesShown   = 5
	longestShown = 600
)

// describe tells what failed, and what the script said last.
func describe(err *engine.Error) string {
	lines := err.LastLines
	if len(lines) > linesShown {
		lines = lines[len(lines)-linesShown:]
	}
	return oneLine(strings.Join(append([]string{err.Err.Error()}, lines...), "\n"))
}

func mendOf(err *engine.Error) string {
	mend := err.Hint
	if mend == "" {
		mend = "svp pack lint shows all that is wrong with the pack"
	}
	if err.LogFile != "" {
		mend += "; the whole output: " + err.LogFile
	}
	return mend
}

// oneLine puts text on one line of bearable length.
func oneLine(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	line := strings.ToValidUTF8(strings.Join(lines, "; "), "?")
	if runes := []rune(line); len(runes) > longestShown {
		line = string(runes[:longestShown]) + "…"
	}
	return line
}

// isDeadline tells that a limit of a check's own has ended it.
func isDeadline(ctx context.Context, err error) bool {
	return err != nil && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded)
}
