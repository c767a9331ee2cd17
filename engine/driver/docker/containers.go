package docker

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"

	"github.com/servicepack/svp/engine/driver"
)

// Container returns the container.
func (d *Driver) Container(ctx context.Context, name string) (driver.Container, error) {
	inspect, err := d.client.ContainerInspect(ctx, name)
	if err != nil {
		return driver.Container{}, fmt.Errorf("container %s: %w", name, mapError(ctx, err))
	}
	found := driver.Container{
		ID: inspect.ID, Name: strings.TrimPrefix(inspect.Name, "/"), Image: imageID(inspect.Image),
		Labels: inspect.Config.Labels, State: state(inspect.State.Status), ExitCode: inspect.State.ExitCode,
		Process: inspect.State.Pid, Restarts: inspect.RestartCount,
	}
	// An engine leaves the zero time, or a text that is none, where nothing happened yet.
	found.Created, _ = time.Parse(time.RFC3339Nano, inspect.Created)
	found.Started, _ = time.Parse(time.RFC3339Nano, inspect.State.StartedAt)
	if inspect.NetworkSettings != nil {
		for _, endpoint := range inspect.NetworkSettings.Networks {
			if address := endpointAddress(endpoint); address.IsValid() {
				found.Address = address
			}
		}
	}
	if inspect.HostConfig != nil {
		found.Published = publishedPorts(inspect.HostConfig.PortBindings)
	}
	return found, nil
}

// ContainerText is what `docker inspect` shows.
func (d *Driver) ContainerText(ctx context.Context, name string) ([]byte, error) {
	_, text, err := d.client.ContainerInspectWithRaw(ctx, name, false)
	if err != nil {
		return nil, fmt.Errorf("container %s: %w", name, mapError(ctx, err))
	}
	return text, nil
}

// Containers lists the containers that carry all the labels. Exit codes, times
// of start, restarts and processes are only known to Container.
func (d *Driver) Containers(ctx context.Context, labels driver.Labels) ([]driver.Container, error) {
	summaries, err := steadily(ctx, func() ([]container.Summary, error) {
		return d.client.ContainerList(ctx, container.ListOptions{All: true, Filters: labelFilters(labels)})
	})
	if err != nil {
		return nil, fmt.Errorf("list containers: %w", mapError(ctx, err))
	}
	containers := make([]driver.Container, 0, len(summaries))
	for _, summary := range summaries {
		containers = append(containers, fromSummary(summary))
	}
	return containers, nil
}

func fromSummary(summary container.Summary) driver.Container {
	found := driver.Container{
		ID: summary.ID, Image: imageID(summary.ImageID), Labels: summary.Labels,
		State: state(summary.State), Created: time.Unix(summary.Created, 0),
	}
	if len(summary.Names) > 0 {
		found.Name = strings.TrimPrefix(summary.Names[0], "/")
	}
	if summary.NetworkSettings != nil {
		for _, endpoint := range summary.NetworkSettings.Networks {
			if address := endpointAddress(endpoint); address.IsValid() {
				found.Address = address
			}
		}
	}
	for _, port := range summary.Ports {
		if port.PublicPort == 0 {
			continue
		}
		found.Published = append(found.Published, driver.PublishedPort{
			HostIP: port.IP, HostPort: int(port.PublicPort),
			Container: driver.Port{Number: int(port.PrivatePort), Protocol: port.Type},
		})
	}
	return found
}

func state(status string) driver.ContainerState {
	switch status {
	case "created", "configured", "initialized":
		return driver.Created
	case "running":
		return driver.Running
	case "restarting":
		return driver.Restarting
	case "paused":
		return driver.Paused
	default:
		return driver.Exited
	}
}

