package packtest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/servicepack/svp/engine"
)

const keepMend = "let bin/run take over what it finds in its volumes, and write data to the disk before it is acknowledged"

// checkRestart stops and starts the instance.
func checkRestart(ctx context.Context, t *trial) (string, error) {
	before, err := t.fingerprintIf(ctx, t.first)
	if err != nil {
		return "", err
	}
	started := t.options.Now()
	if _, err := t.Restart(ctx, t.first.name, t.options.Timeout); err != nil {
		return "", err
	}
	t.took("restart", started)
	return t.compare(ctx, t.first, before, "svp restart", keepMend)
}

// checkKill crashes every component at the same time. They must come back with what
// was committed.
func checkKill(ctx context.Context, t *trial) (string, error) {
	before, err := t.fingerprintIf(ctx, t.first)
	if err != nil {
		return "", err
	}
	runs, err := t.startedAt(ctx)
	if err != nil {
		return "", err
	}
	for _, component := range t.first.components {
		if err := t.Kill(ctx, t.first.name, component); err != nil {
			return "", err
		}
	}
	for component, run := range runs {
		if err := t.awaitRun(ctx, component, run); err != nil {
			return "", err
		}
	}
	if err := t.awaitReady(ctx, t.first); err != nil {
		return "", err
	}
	return t.compare(ctx, t.first, before, "SIGKILL", keepMend+"; what a killed process left, as a lock, must not be in the way")
}

// checkComponents crashes one component after the other. Each must come back, and
// the others must not notice.
func checkComponents(ctx context.Context, t *trial) (string, error) {
	if len(t.first.components) < 2 {
		return "", omitted("the pack has one component")
	}
	for _, component := range t.first.components {
		before, err := t.startedAt(ctx)
		if err != nil {
			return "", err
		}
		if err := t.Kill(ctx, t.first.name, component); err != nil {
			return "", err
		}
		if err := t.awaitRun(ctx, component, before[component]); err != nil {
			return "", err
		}
		if err := t.awaitReady(ctx, t.first); err != nil {
			return "", err
		}
		after, err := t.startedAt(ctx)
		if err != nil {
			return "", err
		}
		for other, run := range before {
			if other != component && !after[other].Equal(run) {
				return "", found("let the components find each other again: they reach each other on localhost, and each restarts on its own",
					"component %s ended when %s was killed", other, component)
			}
		}
	}
	return fmt.Sprintf("%s came back one by one, and the others went on", strings.Join(t.first.components, " and ")), nil
}

// startedAt tells when each component was started last.
func (t *trial) startedAt(ctx context.Context) (map[string]time.Time, error) {
	info, err := t.Info(ctx, t.first.name)
	if err != nil {
		return nil, err
	}
	runs := map[string]time.Time{}
	for _, component := range info.Components {
		runs[component.Name] = component.Started
	}
	return runs, nil
}

const (
	comeBackTimeout = time.Minute
	pollInterval    = 50 * time.Millisecond
)

// awaitRun waits until the host has started a component again.
func (t *trial) awaitRun(ctx context.Context, component string, before time.Time) error {
	deadline := t.options.Now().Add(comeBackTimeout)
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		info, err := t.Info(ctx, t.first.name)
		if err != nil {
			return err
		}
		again := slices.ContainsFunc(info.Components, func(c engine.Component) bool {
			return c.Name == component && c.State == engine.StateRunning && c.Started.After(before)
		})
		if again {
			return nil
		}
		if t.options.Now().After(deadline) {
			return found("look at svp logs", "%s did not run again within %s of being killed", strings.TrimSpace("bin/run "+component), comeBackTimeout)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

// statusKilled is that of a process which SIGKILL has ended.
const statusKilled = 128 + 9

// checkStop wants the service to end by itself on SIGTERM, and its data to be in the
// volumes: its containers are made anew.
func checkStop(ctx context.Context, t *trial) (string, error) {
	before, err := t.fingerprintIf(ctx, t.first)
	if err != nil {
		return "", err
	}
	started := t.options.Now()
	if err := t.Stop(ctx, t.first.name); err != nil {
		return "", err
	}
	t.took("stop", started)
	stopped, err := t.Info(ctx, t.first.name)
	if err != nil {
		return "", err
	}
	for _, component := range stopped.Components {
		if component.ExitCode == statusKilled {
			return "", found("let bin/run end on SIGTERM: exec the service, so that signals reach it, or pass them on with trap",
				"%s had to be killed: it did not end on SIGTERM in time", strings.TrimSpace("bin/run "+component.Name))
		}
	}
	if err := t.Down(ctx, t.first.name); err != nil {
		return "", err
	}
	started = t.options.Now()
	if err := t.awaitReady(ctx, t.first); err != nil {
		return "", err
	}
	t.took("start", started)
	seen, err := t.compare(ctx, t.first, before, "svp down and svp start", "name the folder of the data in bin/query volumes: everything else goes with the container")
	return "it ended on SIGTERM; " + seen, err
}
