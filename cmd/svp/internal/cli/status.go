package cli

import (
	"context"
	"errors"

	"github.com/servicepack/svp/engine"
)

// The exit statuses of svp.
const (
	statusDone        = 0
	statusFailed      = 1
	statusUsage       = 2
	statusInvalidPack = 3
	statusNotFound    = 4
	statusRefused     = 5
	statusNotReady    = 6
	statusNoHost      = 7
	statusScript      = 125 // svp failed, where other statuses are a script's
	statusInterrupted = 130
	// statusBrokenPipe is what a shell tells of a program that SIGPIPE has ended.
	statusBrokenPipe = 141
)

// statusOfKind is the one table from kinds of errors to exit statuses.
var statusOfKind = map[engine.Kind]int{
	engine.Failed:      statusFailed,
	engine.Usage:       statusUsage,
	engine.InvalidPack: statusInvalidPack,
	engine.NotFound:    statusNotFound,
	engine.Refused:     statusRefused,
	engine.NotReady:    statusNotReady,
	engine.NoHost:      statusNoHost,
	engine.Interrupted: statusInterrupted,
}

// statusMeanings is the table as help shows it.
var statusMeanings = []struct {
	status  int
	meaning string
}{
	{statusDone, "done"},
	{statusFailed, "failed"},
	{statusUsage, "wrong usage"},
	{statusInvalidPack, "the pack is invalid"},
	{statusNotFound, "not found"},
	{statusRefused, "refused: exists already, in use, or guarded"},
	{statusNotReady, "not ready in time"},
	{statusNoHost, "no Docker host answers"},
	{statusScript, "svp failed, in client, shell, extra, backup and restore,\n" +
		"which otherwise give the status of the pack's script"},
	{statusInterrupted, "interrupted"},
	{statusBrokenPipe, "nobody reads the results any more, as in svp backup NAME | head"},
}

// statusError is the exit status of a script that the user asked for; it is
// passed on and needs no words.
type statusError int

func (s statusError) Error() string { return "the script failed" }

// scriptResult turns the status of a script into the error that carries it.
func scriptResult(status int, err error) error {
	if err != nil || status == 0 {
		return err
	}
	return statusError(status)
}

// exitStatus finds the status of an error. In a command that passes on the
// status of a script, svp's own failures have a status of their own.
func exitStatus(err error, passesStatus bool) int {
	var script statusError
	if errors.As(err, &script) {
		return int(script)
	}
	status := ownStatus(err)
	if passesStatus && status != statusDone && status != statusUsage && status != statusInterrupted {
		return statusScript
	}
	return status
}

func ownStatus(err error) int {
	var usage *usageError
	var unwritten *writeError
	var failed *engine.Error
	switch {
	case err == nil:
		return statusDone
	case errors.As(err, &usage):
		return statusUsage
	case errors.As(err, &unwritten) && !errors.Is(err, context.Canceled):
		return statusFailed
	case errors.As(err, &failed):
		return statusOfKind[failed.Kind]
	case errors.Is(err, context.Canceled):
		return statusInterrupted
	}
	return statusFailed
}
