package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"

	"github.com/servicepack/svp/engine/driver"
)

// attachment is a hijacked connection to a container.
type attachment struct{ stream types.HijackedResponse }

func (a *attachment) Output(stdout, stderr io.Writer) error {
	_, err := stdcopy.StdCopy(stdout, stderr, a.stream.Reader)
	if err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("read the container's output: %w", err)
	}
	return nil
}

func (a *attachment) Write(p []byte) (int, error) {
	n, err := a.stream.Conn.Write(p)
	if err != nil {
		return n, fmt.Errorf("write to the container: %w", err)
	}
	return n, nil
}

func (a *attachment) CloseInput() error {
	if err := a.stream.CloseWrite(); err != nil {
		return fmt.Errorf("close the container's input: %w", err)
	}
	return nil
}

func (a *attachment) Close() error {
	a.stream.Close()
	return nil
}

// Exec runs a command in the running container.
func (d *Driver) Exec(ctx context.Context, name string, spec driver.ExecSpec) (int, error) {
	created, err := d.client.ContainerExecCreate(ctx, name, execOptions(spec))
	if err != nil {
		return -1, fmt.Errorf("exec in container: %w", mapError(ctx, err))
	}
	start := container.ExecAttachOptions{Tty: spec.Terminal != nil}
	if spec.Terminal != nil {
		start.ConsoleSize = consoleSize(spec.Terminal.Size)
	}
	stream, err := d.client.ContainerExecAttach(ctx, created.ID, start)
	if err != nil {
		return -1, fmt.Errorf("exec in container: %w", mapError(ctx, err))
	}
	defer stream.Close()
	// Reading from the connection does not end with the context by itself.
	stop := context.AfterFunc(ctx, stream.Close)
	defer stop()

	if spec.Terminal != nil {
		resizeCtx, cancel := context.WithCancel(ctx)
		defer cancel()
		go d.followResizes(resizeCtx, created.ID, spec.Terminal)
	}
	go sendInput(stream, spec.Stdin)
	if err := receiveOutput(stream, spec); err != nil {
		return -1, fmt.Errorf("exec in container: %w", mapError(ctx, err))
	}
	return d.exitStatus(ctx, created.ID)
}

// exitStatus waits for the status, which Podman knows a moment after the end of
// the output.
func (d *Driver) exitStatus(ctx context.Context, execID string) (int, error) {
	for {
		inspect, err := d.client.ContainerExecInspect(ctx, execID)
		if err != nil {
			return -1, fmt.Errorf("exec in container: exit status: %w", mapError(ctx, err))
		}
		if !inspect.Running {
			return inspect.ExitCode, nil
		}
		select {
		case <-ctx.Done():
			return -1, fmt.Errorf("exec in container: exit status: %w", ctx.Err())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func execOptions(spec driver.ExecSpec) container.ExecOptions {
	options := container.ExecOptions{
		Cmd: spec.Command, WorkingDir: spec.WorkingDir, AttachStdin: true, AttachStdout: true,
		AttachStderr: spec.Terminal == nil, Tty: spec.Terminal != nil,
	}
	if spec.Terminal != nil {
		options.ConsoleSize = consoleSize(spec.Terminal.Size)
		// Ctrl-P Ctrl-Q belongs to the program, as every other key does.
		options.DetachKeys = "ctrl-@,ctrl-@,ctrl-@,ctrl-@"
	}
	return options
}

func consoleSize(size driver.WindowSize) *[2]uint {
	if size.Rows == 0 || size.Columns == 0 {
		return nil
	}
	return &[2]uint{size.Rows, size.Columns}
}

// followResizes tells the engine the first size too: engines before API 1.42
// do not take it when the command starts.
func (d *Driver) followResizes(ctx context.Context, execID string, terminal *driver.Terminal) {
	size := terminal.Size
	for {
		if size.Rows > 0 && size.Columns > 0 {
			// A command that has ended has no size any more.
			_ = d.client.ContainerExecResize(ctx, execID, container.ResizeOptions{Height: size.Rows, Width: size.Columns})
		}
		select {
		case <-ctx.Done():
			return
		case next, ok := <-terminal.Resizes:
			if !ok {
				return
			}
			size = next
		}
	}
}

// sendInput ends with its source, or with the connection at the next write.
func sendInput(stream types.HijackedResponse, stdin io.Reader) {
	if stdin != nil {
		// The command's exit status tells what it made of a broken input.
		_, _ = io.Copy(stream.Conn, stdin)
	}
	_ = stream.CloseWrite()
}

func receiveOutput(stream types.HijackedResponse, spec driver.ExecSpec) error {
	stdout, stderr := orDiscard(spec.Stdout), orDiscard(spec.Stderr)
	var err error
	if spec.Terminal != nil {
		_, err = io.Copy(stdout, stream.Reader)
	} else {
		_, err = stdcopy.StdCopy(stdout, stderr, stream.Reader)
	}
	if err != nil {
		return fmt.Errorf("copy output: %w", err)
	}
	return nil
}

func orDiscard(w io.Writer) io.Writer {
	if w == nil {
		return io.Discard
	}
	return w
}
