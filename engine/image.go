package engine

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/servicepack/svp/engine/archive"
	"github.com/servicepack/svp/engine/driver"
	"github.com/servicepack/svp/engine/envvar"
)

// imageBuild is one image to be made by a script in a container.
type imageBuild struct {
	phase, subject string
	script         string // as errors name it
	container      driver.ContainerSpec
	commit         driver.CommitSpec
	files          []archive.Entry
	input          []byte // what the script is sent
	authorities    *caVolume
	dependencies   *dependencyVolume // nil: there are none
	hidden         envvar.Set        // what may not appear in the output
}

// buildImage creates the container, gives it its files, runs it to its end,
// commits it and removes it, whatever happens. It returns the image's id.
func (e *Engine) buildImage(ctx context.Context, build imageBuild) (image string, err error) {
	d, err := e.driver(ctx)
	if err != nil {
		return "", err
	}
	id, err := d.CreateContainer(ctx, build.container)
	if err != nil {
		return "", err
	}
	defer func() { err = e.removeAfter(ctx, id, err) }()
	step := e.beginPhase(build.phase, build.subject, build.hidden)
	defer func() { err = step.end(causeOf(ctx, err)) }()
	if len(build.files) > 0 {
		if err := e.copyIn(ctx, id, build.files); err != nil {
			return "", err
		}
	}
	if err := build.authorities.copyIn(ctx, id); err != nil {
		return "", err
	}
	if build.dependencies != nil {
		if err := build.dependencies.fill(ctx); err != nil {
			return "", err
		}
	}
	exit, err := e.runToEnd(ctx, id, build.input, step)
	if err != nil {
		return "", err
	}
	if exit.Code != 0 {
		return "", &ScriptError{Script: build.script, Status: exit.Code, OutOfMemory: exit.OutOfMemory}
	}
	return e.commitNamed(ctx, id, build.commit)
}

// commitNamed makes an image of the container and then gives it its name. The host
// finishes a commit that nobody waits for, and an interrupted build names nothing.
func (e *Engine) commitNamed(ctx context.Context, container string, spec driver.CommitSpec) (string, error) {
	d, err := e.driver(ctx)
	if err != nil {
		return "", err
	}
	reference := spec.Reference
	spec.Reference = ""
	image, err := d.Commit(context.WithoutCancel(ctx), container, spec)
	if err != nil {
		return "", err
	}
	if reference == "" {
		return image, nil
	}
	if err := d.TagImage(ctx, image, reference); err != nil {
		return "", errors.Join(err, e.discardImage(ctx, image))
	}
	return image, nil
}

// discardImage removes an image that is of no use, also when the operation's
// context has ended.
func (e *Engine) discardImage(ctx context.Context, image string) error {
	d, err := e.driver(ctx)
	if err != nil {
		return err
	}
	cleanup, cancel := cleanupContext(ctx)
	defer cancel()
	return d.RemoveImage(cleanup, image)
}

// removeAfter removes a container when an operation is over, also when its
// context has ended. The operation's own error comes first.
func (e *Engine) removeAfter(ctx context.Context, container string, err error) error {
	d, driverErr := e.driver(ctx)
	if driverErr != nil {
		return driverErr
	}
	cleanup, cancel := cleanupContext(ctx)
	defer cancel()
	if removeErr := d.RemoveContainer(cleanup, container); removeErr != nil {
		if err == nil {
			return removeErr
		}
		e.warn(fmt.Sprintf("a container is left behind, svp gc removes it: %v", removeErr))
	}
	return err
}

// runToEnd starts the container, sends it the input, follows its output and waits
// for its end.
func (e *Engine) runToEnd(ctx context.Context, container string, input []byte, output *phase) (driver.Exit, error) {
	d, err := e.driver(ctx)
	if err != nil {
		return driver.Exit{}, err
	}
	attachment, err := d.Attach(ctx, container)
	if err != nil {
		return driver.Exit{}, err
	}
	defer attachment.Close()
	exits, err := d.WaitExit(ctx, container)
	if err != nil {
		return driver.Exit{}, err
	}
	copied, stop := follow(attachment, output, output)
	defer stop()
	delivered := deliver(attachment, input)
	if err := d.StartContainer(ctx, container); err != nil {
		return driver.Exit{}, err
	}
	exit := <-exits
	if exit.Err != nil {
		return exit, exit.Err
	}
	if err := delivered.failure(exit); err != nil {
		return exit, err
	}
	// The rest of the output arrives after the end.
	return exit, <-copied
}

// delivery is what becomes of what is sent to a container: an error, or nil.
type delivery <-chan error

// deliver writes to a container's input while it starts: more than the connection
// holds is taken only when it runs.
func deliver(attachment driver.Attachment, input []byte) delivery {
	sent := make(chan error, 1)
	go func() {
		_, err := attachment.Write(input)
		sent <- err
	}()
	return sent
}

// failure tells why a container has failed that did not get all that was sent.
func (d delivery) failure(exit driver.Exit) error {
	select {
	case err := <-d:
		if err != nil {
			return fmt.Errorf("send the environment to the container, which ended with status %d: %w", exit.Code, err)
		}
	default:
	}
	return nil
}

// follow copies what a container writes until its output ends, or until stop is
// called; then nothing is written any more.
func follow(attachment driver.Attachment, stdout, stderr io.Writer) (copied <-chan error, stop func()) {
	result, ended := make(chan error, 1), make(chan struct{})
	go func() {
		defer close(ended)
		result <- attachment.Output(stdout, stderr)
	}()
	return result, func() {
		_ = attachment.Close() // what it has to say, Output says too
		<-ended
	}
}
