package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"sync/atomic"
	"syscall"

	"golang.org/x/term"

	"github.com/servicepack/svp/engine/driver"
)

// Streams are what svp reads and writes, and whether a person sits there.
type Streams struct {
	In  io.Reader
	Out io.Writer
	Err io.Writer

	InTerminal, OutTerminal, ErrTerminal bool

	terminal terminal
}

// terminal is the person's terminal.
type terminal interface {
	// Raw passes every key on, Ctrl-C too, until restore is called.
	Raw() (restore func() error, err error)
	Size() driver.WindowSize
	// Resizes yields each new size until the context ends.
	Resizes(ctx context.Context) <-chan driver.WindowSize
}

// SystemStreams are the streams of a process.
func SystemStreams(in, out, errOut *os.File) *Streams {
	return &Streams{
		In: in, Out: &pipe{to: out}, Err: errOut,
		InTerminal: isTerminal(in), OutTerminal: isTerminal(out), ErrTerminal: isTerminal(errOut),
		terminal: systemTerminal{in: in, out: out},
	}
}

// pipe remembers that its reader is gone.
type pipe struct {
	to     io.Writer
	broken atomic.Bool
}

func (p *pipe) Write(data []byte) (int, error) {
	n, err := p.to.Write(data)
	if errors.Is(err, syscall.EPIPE) {
		p.broken.Store(true)
	}
	return n, err
}

// outIsBroken tells that nobody reads the results any more.
func (s *Streams) outIsBroken() bool {
	out, ok := s.Out.(*pipe)
	return ok && out.broken.Load()
}

func isTerminal(file *os.File) bool { return term.IsTerminal(descriptor(file)) }

// descriptor is the number of an open file, which fits an int everywhere.
func descriptor(file *os.File) int { return int(file.Fd()) }

// TestStreams are streams without a terminal; the buffers get what is written.
func TestStreams(in string) (streams *Streams, out, errOut *bytes.Buffer) {
	out, errOut = &bytes.Buffer{}, &bytes.Buffer{}
	return &Streams{In: bytes.NewBufferString(in), Out: out, Err: errOut}, out, errOut
}

// interactive tells that a person can talk with a program.
func (s *Streams) interactive() bool { return s.InTerminal && s.OutTerminal && s.terminal != nil }

// systemTerminal is the terminal of this process.
type systemTerminal struct{ in, out *os.File }

func (t systemTerminal) Raw() (restore func() error, err error) {
	fd := descriptor(t.in)
	before, err := term.MakeRaw(fd)
	if err != nil {
		return nil, err
	}
	return func() error { return term.Restore(fd, before) }, nil
}

func (t systemTerminal) Size() driver.WindowSize {
	columns, rows, err := term.GetSize(descriptor(t.out))
	if err != nil || columns <= 0 || rows <= 0 {
		return driver.WindowSize{Rows: 24, Columns: 80}
	}
	return driver.WindowSize{Rows: uint(rows), Columns: uint(columns)}
}

func (t systemTerminal) Resizes(ctx context.Context) <-chan driver.WindowSize {
	sizes := make(chan driver.WindowSize)
	go func() {
		defer close(sizes)
		for range windowChanges(ctx) {
			select {
			case sizes <- t.Size():
			case <-ctx.Done():
				return
			}
		}
	}()
	return sizes
}
