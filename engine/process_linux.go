package engine

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
)

func machine() string {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		boot = nil // the name alone must do
	}
	namespace, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		namespace = ""
	}
	return strings.Join([]string{machineName(), strings.TrimSpace(string(boot)), namespace}, "+")
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
