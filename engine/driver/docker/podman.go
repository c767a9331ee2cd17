package docker

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/docker/docker/api/types"

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
	version, err := d.client.ServerVersion(ctx)
	if err != nil {
		return false, fmt.Errorf("ask the engine for its version: %w", mapError(ctx, err))
	}
	d.kind.asked = true
	d.kind.podman = slices.ContainsFunc(version.Components, func(component types.ComponentVersion) bool {
		return strings.HasPrefix(component.Name, "Podman")
	})
	return d.kind.podman, nil
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
