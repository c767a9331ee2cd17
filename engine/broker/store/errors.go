package store

import "errors"

// What callers can tell apart, with errors.Is.
var (
	// ErrLocked tells that another broker has the SQLite file open.
	ErrLocked = errors.New("another broker uses this store")
	// ErrBusy tells that an operation is in progress already on the same
	// instance, or the same binding.
	ErrBusy = errors.New("another operation is in progress")
	// ErrNotOwner tells that an operation has ended, or that another broker has
	// taken it over: whoever gets it must stop working on it.
	ErrNotOwner = errors.New("the operation has ended or is another broker's")
	// ErrWrongKey tells that something was sealed with another key.
	ErrWrongKey = errors.New("sealed with another key")
	// ErrDamaged tells that something sealed was changed from outside.
	ErrDamaged = errors.New("damaged, or moved here from another record")
	// ErrNoStore tells that a file is something else, and was left as it is.
	ErrNoStore = errors.New("not a store of svp")
	// ErrGone tells that the file of an open store was removed or replaced: what
	// would be written is lost at the next start.
	ErrGone = errors.New("the store's file was removed or replaced while it was open")
	// ErrNewer tells that the schema is one of a newer svp.
	ErrNewer = errors.New("written by a newer svp")
)
