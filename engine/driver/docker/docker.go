// Package docker drives the Docker Engine, or an engine that speaks its API,
// such as Podman. It is the only importer of Docker's client.
package docker

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/docker/cli/cli/connhelper"
	"github.com/docker/docker/client"

	"github.com/servicepack/svp/engine/driver"
)

// connectTimeout bounds how long an absent host keeps its user waiting; a host
// behind ssh first has to make a connection of its own.
const (
	connectTimeout    = 1500 * time.Millisecond
	sshConnectTimeout = 15 * time.Second
)

// Driver is a driver.Driver for the Docker Engine.
type Driver struct {
	client   *client.Client
	endpoint Endpoint
	kind     *kind
}

var _ driver.Driver = (*Driver)(nil)

// Connect reaches the engine at the endpoint and agrees with it on a version
// of its API. The error matches driver.ErrUnavailable when nothing answers.
func Connect(ctx context.Context, endpoint Endpoint) (*Driver, error) {
	options, timeout, err := clientOptions(endpoint)
	if err != nil {
		return nil, fmt.Errorf("docker host %s: %w", endpoint.Host, err)
	}
	api, err := client.NewClientWithOpts(options...)
	if err != nil {
		return nil, fmt.Errorf("docker host %s: %w: %w", endpoint.Host, driver.ErrUnavailable, err)
	}
	pingCtx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	ping, err := api.Ping(pingCtx)
	if err != nil {
		return nil, connectError(ctx, endpoint, err)
	}
	api.NegotiateAPIVersionPing(ping)
	return &Driver{client: api, endpoint: endpoint, kind: kindOf(ping)}, nil
}

func connectError(ctx context.Context, endpoint Endpoint, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("docker host %s: %w: %w", endpoint.Host, driver.ErrUnavailable, err)
}

func clientOptions(endpoint Endpoint) ([]client.Opt, time.Duration, error) {
	helper, err := connhelper.GetConnectionHelper(endpoint.Host)
	if err != nil {
		return nil, 0, fmt.Errorf("%w: %w", driver.ErrUnavailable, err)
	}
	if helper != nil {
		transport := &http.Transport{DialContext: helper.Dialer}
		return []client.Opt{
			client.WithHTTPClient(&http.Client{Transport: transport}),
			client.WithHost(helper.Host),
			client.WithDialContext(helper.Dialer),
		}, sshConnectTimeout, nil
	}
	options := []client.Opt{client.WithHost(endpoint.Host)}
	if strings.HasPrefix(endpoint.Host, "tcp://") {
		dialer := &net.Dialer{Timeout: connectTimeout, KeepAlive: 30 * time.Second}
		options = append(options, client.WithDialContext(dialer.DialContext))
	}
	if endpoint.CertDir != "" {
		options = append(options, client.WithTLSClientConfig(
			endpoint.CertDir+"/ca.pem", endpoint.CertDir+"/cert.pem", endpoint.CertDir+"/key.pem"))
	}
	if endpoint.HTTPClient != nil {
		options = append([]client.Opt{client.WithHTTPClient(endpoint.HTTPClient)}, options...)
	}
	return options, connectTimeout, nil
}

// makeTimeout bounds a request that makes something.
const makeTimeout = time.Minute

// seenThrough is for requests that make something: the engine finishes them also
// when their sender is gone, and what nobody knows of, nobody removes. So they are
// answered although the context has ended meanwhile.
func seenThrough(ctx context.Context) (context.Context, context.CancelFunc, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	patient, cancel := context.WithTimeout(context.WithoutCancel(ctx), makeTimeout)
	return patient, cancel, nil
}

// Close releases the connections to the engine.
func (d *Driver) Close() error { return d.client.Close() }

// Endpoint says where an engine is and how to prove who we are.
type Endpoint struct {
	Host string // "unix:///var/run/docker.sock", "tcp://host:2376", "ssh://user@host"
	// CertDir holds ca.pem, cert.pem and key.pem for a host behind TLS.
	CertDir string
	// HTTPClient carries the TLS material of a Docker context.
	HTTPClient *http.Client
}

// EndpointFromEnvironment finds the engine the way the docker command does:
// DOCKER_HOST, else DOCKER_CONTEXT, else the context that is current in
// Docker's configuration, else the default socket.
func EndpointFromEnvironment() (Endpoint, error) {
	if host := os.Getenv(client.EnvOverrideHost); host != "" {
		endpoint := Endpoint{Host: host}
		if os.Getenv(client.EnvTLSVerify) != "" || os.Getenv(client.EnvOverrideCertPath) != "" {
			endpoint.CertDir = os.Getenv(client.EnvOverrideCertPath)
		}
		return endpoint, nil
	}
	name, err := currentContext()
	if err != nil {
		return Endpoint{}, err
	}
	if name == "" || name == "default" {
		return Endpoint{Host: client.DefaultDockerHost}, nil
	}
	return contextEndpoint(name)
}
