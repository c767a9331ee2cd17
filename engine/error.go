package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/servicepack/svp/engine/driver"
	"github.com/servicepack/svp/engine/pack"
)

// Kind sorts errors by what the user can do about them.
type Kind int

// The kinds of errors.
const (
	Failed      Kind = iota // something went wrong
	Usage                   // the request makes no sense
	InvalidPack             // the pack breaks the contract
	NotFound                // no such instance, image, pack or component
	Refused                 // exists already, in use, guarded
	NotReady                // the service was not ready in time
	NoHost                  // no container host answers
	Interrupted             // the user, or a deadline of the caller, ended it
)

// Error is what every method of Engine returns when it fails.
type Error struct {
	Op      string // what was being done: "build", "up", …
	Subject string // to what: a pack, an instance, an image
	Kind    Kind
	Err     error  // why
	Hint    string // what to do next; may be empty
	// LogFile has the whole output of the script that failed; may be empty.
	LogFile string
	// LastLines are the last lines of that output.
	LastLines []string
}

// Error gives one line, without the hint and the log.
func (e *Error) Error() string {
	text := e.Op
	if e.Subject != "" {
		text += " " + e.Subject
	}
	return text + ": " + e.Err.Error()
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// ScriptError tells that a script of the pack ended with a status other than
// zero, as opposed to svp or the host failing.
type ScriptError struct {
	Script string // "bin/build base"
	Status int
	// OutOfMemory tells that it was ended by a memory limit.
	OutOfMemory bool
}

// Error names the script and its status.
func (e *ScriptError) Error() string {
	if e.OutOfMemory {
		return fmt.Sprintf("%s was killed: out of memory", e.Script)
	}
	if e.Status > 128 && e.Status < 160 {
		return fmt.Sprintf("%s was killed by signal %d", e.Script, e.Status-128)
	}
	return fmt.Sprintf("%s ended with status %d", e.Script, e.Status)
}

// Sentinel causes of errors, to be matched with errors.Is.
var (
	// ErrNoInstance: there is no instance of that name.
	ErrNoInstance = errors.New("no such instance")
	// ErrInstanceExists: an instance of that name exists.
	ErrInstanceExists = errors.New("an instance of this name exists already")
	// ErrNotRunning: the instance is there, and does not run.
	ErrNotRunning = errors.New("the instance is not running")
	// ErrStopped: another command has stopped the instance meanwhile.
	ErrStopped = errors.New("another command has stopped the instance meanwhile")
	// ErrBusy: another command has been changing the instance for too long.
	ErrBusy = errors.New("another svp is still at work on the instance")
	// ErrNoScript: the pack does not have the optional script.
	ErrNoScript = errors.New("the pack has no such script")
	// ErrNoBinding: the instance has no such consumer.
	ErrNoBinding = errors.New("no such binding")
	// ErrOtherPack: the instance is of another pack than the one that is named.
	ErrOtherPack = errors.New("the instance is of another pack")
	// ErrPlanFixed: instances of the pack cannot change their plan.
	ErrPlanFixed = errors.New("the plan cannot be changed")
	// ErrInUseExceeds: more storage is in use than the new plan has.
	ErrInUseExceeds = errors.New("more is in use than the plan allows")
	// ErrUnreadable: the labels of the instance make no sense to this svp.
	ErrUnreadable = errors.New("the instance cannot be read")
	// ErrTimeout: the operation took longer than its limit.
	ErrTimeout = errors.New("time limit reached")
	// ErrLostVolume: a volume of the instance is gone; svp starts no service on
	// an empty one in its place.
	ErrLostVolume = errors.New("a volume of the instance is missing")
	// ErrLostNetwork: the network that the instance's containers were made on is
	// gone, perhaps replaced by another of its name.
	ErrLostNetwork = errors.New("the network of the instance's containers is gone")
)

// fail makes the error of an operation, and finds its kind and its hint.
func fail(op, subject string, err error) error {
	if err == nil {
		return nil
	}
	var done *Error
	if errors.As(err, &done) {
		return err
	}
	kind, hint := classify(err)
	failure := &Error{Op: op, Subject: subject, Kind: kind, Err: err, Hint: hint}
	var output *outputError
	if errors.As(err, &output) {
		failure.LogFile, failure.LastLines = output.logFile, output.lines
	}
	return failure
}

// classification is the table of causes; the first that matches counts.
var classification = []struct {
	cause error
	kind  Kind
	hint  string
}{
	{ErrTimeout, NotReady, "look at the log, or allow more time with --timeout"},
	{context.Canceled, Interrupted, ""},
	// Before the deadline: svp gives a silent host one of its own.
	{driver.ErrUnavailable, NoHost, "is Docker running? Start it, or name another host with DOCKER_HOST or DOCKER_CONTEXT"},
	{context.DeadlineExceeded, NotReady, "allow more time with --timeout"},
	{ErrNoInstance, NotFound, "svp list shows the instances"},
	{ErrNoBinding, NotFound, "svp bindings NAME shows the consumers"},
	{errUnbound, Refused, "bind it again, if it shall be bound"},
	{ErrInstanceExists, Refused, "choose another name, or destroy the instance first"},
	{ErrUnreadable, Failed, "was it made by a later svp? Then use that one"},
	{ErrOtherPack, Refused, "name the instance's own pack with -b"},
	{ErrPlanFixed, Refused, "make a new instance in the other plan, and bring the data over with svp backup and svp restore"},
	{ErrInUseExceeds, Refused, "choose a larger plan, or delete data first"},
	{ErrNotRunning, Refused, "start it with: svp start NAME"},
	{ErrBusy, Refused, "docker ps -a --filter name=svp-lock- shows since when"},
	{ErrStopped, Refused, "start it again with: svp start NAME"},
	{ErrNoScript, Refused, ""},
	{ErrLostVolume, Refused, "restore the volume under its name, or destroy the instance and restore a backup into a new one"},
	{ErrLostNetwork, Refused, "make its containers anew, volumes and credentials stay: svp down NAME, then svp start NAME"},
	{driver.ErrInUse, Refused, ""},
	{driver.ErrInvalidReference, Usage, "an image name is REPOSITORY[:TAG] in lower case, as shop/redis:1"},
	{driver.ErrUnreachableRegistry, Failed, ""},
	{driver.ErrNoSpace, Failed, "free some space on the container host: svp gc, docker system df"},
	{driver.ErrPortInUse, Refused, "choose another port with -p HOST:CONTAINER"},
	{driver.ErrImageGone, Failed, "somebody removes images: try again"},
	{driver.ErrNotFound, NotFound, ""},
	{fs.ErrNotExist, NotFound, ""},
}

func classify(err error) (Kind, string) {
	var invalid *pack.Error
	if errors.As(err, &invalid) {
		return InvalidPack, invalid.Hint
	}
	var usage *usageError
	if errors.As(err, &usage) {
		return Usage, usage.hint
	}
	for _, row := range classification {
		if errors.Is(err, row.cause) {
			return row.kind, row.hint
		}
	}
	return Failed, ""
}

// usageError is a request that makes no sense.
type usageError struct{ text, hint string }

func (e *usageError) Error() string { return e.text }

func usagef(hint, format string, args ...any) error {
	return &usageError{text: strings.TrimSpace(fmt.Sprintf(format, args...)), hint: hint}
}
