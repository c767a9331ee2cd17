package engine

import (
	"fmt"
	"slices"

	"github.com/servicepack/svp/engine/driver"
)

// unreadableError is an instance whose labels cannot be read.
type unreadableError struct {
	id, name  string
	baseImage string
	err       error
}

// Error says which instance it is, and why.
func (u *unreadableError) Error() string { return fmt.Sprintf("instance %s: %v", u.name, u.err) }

// Unwrap gives the cause.
func (u *unreadableError) Unwrap() error { return u.err }

// leaveOut leaves out an instance, so that all others can be worked with.
func (w *world) leaveOut(id, name string, image driver.Image, err error) {
	w.unreadable = append(w.unreadable, &unreadableError{
		id: id, name: name, baseImage: image.Labels[driver.LabelBaseImage], err: err,
	})
}

func (w *world) isUnreadable(id string) bool {
	return slices.ContainsFunc(w.unreadable, func(u *unreadableError) bool { return u.id == id })
}

// checkReadable refuses a name whose instance cannot be worked with.
func (w *world) checkReadable(name string) error {
	for _, unreadable := range w.unreadable {
		if unreadable.name == name {
			return fmt.Errorf("%w: %w", ErrUnreadable, unreadable.err)
		}
	}
	return nil
}

// warnOfUnreadable tells once of each instance that is left out, to whoever looks
// at all of them.
func (e *Engine) warnOfUnreadable(w *world) {
	for _, left := range w.unreadable {
		if _, told := e.warned.LoadOrStore(left.id, true); !told {
			e.warn(fmt.Sprintf("%v; it is left out", left))
		}
	}
}
