// Package svptest runs the built svp against a real Docker host as a user would,
// looks at what Docker knows afterwards, and removes what a run of tests made.
package svptest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	// OSImage is the image below the packs of the tests.
	OSImage = "debian:12"
	// osName is what packs call it.
	osName = "debian/12"

	setupDeadline = 10 * time.Minute
	sweepDeadline = 2 * time.Minute
)

// Suite is one run of tests: a binary, a Docker host, and a name that all that
// is made in Docker carries.
type Suite struct {
	Host   *Host
	Binary string

	run    string // part of every name
	folder string // temporary; the user's own folders are never touched
}

// Setup finds the Docker host, builds svp unless SVP_BINARY names one, and makes
// sure of the OS image. Close the suite also when Setup has failed.
func Setup(ctx context.Context, module string) (*Suite, error) {
	ctx, cancel := context.WithTimeout(ctx, setupDeadline)
	defer cancel()
	s := &Suite{run: "it" + randomHex(2)}
	var err error
	if s.folder, err = os.MkdirTemp("", "svp-integration-"); err != nil {
		return s, err
	}
	if s.Host, err = chosenHost(ctx); err != nil {
		return s, err
	}
	if s.Binary, err = binary(ctx, module, s.folder); err != nil {
		return s, err
	}
	if err := s.removeStaleNetworks(ctx); err != nil {
		return s, err
	}
	return s, s.ensureOSImage(ctx)
}

// Close removes everything that the run has made.
func (s *Suite) Close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, sweepDeadline)
	defer cancel()
	var err error
	if s.Host != nil {
		err = errors.Join(s.sweep(ctx), s.Host.API.Close())
	}
	return errors.Join(err, os.RemoveAll(s.folder))
}

// On is the same suite on another Docker host.
func (s *Suite) On(host *Host) *Suite {
	other := *s
	other.Host = host
	return &other
}

// Network is the Docker network of the run's instances.
func (s *Suite) Network() string { return networkPrefix + s.run }

// Name returns a new name, for an instance, an image or a pack, that tells
// which test it belongs to.
func (s *Suite) Name(t testing.TB) string {
	slug := strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		}
		return '-'
	}, strings.TrimPrefix(t.Name(), "Test"))
	slug = strings.Trim(slug[:min(len(slug), 28)], "-")
	return s.run + "-" + slug + "-" + randomHex(3)
}

func binary(ctx context.Context, module, folder string) (string, error) {
	if given := os.Getenv("SVP_BINARY"); given != "" {
		return filepath.Abs(given)
	}
	path := filepath.Join(folder, "svp")
	build := exec.CommandContext(ctx, "go", "build", "-o", path, "./cmd/svp")
	build.Dir = module
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build svp: %w\n%s", err, output)
	}
	return path, nil
}

// ensureOSImage gets the OS image the way the README tells users to.
func (s *Suite) ensureOSImage(ctx context.Context) error {
	if _, err := s.Host.API.ImageInspect(ctx, OSImage); err == nil {
		return nil
	}
	var failed []error
	for _, verb := range []string{"pull", "bootstrap"} {
		get := exec.CommandContext(ctx, s.Binary, "os", verb, osName)
		get.Env = s.environment(nil)
		output, err := get.CombinedOutput()
		if err == nil {
			return nil
		}
		failed = append(failed, fmt.Errorf("svp os %s %s: %w\n%s", verb, osName, err, output))
	}
	return fmt.Errorf("no way to get the OS image: %w", errors.Join(failed...))
}

func randomHex(bytes int) string {
	random := make([]byte, bytes)
	_, _ = rand.Read(random) // never fails
	return hex.EncodeToString(random)
}
