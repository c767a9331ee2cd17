package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
)

// machine tells processes with the same numbers apart: by the name and the id of
// the machine, when it was started, and the process namespace.
func machine() string {
	namespace, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		namespace = ""
	}
	boot := firstLine("/proc/sys/kernel/random/boot_id")
	return strings.Join([]string{machineName(), machineID(), boot, namespace}, "+")
}

// machineID is empty where the machine has none, as in most containers. The id
// itself is not for everybody to see (machine-id(5)).
func machineID() string {
	id := firstLine("/etc/machine-id")
	if id == "" {
		return ""
	}
	sum := sha256.Sum256([]byte("svp " + id))
	return hex.EncodeToString(sum[:8])
}

// firstLine is empty where there is no such file: the machine's name must do.
func firstLine(file string) string {
	content, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(content), "\n")
	return strings.TrimSpace(line)
}

// startedAnew tells that the machine is the same as the other one was, and has
// been started since: no process has outlived that.
func startedAnew(machine, before string) bool {
	now, then := strings.Split(machine, "+"), strings.Split(before, "+")
	return len(now) == 4 && len(then) == 4 && now[1] != "" &&
		now[0] == then[0] && now[1] == then[1] && now[2] != then[2] && now[3] == then[3]
}

// exists asks the kernel where /proc says nothing: it may be mounted so that it
// hides the processes of others (hidepid in proc(5)).
func exists(pid int) bool {
	fields := statOf(pid)
	if len(fields) == 0 {
		return errors.Is(syscall.Kill(pid, 0), syscall.EPERM)
	}
	// One that has ended stays until its parent looks, which may be never.
	return fields[0] != "Z"
}

// startOf is field 22 of proc(5)'s stat: clock ticks since boot.
func startOf(pid int) string {
	fields := statOf(pid)
	const start = 22 - 3
	if len(fields) <= start {
		return ""
	}
	return fields[start]
}

// statOf returns the fields of proc(5)'s stat from the third on, the state. The
// second, the program's name in parentheses, may hold anything.
func statOf(pid int) []string {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	text := string(stat)
	return strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
}
