package main

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/volume"
	"github.com/docker/docker/client"
	"github.com/docker/docker/pkg/stdcopy"
)

// floor does svp's work with the calls that it takes, and nothing else: it looks
// at nothing, checks nothing and tells nobody. It serves one operation, as a
// program would, with a connection of its own.
type floor struct {
	docker  *client.Client
	labels  map[string]string
	network string
	volumes []string // made
	made    []string // containers
}

// operate measures one operation, and then removes its containers and volumes.
func (b *bench) operate(ctx context.Context, operation func(*floor) error) (took time.Duration, err error) {
	f := &floor{labels: b.labels(), network: b.network}
	defer func() { err = errors.Join(err, b.removeFloor(ctx, f)) }()
	return timed(func() (err error) {
		if f.docker, err = newClient(); err != nil {
			return err
		}
		defer f.docker.Close()
		return operation(f)
	})
}

func newClient() (*client.Client, error) {
	return client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation())
}

func (b *bench) removeFloor(ctx context.Context, f *floor) error {
	ctx, cancel := cleanupContext(ctx)
	defer cancel()
	var errs []error
	for _, id := range f.made {
		errs = append(errs, b.removeContainer(ctx, id))
	}
	for _, name := range f.volumes {
		errs = append(errs, b.removeVolume(ctx, name))
	}
	return errors.Join(errs...)
}

func (f *floor) createVolume(ctx context.Context, name string) error {
	_, err := f.docker.VolumeCreate(ctx, volume.CreateOptions{Name: name, Labels: f.labels})
	return err
}

// create makes a container and puts the files into it, if there are any.
func (f *floor) create(ctx context.Context, config *container.Config, host *container.HostConfig, files *bytes.Buffer) (string, error) {
	config.Labels, config.WorkingDir = f.labels, "/service"
	created, err := f.docker.ContainerCreate(ctx, config, host, nil, nil, "")
	if err != nil {
		return "", err
	}
	if files == nil {
		return created.ID, nil
	}
	return created.ID, f.docker.CopyToContainer(ctx, created.ID, "/", files, container.CopyToContainerOptions{})
}

// runToEnd runs the container, sends it the input, reads what it writes, and
// returns when it ends.
func (f *floor) runToEnd(ctx context.Context, id, input string) error {
	stream, err := f.attach(ctx, id)
	if err != nil {
		return err
	}
	defer stream.Close()
	results, failures := f.docker.ContainerWait(ctx, id, container.WaitConditionNextExit)
	var output bytes.Buffer
	copied := make(chan error, 1)
	go func() {
		_, err := stdcopy.StdCopy(&output, &output, stream.Reader)
		copied <- err
	}()
	if _, err := io.WriteString(stream.Conn, input); err != nil {
		return err
	}
	if err := f.docker.ContainerStart(ctx, id, container.StartOptions{}); err != nil {
		return err
	}
	select {
	case err := <-failures:
		return err
	case result := <-results:
		if err := <-copied; err != nil {
			return err
		}
		if result.StatusCode != 0 {
			return fmt.Errorf("exit status %d: %s", result.StatusCode, lastLines(output.String()))
		}
		return nil
	}
}

func (f *floor) attach(ctx context.Context, id string) (types.HijackedResponse, error) {
	return f.docker.ContainerAttach(ctx, id, container.AttachOptions{Stream: true, Stdin: true, Stdout: true, Stderr: true})
}

// commit makes an image that is run as svp's are.
func (f *floor) commit(ctx context.Context, id, reference string) error {
	_, err := f.docker.ContainerCommit(ctx, id, container.CommitOptions{
		Reference: reference,
		Config: &container.Config{
			Entrypoint: []string{"/bin/sh", entrypointPath}, Cmd: []string{"bin/run"}, WorkingDir: "/service", Labels: f.labels,
		},
	})
	return err
}

func (f *floor) remove(ctx context.Context, id string) error {
	return f.docker.ContainerRemove(ctx, id, container.RemoveOptions{Force: true, RemoveVolumes: true})
}

// exec runs a command in the container and returns its exit status.
func (f *floor) exec(ctx context.Context, id string, command []string) (int, error) {
	created, err := f.docker.ContainerExecCreate(ctx, id, container.ExecOptions{
		Cmd: command, AttachStdout: true, AttachStderr: true,
	})
	if err != nil {
		return 0, err
	}
	stream, err := f.docker.ContainerExecAttach(ctx, created.ID, container.ExecAttachOptions{})
	if err != nil {
		return 0, err
	}
	defer stream.Close()
	if _, err := stdcopy.StdCopy(io.Discard, io.Discard, stream.Reader); err != nil {
		return 0, err
	}
	ended, err := f.docker.ContainerExecInspect(ctx, created.ID)
	return ended.ExitCode, err
}

// unchanged is how a program finds out that there is nothing to build.
func (f *floor) unchanged(ctx context.Context, p pack, label string) error {
	if _, err := f.docker.ImageInspect(ctx, p.os); err != nil {
		return err
	}
	_, err := f.docker.ImageList(ctx, image.ListOptions{Filters: labelled(label)})
	return err
}

// file is one that goes into a container.
type file struct {
	path, content string
	mode          int64
}

func archive(files ...file) (*bytes.Buffer, error) {
	var content bytes.Buffer
	archive := tar.NewWriter(&content)
	for _, f := range files {
		header := &tar.Header{Name: f.path, Mode: f.mode, Size: int64(len(f.content)), Typeflag: tar.TypeReg}
		if err := archive.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := io.WriteString(archive, f.content); err != nil {
			return nil, err
		}
	}
	return &content, archive.Close()
}
