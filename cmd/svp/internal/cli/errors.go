package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/servicepack/svp/engine"
)

// usageError is a command line or a setting that makes no sense.
type usageError struct {
	command string // may be empty
	text    string
	usage   string // the usage line; may be empty
	hint    string // may be empty
}

func (e *usageError) Error() string {
	if e.command == "" {
		return e.text
	}
	return e.command + ": " + e.text
}

func (inv *invocation) usageError(text, hint string) error {
	if hint == "" {
		hint = strings.TrimSpace(program+" "+inv.name()) + " --help tells more"
	}
	return &usageError{command: inv.name(), text: text, usage: usageLine(inv.path), hint: hint}
}

// refusal is an error that svp decides on before it asks the engine.
func refusal(op, subject, reason, hint string) error {
	return &engine.Error{Op: op, Subject: subject, Kind: engine.Refused, Err: errors.New(reason), Hint: hint}
}

// valueError says in svp's words what the library did not like about a value.
func valueError(inv *invocation, err error) error {
	// Compiled here and not at the start, which every command would pay for.
	pattern := regexp.MustCompile(`^invalid (?:boolean )?value "(.*)" for (?:flag )?-+([^:]+): .*$`)
	if match := pattern.FindStringSubmatch(err.Error()); match != nil {
		return inv.usageError(fmt.Sprintf("the flag --%s does not take %q", match[2], match[1]), "")
	}
	return inv.usageError(err.Error(), "")
}

// finish reports the error and returns the exit status.
func (w *wiring) finish(ctx context.Context, inv *invocation, err error) int {
	status := exitStatus(err, inv.leaf().passesStatus())
	var script statusError
	if err == nil || errors.As(err, &script) {
		return status
	}
	if w.streams.outIsBroken() {
		return statusBrokenPipe // whoever closed the pipe wants no more
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		status = statusInterrupted
	}
	report := newReport(err, status)
	if w.progressMode() == progressJSON {
		report.writeJSON(w.streams.Err)
	} else {
		report.write(w.streams.Err)
	}
	return status
}

// report is an error as it is shown.
type report struct {
	Kind      string   `json:"kind"` // "error", beside the kinds of events
	Text      string   `json:"text"`
	Status    int      `json:"status"`
	Usage     string   `json:"usage,omitempty"`
	Hint      string   `json:"hint,omitempty"`
	LogFile   string   `json:"log_file,omitempty"`
	LastLines []string `json:"last_lines,omitempty"`
}

func newReport(err error, status int) report {
	r := report{Kind: "error", Text: oneLine(err.Error()), Status: status}
	var usage *usageError
	var unwritten *writeError
	var failed *engine.Error
	switch {
	case errors.As(err, &usage):
		r.Usage, r.Hint = usage.usage, oneLine(usage.hint)
	case status == statusInterrupted && errors.As(err, &failed):
		// Who pressed Ctrl-C knows why it ended.
		r.Text = oneLine(strings.TrimSpace(failed.Op+" "+failed.Subject) + ": interrupted")
	case status == statusInterrupted:
		r.Text = "interrupted"
	case errors.As(err, &unwritten):
		// What the engine makes of it is about the container host.
		r.Text = oneLine(unwritten.Error())
	case errors.As(err, &failed):
		r.Hint, r.LogFile, r.LastLines = oneLine(failed.Hint), failed.LogFile, failed.LastLines
	}
	return r
}

// write shows one line with what happened, then what to do about it, then what
// the script said last.
func (r report) write(out io.Writer) {
	var text strings.Builder
	fmt.Fprintf(&text, "%s: %s\n", program, r.Text)
	if r.Usage != "" {
		fmt.Fprintf(&text, "usage: %s\n", r.Usage)
	}
	if r.Hint != "" {
		fmt.Fprintf(&text, "  hint: %s\n", r.Hint)
	}
	if len(r.LastLines) > 0 {
		fmt.Fprintf(&text, "last lines of the output:\n")
		for _, line := range r.LastLines {
			fmt.Fprintf(&text, "  | %s\n", printable(line))
		}
	}
	if r.LogFile != "" {
		fmt.Fprintf(&text, "whole output: %s\n", r.LogFile)
	}
	// Where stderr is gone nobody is left to be told.
	_, _ = io.WriteString(out, text.String())
}

func (r report) writeJSON(out io.Writer) {
	_ = json.NewEncoder(out).Encode(r) // as in write
}

// oneLine makes text safe for a terminal and puts it on one line.
func oneLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimSpace(printable(line))
	}
	return strings.Join(lines, "; ")
}