// CreateContainer makes a container.
func (d *Driver) CreateContainer(ctx context.Context, spec driver.ContainerSpec) (string, error) {
	config, host, networking := containerConfig(spec)
	podman, err := d.isPodman(ctx)
	if err != nil {
		return "", fmt.Errorf("create container %s: %w", spec.Name, err)
	}
	patient, cancel, err := seenThrough(ctx)
	if err != nil {
		return "", fmt.Errorf("create container %s: %w", spec.Name, err)
	}
	defer cancel()
	var created container.CreateResponse
	if podman {
		created, err = d.createInPodman(patient, spec, config, host, networking)
	} else {
		created, err = d.client.ContainerCreate(patient, config, host, networking, nil, spec.Name)
	}
	if err != nil {
		if strings.Contains(err.Error(), "storage-opt") {
			err = join(driver.ErrUnsupported, err)
		}
		if strings.Contains(err.Error(), "is already in use") {
			err = join(driver.ErrNameInUse, err)
		}
		return "", fmt.Errorf("create container %s: %w", spec.Name, conflictAs(patient, driver.ErrNameInUse, withImageGone(err)))
	}
	return created.ID, nil
}

// CopyTo unpacks a tar stream in the container.
func (d *Driver) CopyTo(ctx context.Context, name, path string, content io.Reader) error {
	if err := d.client.CopyToContainer(ctx, name, path, content, container.CopyToContainerOptions{}); err != nil {
		return fmt.Errorf("copy files to container: %w", mapError(ctx, err))
	}
	return nil
}

// CopyFrom returns a tar stream of the path in the container.
func (d *Driver) CopyFrom(ctx context.Context, name, path string) (io.ReadCloser, error) {
	stream, err := retry(ctx, endedWhileRead, func() (io.ReadCloser, error) {
		stream, _, err := d.client.CopyFromContainer(ctx, name, path)
		return stream, err
	})
	if err != nil {
		return nil, fmt.Errorf("copy %s from container: %w", path, mapError(ctx, err))
	}
	return stream, nil
}

// StartContainer starts the container.
func (d *Driver) StartContainer(ctx context.Context, name string) error {
	if err := d.client.ContainerStart(ctx, name, container.StartOptions{}); err != nil {
		return fmt.Errorf("start container: %w", mapError(ctx, err))
	}
	return nil
}

// StopContainer asks the container to end and kills it after the grace period.
func (d *Driver) StopContainer(ctx context.Context, name string, grace time.Duration) error {
	seconds := int(grace.Round(time.Second).Seconds())
	stop := func() error { return d.client.ContainerStop(ctx, name, container.StopOptions{Timeout: &seconds}) }
	err := stop()
	if err != nil && d.isPaused(ctx, name) {
		// Podman does not stop what is paused.
		if err = d.client.ContainerUnpause(ctx, name); err == nil {
			err = stop()
		}
	}
	if err != nil {
		return fmt.Errorf("stop container: %w", mapError(ctx, err))
	}
	return nil
}

func (d *Driver) isPaused(ctx context.Context, name string) bool {
	inspect, err := d.client.ContainerInspect(ctx, name)
	return err == nil && inspect.State != nil && inspect.State.Paused
}

// UnpauseContainer lets a paused container go on.
func (d *Driver) UnpauseContainer(ctx context.Context, name string) error {
	if err := d.client.ContainerUnpause(ctx, name); err != nil {
		return fmt.Errorf("unpause container: %w", mapError(ctx, err))
	}
	return nil
}

// RemoveContainer kills and removes the container. It returns when the
// container's name is free, also when somebody else is removing it.
func (d *Driver) RemoveContainer(ctx context.Context, name string) error {
	d.kill(ctx, name)
	err := d.removeUnread(ctx, name)
	for err != nil && strings.Contains(err.Error(), "is already in progress") {
		select {
		case <-ctx.Done():
			return fmt.Errorf("remove container: %w", ctx.Err())
		case <-time.After(20 * time.Millisecond):
			err = d.removeUnread(ctx, name)
		}
	}
	if err = ignoreAbsent(err); err != nil {
		return fmt.Errorf("remove container: %w", mapError(ctx, err))
	}
	return nil
}

// removeUnread tries again while the removal fails because somebody is just copying
// a file out of the container.
func (d *Driver) removeUnread(ctx context.Context, name string) error {
	isRead := func(err error) bool {
		return err != nil && strings.Contains(err.Error(), "failed to remove root filesystem")
	}
	_, err := retry(ctx, isRead, func() (struct{}, error) {
		return struct{}{}, d.client.ContainerRemove(ctx, name, container.RemoveOptions{Force: true, RemoveVolumes: true})
	})
	return err
}

