package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/pkg/stdcopy"
)

const (
	entrypointPath  = "/etc/servicepack/entrypoint"
	environmentPath = "/etc/servicepack/env"
	cachePath       = "/var/cache/servicepack"
	ready           = "the instance is set up"
)

// entrypoint gives a script the instance's environment and becomes it.
const entrypoint = `set -a
. ` + environmentPath + `
set +a
exec "$@"
`

// receive takes the instance's environment from the standard input, up to an empty
// line, and becomes the command.
const receive = `mkdir -p /etc/servicepack
printf %s "$1" >` + entrypointPath + `
shift
(umask 077; while read -r line && [ -n "$line" ]; do echo "$line"; done >` + environmentPath + `)
exec /bin/sh ` + entrypointPath + ` "$@"
`

// firstStart sets an instance up and then, when it has been committed, becomes
// its service.
const firstStart = `SVP_PHASE=setup bin/build setup </dev/null || exit
echo '` + ready + `'
read -r go || exit
exec bin/run </dev/null
`

// probe repeats a command until it succeeds.
const probe = `until "$@"; do sleep 0.03; done`

// listening succeeds when the ports, in hexadecimal digits, are listened at.
const listening = `for port in "$@"; do
	cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | grep -q ":$port [0-9A-F]*:0000 0A" || exit 1
done`

func withEnvironment(command ...string) []string {
	return append([]string{"/bin/sh", entrypointPath}, command...)
}

func receiving(command ...string) []string {
	return append([]string{"/bin/sh", "-c", receive, "sh", entrypoint}, command...)
}

func (p *pack) secretFiles() (*bytes.Buffer, error) {
	return archive(
		file{"etc/servicepack/entrypoint", entrypoint, 0o755},
		file{"etc/servicepack/env", p.environment, 0o600},
	)
}

// build makes a base image.
func (f *floor) build(ctx context.Context, p pack, cache, reference string) error {
	if err := f.createVolume(ctx, cache); err != nil {
		return err
	}
	files, err := p.files()
	if err != nil {
		return err
	}
	return f.script(ctx, script{
		image: p.os, command: []string{"bin/build", "base"}, cache: cache, phase: "base", files: files, reference: reference,
	})
}

// setup makes an instance image.
func (f *floor) setup(ctx context.Context, p pack, cache, base, reference string) error {
	if err := f.createVolume(ctx, cache); err != nil {
		return err
	}
	return f.script(ctx, script{
		image: base, command: receiving("bin/build", "setup"), cache: cache, phase: "setup",
		input: p.environment + "\n", shm: p.shm, reference: reference,
	})
}

// script is a build script that makes an image of another.
type script struct {
	image, cache, phase, reference string
	command                        []string
	files                          *bytes.Buffer
	input                          string
	shm                            int64
}

func (f *floor) script(ctx context.Context, s script) error {
	id, err := f.create(ctx, &container.Config{
		Image: s.image, Entrypoint: s.command,
		Env:       []string{"SVP_PHASE=" + s.phase, "SVP_CACHE_DIR=" + cachePath},
		OpenStdin: s.input != "", StdinOnce: true,
	}, &container.HostConfig{ShmSize: s.shm, Mounts: volumes(map[string]string{s.cache: cachePath})}, s.files)
	if err != nil {
		return err
	}
	err = f.runToEnd(ctx, id, s.input)
	if err == nil {
		err = f.commit(ctx, id, s.reference)
	}
	return errors.Join(err, f.remove(ctx, id))
}

// run starts an instance and waits until it is ready.
func (f *floor) run(ctx context.Context, p pack, name, image string) error {
	host, err := f.host(ctx, p, name)
	if err != nil {
		return err
	}
	command := withEnvironment("bin/run")
	if len(p.components) > 0 {
		command = []string{"/bin/sh", "-c", "while :; do sleep 86400; done"}
	}
	id, err := f.createService(ctx, p, &container.Config{Image: image, Entrypoint: command}, host)
	if err != nil {
		return err
	}
	if err := f.readEnvironment(ctx, id); err != nil {
		return err
	}
	f.made = append(f.made, id)
	if len(p.components) == 0 {
		return f.serve(ctx, p, id, "")
	}
	if err := f.docker.ContainerStart(ctx, id, container.StartOptions{}); err != nil {
		return err
	}
	return f.runComponents(ctx, p, host, image, id)
}

// host is how the containers of an instance are run.
func (f *floor) host(ctx context.Context, p pack, name string) (*container.HostConfig, error) {
	mounted := map[string]string{}
	for i, path := range p.volumes {
		volume := fmt.Sprintf("%s-%d", name, i)
		if err := f.createVolume(ctx, volume); err != nil {
			return nil, err
		}
		f.volumes = append(f.volumes, volume)
		mounted[volume] = path
	}
	pids := int64(8192)
	return &container.HostConfig{
		NetworkMode: container.NetworkMode(f.network), ShmSize: p.shm, Mounts: volumes(mounted),
		CapDrop:     []string{"ALL"},
		CapAdd:      []string{"CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID", "KILL", "NET_BIND_SERVICE"},
		SecurityOpt: []string{"no-new-privileges"},
		Resources:   container.Resources{PidsLimit: &pids},
		LogConfig:   container.LogConfig{Type: "json-file", Config: map[string]string{"max-size": "10m", "max-file": "3"}},
	}, nil
}

