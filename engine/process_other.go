//go:build !linux

package engine

import (
	"errors"
	"os"
	"syscall"
)

func machine() string { return machineName() }

// startedAnew cannot be told everywhere.
func startedAnew(_, _ string) bool { return false }

func exists(pid int) bool {
	process, err := os.FindProcess(pid)
	if err != nil {
		return false
	}
	err = process.Signal(syscall.Signal(0))
	return err == nil || errors.Is(err, os.ErrPermission)
}

// startOf is not told by every system; the number of the process must do.
func startOf(int) string { return "" }
