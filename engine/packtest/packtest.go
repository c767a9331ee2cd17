// Package packtest lives the whole life of a pack on a real container host, and
// tells what held. Each check has a stable name; what fails comes with what was
// seen and how to mend it.
package packtest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/servicepack/svp/engine"
	"github.com/servicepack/svp/engine/envvar"
)

// Engine is what the checks ask of svp.
type Engine interface {
	InspectPack(ctx context.Context, pack string) (engine.PackInfo, error)
	Build(ctx context.Context, o engine.BuildOptions) (engine.BuildResult, error)
	BaseSize(ctx context.Context, image string) (engine.BaseSize, error)
	ImageFiles(ctx context.Context, image string) (io.ReadCloser, error)

	Up(ctx context.Context, o engine.UpOptions) (engine.UpResult, error)
	Start(ctx context.Context, name string, timeout time.Duration) (engine.UpResult, error)
	Stop(ctx context.Context, name string) error
	Restart(ctx context.Context, name string, timeout time.Duration) (engine.UpResult, error)
	Down(ctx context.Context, name string) error
	Destroy(ctx context.Context, name string) error
	Kill(ctx context.Context, name, component string) error
	RemoveAbandoned(ctx context.Context) error

	Info(ctx context.Context, name string) (engine.Instance, error)
	Env(ctx context.Context, name string, view engine.View) (envvar.Set, envvar.Service, error)
	Exposed(ctx context.Context, name string) ([]engine.Exposed, error)
	Files(ctx context.Context, target engine.Target) (io.ReadCloser, error)

	Client(ctx context.Context, target engine.Target, args []string, streams engine.Streams) (int, error)
	Shell(ctx context.Context, target engine.Target, args []string, streams engine.Streams) (int, error)
	Backup(ctx context.Context, target engine.Target, streams engine.Streams) (int, error)
	Restore(ctx context.Context, target engine.Target, streams engine.Streams) (int, error)
	Bind(ctx context.Context, name, consumer string, view engine.View) (engine.BindResult, error)
	Unbind(ctx context.Context, name, consumer string) error
}

// Options say what to check.
type Options struct {
	Pack string   // as everywhere in svp
	Only []string // names of checks, which bring those that they need; empty: all
	// Keep leaves the instances, to look into what failed.
	Keep bool
	// Timeout bounds each step of svp, as building or becoming ready; 0 means its
	// usual limits.
	Timeout time.Duration
	// Events is told which check is under way; nil means nobody listens.
	Events func(engine.Event)
	Now    func() time.Time // nil means time.Now
}

// Run checks the pack and removes what it made, also when the context ends. An
// error means that svp or the host failed, and not the pack.
func Run(ctx context.Context, e Engine, o Options) (Report, error) {
	chosen, err := choose(o.Only)
	if err != nil {
		return Report{}, err
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Events == nil {
		o.Events = func(engine.Event) {}
	}
	if err := e.RemoveAbandoned(ctx); err != nil {
		return Report{}, err
	}
	id := make([]byte, 4)
	_, _ = rand.Read(id) // never fails
	t := &trial{Engine: e, options: o, prefix: "packtest-" + hex.EncodeToString(id), started: o.Now()}
	results, err := t.performAll(ctx, chosen)
	if !o.Keep {
		err = errors.Join(err, t.cleanUp(ctx))
	}
	if err != nil {
		return Report{}, err
	}
	return t.report(results), nil
}

// choose returns the checks of those names and what they need, in their order.
func choose(only []string) ([]check, error) {
	if len(only) == 0 {
		return checks, nil
	}
	wanted := map[string]bool{}
	for _, name := range only {
		if err := want(name, wanted); err != nil {
			return nil, err
		}
	}
	return slices.DeleteFunc(slices.Clone(checks), func(c check) bool { return !wanted[c.name] }), nil
}

func want(name string, wanted map[string]bool) error {
	i := slices.IndexFunc(checks, func(c check) bool { return c.name == name })
	if i < 0 {
		return &engine.Error{
			Op: "pack test", Kind: engine.Usage, Err: fmt.Errorf("there is no check %q", name),
			Hint: "checks: " + strings.Join(Names(), ", "),
		}
	}
	wanted[name] = true
	for _, needed := range checks[i].needs {
		if err := want(needed, wanted); err != nil {
			return err
		}
	}
	return nil
}

// performAll performs the checks one after the other. It ends early when svp or
// the host fails.
func (t *trial) performAll(ctx context.Context, chosen []check) ([]Result, error) {
	var results []Result
	for _, c := range chosen {
		result, err := t.perform(ctx, c, results)
		if err == nil && result.Outcome == Failed && c.spoils {
			err = t.renew(ctx)
		}
		if err != nil {
			return results, err
		}
		results = append(results, result)
	}
	return results, nil
}

// perform performs one check, unless one failed that it needs.
func (t *trial) perform(ctx context.Context, c check, before []Result) (Result, error) {
	if failed := obstacle(c, before); failed != "" {
		return Result{Name: c.name, Outcome: Skipped, Seen: "not looked at, because of " + failed, blockedBy: failed}, nil
	}
	started := t.options.Now()
	t.emit(engine.PhaseStarted, c.name, 0)
	seen, err := c.run(ctx, t)
	elapsed := t.options.Now().Sub(started)
	result, err := judge(c.name, seen, err)
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	kind := engine.PhaseDone
	if err != nil || result.Outcome == Failed {
		kind = engine.PhaseFailed
	}
	t.emit(kind, c.name, elapsed)
	result.Seen, result.Mend, result.Seconds = t.redact(result.Seen), t.redact(result.Mend), seconds(elapsed)
	return result, err
}

// obstacle names the check that failed and because of which this one makes no
// sense, or nothing.
func obstacle(c check, before []Result) string {
	for _, result := range before {
		switch {
		case !slices.Contains(c.needs, result.Name):
		case result.Outcome == Failed:
			return result.Name
		case result.blockedBy != "":
			return result.blockedBy
		}
	}
	return ""
}

func (t *trial) emit(kind engine.EventKind, name string, elapsed time.Duration) {
	t.options.Events(engine.Event{Time: t.options.Now(), Kind: kind, Phase: "check", Subject: name, Elapsed: elapsed})
}
