package cli

import (
	"errors"
	"syscall"

	"github.com/servicepack/svp/engine"
)

// problem is a cause of errors, what kind they are of, and what to do about them.
type problem struct {
	cause error
	kind  engine.Kind
	hint  string
}

// addressTaken is the most likely mistake of who starts a server.
var addressTaken = problem{
	syscall.EADDRINUSE, engine.Refused, "stop what listens there, or choose another address with --listen",
}

// explain gives an error the kind and the hint of the first problem that it has; it
// stays as it is where it has none.
func explain(err *engine.Error, problems []problem) (known bool) {
	for _, row := range problems {
		if errors.Is(err.Err, row.cause) {
			err.Kind, err.Hint = row.kind, row.hint
			return true
		}
	}
	return false
}
