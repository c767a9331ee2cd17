package docker

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/docker/cli/cli/context/docker"
	"github.com/docker/cli/cli/context/store"
	"github.com/docker/docker/client"

	"github.com/servicepack/svp/engine/driver"
)

// configDir is where the docker command keeps its configuration.
func configDir() (string, error) {
	if dir := os.Getenv("DOCKER_CONFIG"); dir != "" {
		return dir, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("find Docker's configuration: %w", err)
	}
	return filepath.Join(home, ".docker"), nil
}

// currentContext is the name of the Docker context in use; empty means the
// default one.
func currentContext() (string, error) {
	if name := os.Getenv("DOCKER_CONTEXT"); name != "" {
		return name, nil
	}
	dir, err := configDir()
	if err != nil {
		// Without a home there is no configuration, and so no context.
		return "", nil //nolint:nilerr // explained above
	}
	file := filepath.Join(dir, "config.json")
	content, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read Docker's configuration: %w", err)
	}
	var config struct {
		CurrentContext string `json:"currentContext"`
	}
	if err := json.Unmarshal(content, &config); err != nil {
		return "", fmt.Errorf("read Docker's configuration %s: %w", file, err)
	}
	return config.CurrentContext, nil
}

// contextEndpoint reads the engine's endpoint from a named Docker context.
func contextEndpoint(name string) (Endpoint, error) {
	dir, err := configDir()
	if err != nil {
		return Endpoint{}, err
	}
	contexts := store.New(filepath.Join(dir, "contexts"), store.NewConfig(
		func() any { return &map[string]any{} },
		store.EndpointTypeGetter(docker.DockerEndpoint, func() any { return &docker.EndpointMeta{} }),
	))
	metadata, err := contexts.GetMetadata(name)
	if err != nil {
		return Endpoint{}, fmt.Errorf("docker context %q: %w: %w", name, driver.ErrUnavailable, err)
	}
	meta, err := docker.EndpointFromContext(metadata)
	if err != nil {
		return Endpoint{}, fmt.Errorf("docker context %q: %w", name, err)
	}
	withTLS, err := docker.WithTLSData(contexts, name, meta)
	if err != nil {
		return Endpoint{}, fmt.Errorf("docker context %q: read TLS files: %w", name, err)
	}
	endpoint := Endpoint{Host: meta.Host}
	if withTLS.TLSData == nil && !meta.SkipTLSVerify {
		return endpoint, nil
	}
	return withContextTLS(endpoint, withTLS)
}

// withContextTLS lets the context's own options build the HTTP client, so that
// its TLS settings mean here what they mean to the docker command.
func withContextTLS(endpoint Endpoint, meta docker.Endpoint) (Endpoint, error) {
	options, err := meta.ClientOpts()
	if err != nil {
		return Endpoint{}, fmt.Errorf("docker host %s: TLS: %w", meta.Host, err)
	}
	api, err := client.NewClientWithOpts(options...)
	if err != nil {
		return Endpoint{}, fmt.Errorf("docker host %s: TLS: %w", meta.Host, err)
	}
	endpoint.HTTPClient = api.HTTPClient()
	return endpoint, nil
}
