package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"testing"
	"time"

	"github.com/servicepack/svp/engine/driver"
	"github.com/servicepack/svp/engine/pack"
)

func TestErrorsAreOfTheKindThatTellsWhatToDo(t *testing.T) {
	for name, test := range map[string]struct {
		err  error
		kind Kind
		hint bool
	}{
		"anything":                        {errors.New("commit failed"), Failed, false},
		"a script":                        {&ScriptError{Script: "bin/build base", Status: 1}, Failed, false},
		"nonsense":                        {usagef("say a name", "%q is no name", "A"), Usage, true},
		"an image name":                   {driver.ErrInvalidReference, Usage, true},
		"a pack":                          {&pack.Error{Pack: "shop", Reason: "no os", Hint: "answer it"}, InvalidPack, true},
		"no instance":                     {ErrNoInstance, NotFound, true},
		"no image":                        {driver.ErrNotFound, NotFound, false},
		"no file":                         {fs.ErrNotExist, NotFound, false},
		"exists":                          {ErrInstanceExists, Refused, true},
		"not running":                     {ErrNotRunning, Refused, true},
		"no script":                       {ErrNoScript, Refused, false},
		"a lost volume":                   {ErrLostVolume, Refused, true},
		"a lost network":                  {fmt.Errorf("%w: %w", ErrLostNetwork, driver.ErrNotFound), Refused, true},
		"in use":                          {driver.ErrInUse, Refused, false},
		"a port":                          {driver.ErrPortInUse, Refused, true},
		"time":                            {ErrTimeout, NotReady, true},
		"a deadline":                      {context.DeadlineExceeded, NotReady, true},
		"no host":                         {driver.ErrUnavailable, NoHost, true},
		"a host that is silent":           {fmt.Errorf("%w: %w", driver.ErrUnavailable, context.DeadlineExceeded), NoHost, true},
		"interrupted":                     {context.Canceled, Interrupted, false},
		"interrupted, which broke a call": {errors.Join(context.Canceled, driver.ErrUnavailable), Interrupted, false},
		"a full disk":                     {driver.ErrNoSpace, Failed, true},
		"no registry":                     {driver.ErrUnreachableRegistry, Failed, false},
	} {
		t.Run(name, func(t *testing.T) {
			wrapped := &outputError{err: fmt.Errorf("while at it: %w", test.err), lines: []string{"last"}, logFile: "log"}
			var failure *Error
			if !errors.As(fail("up", "shop", wrapped), &failure) {
				t.Fatal("not an Error")
			}
			if failure.Kind != test.kind || (failure.Hint != "") != test.hint {
				t.Errorf("kind %d, hint %q; want kind %d, a hint %v", failure.Kind, failure.Hint, test.kind, test.hint)
			}
			if want := "up shop: while at it: " + test.err.Error(); failure.Error() != want || !errors.Is(failure, test.err) {
				t.Errorf("%q, want %q", failure, want)
			}
			if failure.LogFile != "log" || !slices.Equal(failure.LastLines, []string{"last"}) {
				t.Errorf("log %q, lines %q", failure.LogFile, failure.LastLines)
			}
		})
	}
}

func TestAnErrorThatIsToldOfAlreadyStaysAsItIs(t *testing.T) {
	inner := &Error{Op: "find base image", Subject: "shop:1", Kind: NotFound, Err: driver.ErrNotFound, Hint: "build it"}
	if got := fail("setup", "shop", inner); !errors.Is(got, inner) || got.Error() != inner.Error() {
		t.Errorf("%v", got)
	}
	if got := fail("setup", "shop", nil); got != nil {
		t.Errorf("success is %v", got)
	}
}

func TestScriptErrorsSayHowTheScriptEnded(t *testing.T) {
	for want, err := range map[string]*ScriptError{
		"bin/run ended with status 3":          {Script: "bin/run", Status: 3},
		"bin/run was killed by signal 9":       {Script: "bin/run", Status: 137},
		"bin/run was killed: out of memory":    {Script: "bin/run", Status: 137, OutOfMemory: true},
		"bin/build base ended with status 255": {Script: "bin/build base", Status: 255},
	} {
		if err.Error() != want {
			t.Errorf("%q, want %q", err, want)
		}
	}
}

func TestTheCauseOfAnEndedOperationIsTold(t *testing.T) {
	e := &Engine{}
	ctx, cancel := e.withTimeout(t.Context(), time.Nanosecond, time.Hour)
	defer cancel()
	<-ctx.Done()
	got := causeOf(ctx, errors.New("connection reset"))
	if !errors.Is(got, ErrTimeout) {
		t.Errorf("after its time an operation failed with %v", got)
	}
	interrupted, interrupt := context.WithCancel(t.Context())
	interrupt()
	if got := causeOf(interrupted, errors.New("connection reset")); !errors.Is(got, context.Canceled) {
		t.Errorf("an interrupted operation failed with %v", got)
	}
	if got := causeOf(interrupted, nil); got != nil {
		t.Errorf("an operation that was done before the interrupt failed with %v", got)
	}
	own := errors.New("no such thing")
	if got := causeOf(t.Context(), own); !errors.Is(got, own) {
		t.Errorf("an operation that nobody ended failed with %v", got)
	}
}