func volumes(paths map[string]string) []mount.Mount {
	var mounts []mount.Mount
	for volume, path := range paths {
		mounts = append(mounts, mount.Mount{Type: mount.TypeVolume, Source: volume, Target: path})
	}
	return mounts
}

func (f *floor) createService(ctx context.Context, p pack, config *container.Config, host *container.HostConfig) (string, error) {
	files, err := p.secretFiles()
	if err != nil {
		return "", err
	}
	return f.create(ctx, config, host, files)
}

// readEnvironment reads the environment out of the instance, as whoever is to
// print it must.
func (f *floor) readEnvironment(ctx context.Context, id string) error {
	stream, _, err := f.docker.CopyFromContainer(ctx, id, environmentPath)
	if err != nil {
		return err
	}
	defer stream.Close()
	_, err = io.Copy(io.Discard, stream)
	return err
}

func (f *floor) runComponents(ctx context.Context, p pack, holder *container.HostConfig, image, id string) error {
	ids := make([]string, len(p.components))
	errs := make([]error, len(p.components))
	var group sync.WaitGroup
	for i, component := range p.components {
		group.Go(func() {
			host := *holder
			host.NetworkMode = container.NetworkMode("container:" + id)
			config := &container.Config{Image: image, Entrypoint: withEnvironment("bin/run", component)}
			if ids[i], errs[i] = f.createService(ctx, p, config, &host); errs[i] == nil {
				errs[i] = f.serve(ctx, p, ids[i], component)
			}
		})
	}
	group.Wait()
	f.made = slices.Insert(f.made, 0, ids...)
	return errors.Join(errors.Join(errs...), f.keepRunning(ctx, id))
}

// serve starts the container of a service and waits until it is ready.
func (f *floor) serve(ctx context.Context, p pack, id, component string) error {
	_, _ = f.docker.ContainerWait(ctx, id, container.WaitConditionNextExit)
	if err := f.docker.ContainerStart(ctx, id, container.StartOptions{}); err != nil {
		return err
	}
	return f.awaitReady(ctx, p, id, component)
}

func (f *floor) awaitReady(ctx context.Context, p pack, id, component string) error {
	check := []string{"/bin/sh", "-c", listening, "sh"}
	if p.health {
		check = strings.Fields("bin/health " + component)
	} else {
		port, err := p.port()
		if err != nil {
			return err
		}
		check = append(check, fmt.Sprintf("%04X", port))
	}
	status, err := f.exec(ctx, id, withEnvironment(append([]string{"/bin/sh", "-c", probe, "sh"}, check...)...))
	if err == nil && status != 0 {
		err = fmt.Errorf("pack %s is not ready: exit status %d", p.name, status)
	}
	return errors.Join(err, f.keepRunning(ctx, id))
}

func (f *floor) keepRunning(ctx context.Context, id string) error {
	_, err := f.docker.ContainerUpdate(ctx, id, container.UpdateConfig{
		RestartPolicy: container.RestartPolicy{Name: container.RestartPolicyUnlessStopped},
	})
	return err
}

// up makes an instance of a base image, of a pack without components, in one
// container: it sets it up, commits it and becomes the service.
func (f *floor) up(ctx context.Context, p pack, name, base, reference string) error {
	host, err := f.host(ctx, p, name)
	if err != nil {
		return err
	}
	id, err := f.create(ctx, &container.Config{
		Image: base, Entrypoint: receiving("/bin/sh", "-c", firstStart),
		AttachStdin: true, OpenStdin: true, StdinOnce: true,
	}, host, nil)
	if err != nil {
		return err
	}
	f.made = append(f.made, id)
	stream, err := f.attach(ctx, id)
	if err != nil {
		return err
	}
	defer stream.Close()
	_, _ = f.docker.ContainerWait(ctx, id, container.WaitConditionNextExit)
	if _, err := io.WriteString(stream.Conn, p.environment+"\n"); err != nil {
		return err
	}
	if err := f.docker.ContainerStart(ctx, id, container.StartOptions{}); err != nil {
		return err
	}
	if err := awaitLine(stream.Reader, ready); err != nil {
		return err
	}
	if err := f.commit(ctx, id, reference); err != nil {
		return err
	}
	if _, err := io.WriteString(stream.Conn, "go\n"); err != nil {
		return err
	}
	return f.awaitReady(ctx, p, id, "")
}

// awaitLine reads a container's output until the line comes.
func awaitLine(output io.Reader, want string) error {
	reader, writer := io.Pipe()
	defer reader.Close()
	go func() {
		_, err := stdcopy.StdCopy(writer, writer, output)
		_ = writer.CloseWithError(err)
	}()
	lines := bufio.NewScanner(reader)
	for lines.Scan() {
		if lines.Text() == want {
			return nil
		}
	}
	return errors.Join(lines.Err(), errors.New("the container ended before it was set up"))
}
