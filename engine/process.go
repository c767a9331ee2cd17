package engine

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// process identifies a process among those of all machines and times.
type process struct {
	machine string // name and boot of the machine, and the process namespace
	pid     int
	start   string // when it started, in the machine's own terms
}

func (p process) String() string { return fmt.Sprintf("%s/%d/%s", p.machine, p.pid, p.start) }

var errNoProcess = errors.New("not a process")

func parseProcess(text string) (process, error) {
	parts := strings.Split(text, "/")
	if len(parts) != 3 {
		return process{}, errNoProcess
	}
	pid, err := strconv.Atoi(parts[1])
	if err != nil {
		return process{}, errNoProcess
	}
	return process{machine: parts[0], pid: pid, start: parts[2]}, nil
}

func thisProcess() process {
	pid := os.Getpid()
	return process{machine: machine(), pid: pid, start: startOf(pid)}
}

// runs tells whether that very process, and not a later one of the same number,
// is there. Where the start of a process is hidden, any of the number counts.
func (p process) runs() bool {
	if !exists(p.pid) {
		return false
	}
	start := startOf(p.pid)
	return start == "" || start == p.start
}

func machineName() string {
	name, err := os.Hostname()
	if err != nil {
		name = "unknown"
	}
	return strings.ReplaceAll(name, "/", "-")
}
