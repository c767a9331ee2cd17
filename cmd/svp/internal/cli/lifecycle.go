package cli

import (
	"context"
	"time"

	"github.com/servicepack/svp/engine"
)

// lifecycle is what can be done to an instance that exists.
type lifecycle interface {
	Down(ctx context.Context, name string) error
	Start(ctx context.Context, name string, timeout time.Duration) (engine.UpResult, error)
	Stop(ctx context.Context, name string) error
	Restart(ctx context.Context, name string, timeout time.Duration) (engine.UpResult, error)
}

func newDownCommand(w *wiring) *command {
	return &command{
		name: "down", topic: topicDaily, summary: "Remove an instance's containers, keep its data and credentials",
		details: "svp start brings the instance back, svp destroy removes everything.",
		example: "svp down cache", args: []string{"NAME"},
		run: func(ctx context.Context, inv *invocation) error {
			return w.engine(func(s session) error { return runDown(ctx, s, s, inv.arg(0)) })
		},
	}
}

func runDown(ctx context.Context, l lifecycle, n noter, name string) error {
	if err := l.Down(ctx, name); err != nil {
		return err
	}
	n.note("%s is down; its data and credentials are kept: svp start %s brings it back", name, name)
	return nil
}

func newStartCommand(w *wiring) *command {
	c := &command{
		name: "start", topic: topicInstance, summary: "Start an instance that is stopped or down",
		details: "Waits until the instance is ready.",
		example: "svp start cache", args: []string{"NAME"},
	}
	c.flags = append(c.flags, w.timeoutFlag())
	c.run = func(ctx context.Context, inv *invocation) error {
		return w.engine(func(s session) error {
			_, err := s.Start(ctx, inv.arg(0), s.settings.Timeout)
			return err
		})
	}
	return c
}

func newStopCommand(w *wiring) *command {
	return &command{
		name: "stop", topic: topicInstance, summary: "Stop an instance; its data stays",
		example: "svp stop cache", args: []string{"NAME"},
		run: func(ctx context.Context, inv *invocation) error {
			return w.engine(func(s session) error { return s.Stop(ctx, inv.arg(0)) })
		},
	}
}

func newRestartCommand(w *wiring) *command {
	c := &command{
		name: "restart", topic: topicInstance, summary: "Stop and start an instance",
		details: "Waits until the instance is ready again.",
		example: "svp restart cache", args: []string{"NAME"},
	}
	c.flags = append(c.flags, w.timeoutFlag())
	c.run = func(ctx context.Context, inv *invocation) error {
		return w.engine(func(s session) error {
			_, err := s.Restart(ctx, inv.arg(0), s.settings.Timeout)
			return err
		})
	}
	return c
}
