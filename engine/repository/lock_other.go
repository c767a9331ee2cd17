//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package repository

import (
	"context"
	"os"
)

// lock does nothing: this system has no locks that end with a process.
func lock(context.Context, *os.File) error { return nil }