// KeepRunning lets the engine restart the container when it ends.
func (d *Driver) KeepRunning(ctx context.Context, name string) error {
	_, err := retry(ctx, justEnded, func() (container.UpdateResponse, error) {
		return d.client.ContainerUpdate(ctx, name, container.UpdateConfig{
			RestartPolicy: container.RestartPolicy{Name: container.RestartPolicyUnlessStopped},
		})
	})
	if errdefs.IsNotFound(err) {
		// Before its version 5, Podman only settles this when it makes the container.
		if podman, kindErr := d.isPodman(ctx); kindErr == nil && podman {
			return nil
		}
	}
	if err != nil {
		return fmt.Errorf("set restart policy: %w", mapError(ctx, err))
	}
	return nil
}

// WaitExit waits for the next end of the container.
func (d *Driver) WaitExit(ctx context.Context, name string) (<-chan driver.Exit, error) {
	results, failures := d.client.ContainerWait(ctx, name, container.WaitConditionNextExit)
	exits := make(chan driver.Exit, 1)
	go func() {
		defer close(exits)
		select {
		case result := <-results:
			exits <- driver.Exit{Code: int(result.StatusCode), OutOfMemory: d.outOfMemory(ctx, name)}
		case err := <-failures:
			exits <- driver.Exit{Code: -1, Err: fmt.Errorf("wait for container: %w", mapError(ctx, err))}
		}
	}()
	return exits, nil
}

func (d *Driver) outOfMemory(ctx context.Context, name string) bool {
	inspect, err := d.client.ContainerInspect(ctx, name)
	return err == nil && inspect.State != nil && inspect.State.OOMKilled
}

// Logs copies the container's output to the writers.
func (d *Driver) Logs(ctx context.Context, name string, options driver.LogOptions, stdout, stderr io.Writer) error {
	request := container.LogsOptions{
		ShowStdout: true, ShowStderr: true, Follow: options.Follow, Timestamps: options.Timestamps,
	}
	if options.Tail != 0 {
		request.Tail = fmt.Sprint(max(options.Tail, 0))
	}
	if !options.Since.IsZero() {
		request.Since = options.Since.Format(time.RFC3339Nano)
	}
	stream, err := d.client.ContainerLogs(ctx, name, request)
	if err != nil {
		return fmt.Errorf("logs of container: %w", mapError(ctx, err))
	}
	defer stream.Close()
	if _, err := stdcopy.StdCopy(stdout, stderr, stream); err != nil {
		return fmt.Errorf("logs of container: %w", mapError(ctx, err))
	}
	return nil
}

// Commit makes an image of the container's file system. The container is not
// paused: svp commits only what has come to rest.
func (d *Driver) Commit(ctx context.Context, name string, spec driver.CommitSpec) (string, error) {
	changes, err := d.commitChanges(ctx, spec)
	if err != nil {
		return "", fmt.Errorf("commit container: %w", err)
	}
	response, err := d.client.ContainerCommit(ctx, name, container.CommitOptions{
		Reference: spec.Reference, Comment: spec.Comment, Pause: false, Changes: changes,
		Config: &container.Config{
			Entrypoint: spec.Entrypoint, Cmd: spec.Command, WorkingDir: spec.WorkingDir,
			ExposedPorts: exposed(spec.Expose), Labels: spec.Labels,
		},
	})
	if err != nil {
		return "", fmt.Errorf("commit container: %w", mapError(ctx, withImageGone(err)))
	}
	return imageID(response.ID), nil
}

// Attach connects to the streams of a container that does not run yet.
func (d *Driver) Attach(ctx context.Context, name string) (driver.Attachment, error) {
	stream, err := d.client.ContainerAttach(ctx, name, container.AttachOptions{
		Stream: true, Stdin: true, Stdout: true, Stderr: true,
	})
	if err != nil {
		return nil, fmt.Errorf("attach to container: %w", mapError(ctx, d.whyNotAttached(ctx, name, err)))
	}
	return &attachment{stream}, nil
}
