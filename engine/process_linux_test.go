package engine

import (
	"bufio"
	"context"
	"os/exec"
	"testing"
	"time"

	"github.com/servicepack/svp/engine/driver"
	"github.com/servicepack/svp/engine/plan"
)

func TestNothingOutlivesARestartOfItsMachine(t *testing.T) {
	const now = "host+id+boot2+pid:[1]"
	for before, want := range map[string]bool{
		"host+id+boot1+pid:[1]":  true,
		now:                      false,
		"other+id+boot1+pid:[1]": false,
		"host+di+boot1+pid:[1]":  false,
		"host+id+boot1+pid:[2]":  false, // in a container, perhaps on another machine
		"host":                   false,
	} {
		if got := startedAnew(now, before); got != want {
			t.Errorf("%s counts as started anew since %s: %v", now, before, got)
		}
	}
	if startedAnew("host++boot2+pid:[1]", "host++boot1+pid:[1]") {
		t.Error("two machines without an id count as one")
	}
}

func TestAnOperationHasEndedWithItsProcessOrWhenItsTimeIsUp(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	e := &Engine{config: Config{Now: func() time.Time { return now }}}
	gone := thisProcess()
	gone.start = "1"
	for name, test := range map[string]struct {
		owner    string
		deadline time.Duration
		want     bool
	}{
		"this process":                   {thisProcess().String(), -time.Hour, false},
		"a process that is gone":         {gone.String(), time.Hour, true},
		"another machine":                {"elsewhere+1+2+3/42/1000", time.Hour, false},
		"another machine, some time ago": {"elsewhere+1+2+3/42/1000", -time.Hour, true},
		"nonsense":                       {"", time.Hour, false},
		"nonsense, some time ago":        {"a/b/c", -time.Hour, true},
	} {
		if got := e.ended(plan.Operation{Owner: test.owner, Deadline: now.Add(test.deadline)}); got != test.want {
			t.Errorf("%s: ended %v, want %v", name, got, test.want)
		}
	}
}

// What a process that goes on has brought to an end is over, as when a broker could
// not clean up after one of its operations.
func TestAnOperationEndsWithItsContext(t *testing.T) {
	e, err := New(Config{Connect: func(context.Context) (driver.Driver, error) { return nil, driver.ErrUnavailable }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	operation, err := e.newOperation(ctx, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if e.ended(operation) {
		t.Error("it has ended before its context")
	}
	cancel()
	late := time.After(10 * time.Second)
	for !e.ended(operation) {
		select {
		case <-late:
			t.Fatal("it goes on for ever")
		case <-time.After(time.Millisecond):
		}
	}
}

// A command that has ended is done, also when its parent does not care.
func TestProcessRuns(t *testing.T) {
	command := exec.CommandContext(t.Context(), "cat")
	input, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	pid := command.Process.Pid
	child := process{machine: machine(), pid: pid, start: startOf(pid)}
	if !child.runs() {
		t.Error("a process that runs counts as gone")
	}
	if other := (process{machine: machine(), pid: pid, start: "1"}); other.runs() {
		t.Error("another process of the same number counts as the one that is meant")
	}
	if err := input.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(output).ReadByte(); err == nil {
		t.Fatal("cat has made something up")
	}
	// Not waited for, it is a zombie, or about to become one.
	for end := time.Now().Add(10 * time.Second); child.runs(); {
		if time.Now().After(end) {
			t.Fatal("a process that has ended counts as running")
		}
	}
	if err := command.Wait(); err != nil {
		t.Fatal(err)
	}
	if child.runs() {
		t.Error("a process that is gone counts as running")
	}
}
