//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package packages

import "os"

// tryLock does nothing: this system has no locks that end with a process.
func tryLock(*os.File) (bool, error) { return true, nil }

// canTell says that no lock tells what is in use from what was left behind.
const canTell = false
