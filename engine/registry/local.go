package registry

import (
	"errors"
	"io"
)

// localError is a failure on this machine, for which no registry is to blame.
type localError struct{ err error }

func (e *localError) Error() string { return e.err.Error() }

func (e *localError) Unwrap() error { return e.err }

type localReader struct{ from io.Reader }

func (r *localReader) Read(p []byte) (int, error) {
	n, err := r.from.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = &localError{err}
	}
	return n, err
}

type localWriter struct{ to io.Writer }

func (w *localWriter) Write(p []byte) (int, error) {
	n, err := w.to.Write(p)
	if err != nil {
		err = &localError{err}
	}
	return n, err
}
