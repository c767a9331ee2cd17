package cli

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/term"
)

// passwordReader is a terminal that a password can be typed at.
type passwordReader interface {
	// ReadPassword reads a line that is not shown.
	ReadPassword() ([]byte, error)
	// Save notes how the terminal is; restore makes it so again.
	Save() (restore func())
}

// errNoTerminal tells that nobody can be asked.
var errNoTerminal = errors.New("there is no terminal to ask for a password")

// askPassword asks the person at the terminal for one line. Ctrl-C ends svp as
// elsewhere, and the terminal is as before.
func (w *wiring) askPassword(ctx context.Context, prompt string) (string, error) {
	reader, ok := w.streams.terminal.(passwordReader)
	if !ok || !w.streams.InTerminal {
		return "", errNoTerminal
	}
	defer reader.Save()()
	fmt.Fprint(w.streams.Err, prompt)
	defer fmt.Fprintln(w.streams.Err)
	type answer struct {
		text []byte
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		text, err := reader.ReadPassword()
		answers <- answer{text, err}
	}()
	select {
	case got := <-answers:
		return string(got.text), got.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// ReadPassword implements passwordReader.
func (t systemTerminal) ReadPassword() ([]byte, error) { return term.ReadPassword(descriptor(t.in)) }

// Save implements passwordReader.
func (t systemTerminal) Save() (restore func()) {
	fd := descriptor(t.in)
	before, err := term.GetState(fd)
	if err != nil {
		return func() {}
	}
	return func() { _ = term.Restore(fd, before) } // nothing is left to be done where it fails
}
