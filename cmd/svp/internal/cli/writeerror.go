package cli

import (
	"errors"
	"io"
	"io/fs"
)

// writeError is a failure to write on this machine, as opposed to one of the
// container host, whose disk may be full, too.
type writeError struct {
	name string // of the file, as the user knows it
	err  error
}

func (e *writeError) Error() string { return "write " + e.name + ": " + e.err.Error() }

func (e *writeError) Unwrap() error { return e.err }

// newWriteError names the file that the user named, and not a temporary one.
func newWriteError(name string, err error) error {
	var failed *fs.PathError
	if errors.As(err, &failed) {
		err = failed.Err
	}
	return &writeError{name: name, err: err}
}

// localWriter marks the errors of a writer as those of this machine before
// they pass through the engine.
type localWriter struct {
	io.Writer
	name string
}

func (w localWriter) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	if err != nil {
		err = newWriteError(w.name, err)
	}
	return n, err
}

// output is standard output as the engine gets it.
func (s *Streams) output() io.Writer { return localWriter{s.Out, "standard output"} }
