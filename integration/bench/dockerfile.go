package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
)

// dockerBuild builds a Dockerfile the way a user would, in the folder.
func (b *bench) dockerBuild(ctx context.Context, dockerfile, folder, reference string) (finished, error) {
	docker, err := exec.LookPath("docker")
	if err != nil {
		return finished{}, errors.New("the docker command is not installed; on Debian it is in the package docker.io or docker-cli")
	}
	return finish(b.command(ctx, docker, "build", "-f", dockerfile, "-t", reference, folder))
}

// writeDockerfile writes a Dockerfile that stands outside of what it builds.
func (b *bench) writeDockerfile(name, content string) (string, error) {
	path := filepath.Join(b.work, name+".Dockerfile")
	return path, os.WriteFile(path, []byte(content), 0o644)
}
