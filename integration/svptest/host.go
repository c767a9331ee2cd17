package svptest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/docker/docker/client"
)

// Host is a Docker host, seen without svp.
type Host struct {
	// Endpoint is what DOCKER_HOST is to be; empty means Docker's default.
	Endpoint string
	API      *client.Client
}

const pingDeadline = 10 * time.Second

// chosenHost is the host that DOCKER_HOST names, or Docker's default.
func chosenHost(ctx context.Context) (*Host, error) {
	endpoint := os.Getenv("DOCKER_HOST")
	if endpoint == "" && os.Getenv("DOCKER_CONTEXT") != "" {
		return nil, errors.New("the tests do not know Docker contexts: unset DOCKER_CONTEXT and set DOCKER_HOST")
	}
	host, err := Connect(ctx, endpoint)
	if err != nil {
		return nil, fmt.Errorf("no Docker host answers; as root on Debian or Ubuntu `make prepare` installs and starts one, "+
			"elsewhere install Docker (https://docs.docker.com/get-docker) or set DOCKER_HOST: %w", err)
	}
	return host, nil
}

// Connect returns the host at the endpoint when it answers.
func Connect(ctx context.Context, endpoint string) (*Host, error) {
	options := []client.Opt{client.FromEnv, client.WithAPIVersionNegotiation()}
	if endpoint != "" {
		options = append(options, client.WithHost(endpoint))
	}
	api, err := client.NewClientWithOpts(options...)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, pingDeadline)
	defer cancel()
	if _, err := api.Ping(ctx); err != nil {
		_ = api.Close() // nothing was sent through it
		return nil, err
	}
	return &Host{Endpoint: endpoint, API: api}, nil
}
