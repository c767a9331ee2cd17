package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/client"

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

// kindOf looks at the answer to a ping: Podman names no builder there and always
// calls itself experimental. So Docker is not asked a second question.
func kindOf(ping types.Ping) *kind {
	return &kind{docker: ping.BuilderVersion != "" || !ping.Experimental}
}

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
	status, _, err := d.askLibpod(ctx, http.MethodGet, "_ping")
	if err != nil {
		return false, fmt.Errorf("ask the engine what it is: %w", mapError(ctx, err))
	}
	d.kind.asked, d.kind.podman = true, status == http.StatusOK
	return d.kind.podman, nil
}

// askLibpod makes a call of Podman's own API, and returns the answer's status and
// text.
func (d *Driver) askLibpod(ctx context.Context, method, path string) (int, string, error) {
	request, err := http.NewRequestWithContext(ctx, method, "http://podman/v4.0.0/libpod/"+path, nil)
	if err != nil {
		return 0, "", err
	}
	dial := d.client.Dialer()
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	return response.StatusCode, string(text), err
}

// whyNotAttached finds out what kept Podman from attaching. It sets a container up
// then, with its address and its ports, and so fails where Docker fails to start
// it; and the client does not read what the answer says.
func (d *Driver) whyNotAttached(ctx context.Context, name string, err error) error {
	if podman, kindErr := d.isPodman(ctx); kindErr != nil || !podman {
		return err
	}
	status, text, askErr := d.askLibpod(ctx, http.MethodPost, "containers/"+url.PathEscape(name)+"/init")
	if askErr != nil || status < http.StatusBadRequest {
		return err
	}
	var answer struct {
		Message string `json:"message"`
	}
	if json.Unmarshal([]byte(text), &answer) != nil || answer.Message == "" {
		return err
	}
	return errors.New(answer.Message)
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
	return strings.Contains(text, "no such container") || strings.Contains(text, "no such volume") || isUnknownImage(text)
}

// isUnknownImage tells that Podman met no image, or one of which a part is gone
// already.
func isUnknownImage(text string) bool {
	return strings.Contains(text, "image not known") || strings.Contains(text, "layer not known") ||
		strings.Contains(text, "size is not known") || strings.Contains(text, "identifier is not an image")
}

// endedWhileRead tells that a container ended when Podman was about to read a file of
// it, as one does that is started again and again. It can be read when it has ended.
func endedWhileRead(err error) bool {
	return err != nil && strings.Contains(err.Error(), "/ns/mnt: no such file or directory")
}

// steadily looks again when something vanished on the way: what concerns many
// things must not fail for one of them.
func steadily[T any](ctx context.Context, look func() (T, error)) (T, error) {
	return retry(ctx, vanished, look)
}

// retry tries again for a moment while the error is one that passes.
func retry[T any](ctx context.Context, passes func(error) bool, try func() (T, error)) (T, error) {
	const attempts = 20
	for attempt := 1; ; attempt++ {
		result, err := try()
		if !passes(err) || attempt == attempts {
			return result, err
		}
		select {
		case <-ctx.Done():
			return result, ctx.Err()
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

// createInPodman makes of a container for Docker one that is the same in Podman.
func (d *Driver) createInPodman(ctx context.Context, spec driver.ContainerSpec, config *container.Config, host *container.HostConfig, networking *network.NetworkingConfig) (container.CreateResponse, error) {
	if spec.Lasting {
		host.RestartPolicy = settledRestarts(spec)
	}
	for _, bindings := range host.PortBindings {
		for i := range bindings {
			if bindings[i].HostIP == "0.0.0.0" {
				bindings[i].HostIP = "" // it forwards what is sent to just that address
			}
		}
	}
	if networking != nil && spec.Network.Address.Is4() {
		networking.EndpointsConfig[spec.Network.Name].MacAddress = hardwareAddress(spec.Network.Address)
	}
	creator, err := d.creator()
	if err != nil {
		return container.CreateResponse{}, err
	}
	defer creator.Close()
	return creator.ContainerCreate(ctx, config, host, networking, nil, spec.Name)
}

// hardwareAddress is the one that Docker gives with an address. Without it, who
// has talked to the address before a restart does not find it for ten seconds.
func hardwareAddress(address netip.Addr) string {
	ip := address.As4()
	return net.HardwareAddr{0x02, 0x42, ip[0], ip[1], ip[2], ip[3]}.String()
}

// creator is a client that passes hardware addresses on: in the version of
// Docker's API that Podman names there are none, but Podman takes them.
func (d *Driver) creator() (*client.Client, error) {
	options, _, err := clientOptions(d.endpoint)
	if err != nil {
		return nil, err
	}
	return client.NewClientWithOpts(append(options, client.WithVersion("1.44"))...)
}

// settledRestarts leaves a container that waits for input a way to end for good.
func settledRestarts(spec driver.ContainerSpec) container.RestartPolicy {
	if spec.Input {
		return container.RestartPolicy{Name: container.RestartPolicyOnFailure}
	}
	return container.RestartPolicy{Name: container.RestartPolicyUnlessStopped}
}
