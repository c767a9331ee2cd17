package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"time"
)

// memoryInterval is how often the memory of a process is looked at.
const memoryInterval = 25 * time.Millisecond

// peakMemory returns how much memory the process has needed at most, in bytes.
//
// The kernel keeps the peak, and it is read until the process has ended. What
// it tells at the end of a process (getrusage) is of no use, for it begins with
// the memory of the one that started it: this program.
func peakMemory(pid int, ended <-chan struct{}) int64 {
	again := time.NewTicker(memoryInterval)
	defer again.Stop()
	var peak int64
	for {
		peak = max(peak, peakUntilNow(pid))
		select {
		case <-ended:
			return peak
		case <-again.C:
		}
	}
}

// peakUntilNow is 0 for a process that has ended.
func peakUntilNow(pid int) int64 {
	status, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	defer status.Close()
	lines := bufio.NewScanner(status)
	for lines.Scan() {
		if value, found := strings.CutPrefix(lines.Text(), "VmHWM:"); found {
			var kilobytes int64
			if _, err := fmt.Sscan(value, &kilobytes); err == nil {
				return kilobytes << 10
			}
		}
	}
	return 0
}
