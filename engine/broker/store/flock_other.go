//go:build !unix || solaris || aix

package store

import (
	"errors"
	"os"
)

// flock is refused where a lock cannot be had that ends with the process.
func flock(*os.File) error {
	return errors.New("a SQLite store cannot be locked on this system: use PostgreSQL")
}
