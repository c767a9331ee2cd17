package docker

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"

	"github.com/servicepack/svp/engine/driver"
)

// kind tells Podman, which differs from Docker in a few answers, from Docker.
type kind struct {
	// docker is set when the engine is Docker beyond doubt.
	docker bool

	mu     sync.Mutex
	asked  bool
	podman bool
}

// kindOf looks at the answer to a ping: Docker names its builder there, and
// Podman does not. So Docker is never asked a second question.
func kindOf(ping types.Ping) *kind { return &kind{docker: ping.BuilderVersion != ""} }

// isPodman asks an engine that may be Podman what it is, once and only when it
// matters.
func (d *Driver) isPodman(ctx context.Context) (bool, error) {
	if d.kind.docker {
		return false, nil
	}
	d.kind.mu.Lock()
	defer d.kind.mu.Unlock()
	if d.kind.asked {
		return d.kind.podman, nil
	}
	podman, err := d.answersAsPodman(ctx)
	if err != nil {
		return false, fmt.Errorf("ask the engine what it is: %w", mapError(ctx, err))
	}
	d.kind.asked, d.kind.podman = true, podman
	return podman, nil
}

// answersAsPodman tries Podman's own API, which answers many times faster than
// a question for the version.
func (d *Driver) answersAsPodman(ctx context.Context) (bool, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://podman/libpod/_ping", nil)
	if err != nil {
		return false, err
	}
	dial := d.client.Dialer()
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return false, err
	}
	return response.StatusCode == http.StatusOK, response.Body.Close()
}

// commitChanges gives the configuration of an image in the words of a
// Dockerfile: Podman ignores the configuration of a commit and reads those.
func (d *Driver) commitChanges(ctx context.Context, spec driver.CommitSpec) ([]string, error) {
	podman, err := d.isPodman(ctx)
	if err != nil || !podman {
		return nil, err
	}
	entrypoint, err := jsonArray(spec.Entrypoint)
	if err != nil {
		return nil, err
	}
	command, err := jsonArray(spec.Command)
	if err != nil {
		return nil, err
	}
	changes := []string{"ENTRYPOINT " + entrypoint, "CMD " + command}
	if spec.WorkingDir != "" {
		changes = append(changes, "WORKDIR "+spec.WorkingDir)
	}
	for _, port := range spec.Expose {
		changes = append(changes, "EXPOSE "+string(natPort(port)))
	}
	for _, key := range slices.Sorted(maps.Keys(spec.Labels)) {
		// It takes one pair of quotes off and the rest literally, but cuts a
		// change at its line breaks.
		changes = append(changes, fmt.Sprintf(`LABEL %s="%s"`, key, strings.ReplaceAll(spec.Labels[key], "\n", " ")))
	}
	return changes, nil
}

func jsonArray(words []string) (string, error) {
	if len(words) == 0 {
		return "[]", nil
	}
	encoded, err := json.Marshal(words)
	if err != nil {
		return "", fmt.Errorf("encode a command: %w", err)
	}
	return string(encoded), nil
}

// vanished tells that somebody else removed a thing while Podman looked at it,
// which it takes for a failure of its own.
func vanished(err error) bool {
	if err == nil || errdefs.IsNotFound(err) {
		return false
	}
	text := err.Error()
	return strings.Contains(text, "no such container") || strings.Contains(text, "image not known") ||
		strings.Contains(text, "no such volume")
}

// steadily looks again when something vanished on the way: what concerns many
// things must not fail for one of them.
func steadily[T any](ctx context.Context, look func() (T, error)) (T, error) {
	const attempts = 20
	for attempt := 1; ; attempt++ {
		seen, err := look()
		if !vanished(err) || attempt == attempts {
			return seen, err
		}
		select {
		case <-ctx.Done():
			return seen, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// kill ends a container that is to be removed: Podman would ask it to end, and
// wait for as long as it has to do so. One that was killed by a signal it might
// start again, so it is stopped, without any grace.
func (d *Driver) kill(ctx context.Context, name string) {
	if podman, err := d.isPodman(ctx); err == nil && podman {
		// Why it cannot be ended, the removal tells.
		none := 0
		_ = d.client.ContainerStop(ctx, name, container.StopOptions{Timeout: &none})
	}
}

// settlesRestarts tells that the engine cannot be told later whether to restart
// a container: Podman could not before its version 5.
func (d *Driver) settlesRestarts(ctx context.Context) bool {
	// An engine that does not even say what it is fails the call that follows.
	podman, err := d.isPodman(ctx)
	return err == nil && podman
}

// settledRestarts leaves a container that waits for input a way to end for good.
func settledRestarts(spec driver.ContainerSpec) container.RestartPolicy {
	if spec.Input {
		return container.RestartPolicy{Name: container.RestartPolicyOnFailure}
	}
	return container.RestartPolicy{Name: container.RestartPolicyUnlessStopped}
}
