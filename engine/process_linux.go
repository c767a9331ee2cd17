package engine

import (
	"fmt"
	"os"
	"strings"
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

func exists(pid int) bool {
	_, err := os.Stat(fmt.Sprintf("/proc/%d", pid))
	return err == nil
}

// startOf is field 22 of proc(5)'s stat: clock ticks since boot. The second
// field, the program's name in parentheses, may hold anything.
func startOf(pid int) string {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	text := string(stat)
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	const start = 22 - 3 // the first field here is the third
	if len(fields) <= start {
		return ""
	}
	return fields[start]
}
