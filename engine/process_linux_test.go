package engine

import (
	"bufio"
	"os/exec"
	"testing"
	"time"
)

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
