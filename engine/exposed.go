package engine

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/servicepack/svp/engine/driver"
	"github.com/servicepack/svp/engine/plan"
)

// Exposed is a text that everybody can read who may use the container host.
type Exposed struct {
	Where string // "the log of container svp-shop"
	Text  []byte
}

// ContainerName is the container in which an instance of that name is set up, and
// in which its only component, or none of several, runs.
func ContainerName(instance string) string { return plan.ContainerName(instance) }

// Exposed gives what the host tells about an instance: its containers, their logs,
// its image and the base image, with their histories.
func (e *Engine) Exposed(ctx context.Context, name string) ([]Exposed, error) {
	texts, err := e.exposed(ctx, name)
	return texts, fail("look at", name, causeOf(ctx, err))
}

func (e *Engine) exposed(ctx context.Context, name string) ([]Exposed, error) {
	found, err := e.lookUp(ctx, name)
	if err != nil {
		return nil, err
	}
	d, err := e.driver(ctx)
	if err != nil {
		return nil, err
	}
	var texts []Exposed
	for _, container := range found.containers {
		text, err := d.ContainerText(ctx, container.ID)
		if err != nil {
			return nil, err
		}
		var log bytes.Buffer
		if err := d.Logs(ctx, container.ID, driver.LogOptions{}, &log, &log); err != nil {
			return nil, err
		}
		texts = append(texts,
			Exposed{"what the host tells about container " + container.Name, text},
			Exposed{"the log of container " + container.Name, log.Bytes()})
	}
	for _, image := range []struct{ kind, id string }{
		{"instance", found.image.ID}, {"base", found.image.Labels[driver.LabelBaseImage]},
	} {
		text, err := d.ImageText(ctx, image.id)
		if err != nil {
			return nil, err
		}
		texts = append(texts, Exposed{"what the host tells about the " + image.kind + " image", text})
	}
	return texts, nil
}

// Files gives all files of a container, those of its volumes included, as a tar
// stream that the caller closes.
func (e *Engine) Files(ctx context.Context, target Target) (io.ReadCloser, error) {
	stream, err := e.files(ctx, target)
	return stream, fail("read the files of", target.String(), causeOf(ctx, err))
}

func (e *Engine) files(ctx context.Context, target Target) (io.ReadCloser, error) {
	d, err := e.driver(ctx)
	if err != nil {
		return nil, err
	}
	container, err := e.resolve(ctx, target)
	if err != nil {
		return nil, err
	}
	return d.CopyFrom(ctx, container.ID, "/")
}

// ImageFiles gives all files of an image, as Files does.
func (e *Engine) ImageFiles(ctx context.Context, image string) (io.ReadCloser, error) {
	stream, err := e.imageFiles(ctx, image)
	return stream, fail("read the files of image", image, causeOf(ctx, err))
}

func (e *Engine) imageFiles(ctx context.Context, image string) (io.ReadCloser, error) {
	d, err := e.driver(ctx)
	if err != nil {
		return nil, err
	}
	operation, err := e.newOperation(ctx, 0)
	if err != nil {
		return nil, err
	}
	scratch, err := e.createScratch(ctx, "", image, driver.RoleScratch, operation)
	if err != nil {
		return nil, err
	}
	stream, err := d.CopyFrom(ctx, scratch, "/")
	if err != nil {
		return nil, e.removeAfter(ctx, scratch, err)
	}
	return &scratchFiles{ReadCloser: stream, remove: func() error { return e.removeAfter(ctx, scratch, nil) }}, nil
}

// scratchFiles are the files of a container that goes when they have been read.
type scratchFiles struct {
	io.ReadCloser
	remove func() error
}

// Close ends the stream and removes the container.
func (f *scratchFiles) Close() error {
	return errors.Join(f.ReadCloser.Close(), f.remove())
}

// BaseSize is how much room a base image takes.
type BaseSize struct {
	Bytes   int64 // all of it
	OSBytes int64 // of that, the image of the operating system
}

// BaseSize tells how much room a base image takes on the host.
func (e *Engine) BaseSize(ctx context.Context, image string) (BaseSize, error) {
	size, err := e.baseSize(ctx, image)
	return size, fail("measure image", image, causeOf(ctx, err))
}

func (e *Engine) baseSize(ctx context.Context, image string) (BaseSize, error) {
	base, err := e.findBase(ctx, image)
	if err != nil {
		return BaseSize{}, err
	}
	d, err := e.driver(ctx)
	if err != nil {
		return BaseSize{}, err
	}
	below, err := d.Image(ctx, base.Labels[driver.LabelOSImage])
	if err != nil {
		return BaseSize{}, err
	}
	return BaseSize{Bytes: base.Size, OSBytes: below.Size}, nil
}
