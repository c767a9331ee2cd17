package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/servicepack/svp/engine/driver"
)

// LogsOptions say what logs to show.
type LogsOptions struct {
	Name       string
	Component  string // empty: all, each line with its component's name
	Follow     bool
	Tail       int       // last lines of each component; 0 means all, a negative number none
	Since      time.Time // zero: from the beginning
	Timestamps bool
}

// Logs copies what the instance's processes wrote.
func (e *Engine) Logs(ctx context.Context, o LogsOptions, stdout, stderr io.Writer) error {
	return fail("logs", o.Name, causeOf(ctx, e.logs(ctx, o, stdout, stderr)))
}

func (e *Engine) logs(ctx context.Context, o LogsOptions, stdout, stderr io.Writer) error {
	found, err := e.lookUp(ctx, o.Name)
	if err != nil {
		return err
	}
	services := found.services()
	if len(services) == 0 {
		return fmt.Errorf("%w: it is %s, and its containers' logs are gone with them", ErrNotRunning, found.state())
	}
	if o.Component != "" {
		chosen, err := found.component(o.Component)
		if err != nil {
			return err
		}
		services = []driver.Container{chosen}
	}
	d, err := e.driver(ctx)
	if err != nil {
		return err
	}
	options := driver.LogOptions{Follow: o.Follow, Tail: o.Tail, Since: o.Since, Timestamps: o.Timestamps}
	if len(services) == 1 {
		return d.Logs(ctx, services[0].ID, options, stdout, stderr)
	}
	var mu sync.Mutex
	tasks := make([]func() error, 0, len(services))
	for _, container := range services {
		name := container.Labels[driver.LabelComponent]
		out, errs := &prefixWriter{out: stdout, prefix: name, mu: &mu}, &prefixWriter{out: stderr, prefix: name, mu: &mu}
		tasks = append(tasks, func() error {
			err := d.Logs(ctx, container.ID, options, out, errs)
			return errors.Join(err, out.flush(), errs.flush())
		})
	}
	return parallel(tasks...)
}

// prefixWriter writes whole lines, each with the name of who wrote it.
type prefixWriter struct {
	out    io.Writer
	prefix string
	mu     *sync.Mutex // of all who write to out
	held   bytes.Buffer
}

func (w *prefixWriter) Write(p []byte) (int, error) {
	w.held.Write(p)
	for {
		line, err := w.held.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			w.held.Write(line)
			return len(p), nil
		}
		if err := w.write(line); err != nil {
			return 0, err
		}
	}
}

func (w *prefixWriter) write(line []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, err := fmt.Fprintf(w.out, "%s | %s", w.prefix, line)
	return err
}

func (w *prefixWriter) flush() error {
	if w.held.Len() == 0 {
		return nil
	}
	return w.write(append(w.held.Bytes(), '\n'))
}
