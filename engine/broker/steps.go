package broker

import (
	"sync"

	"github.com/servicepack/svp/engine"
)

// steps tell in words what the engine is doing, by what it does it to: an
// instance, or a pack whose base image is made for several at the same time.
type steps struct {
	mu      sync.Mutex
	current map[string]string
}

// phases are the engine's phases in words. What scripts print is not passed on:
// a user of the platform cannot do anything about it.
var phases = map[string]string{
	"pull":      "fetching the operating system's image",
	"bootstrap": "making the operating system's image",
	"base":      "building the base image",
	"setup":     "setting up the instance",
	"start":     "starting the instance",
	"ready":     "waiting until the instance is ready",
	"bind":      "creating the credentials",
	"unbind":    "removing the credentials",
}

func (s *steps) event(event engine.Event) {
	words, known := phases[event.Phase]
	if !known || event.Subject == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current == nil {
		s.current = map[string]string{}
	}
	switch event.Kind {
	case engine.PhaseStarted:
		s.current[event.Subject] = words
	case engine.PhaseDone, engine.PhaseFailed:
		delete(s.current, event.Subject)
	case engine.PhaseOutput, engine.Note, engine.Warning:
	}
}

// of gives the step of the first subject of which one is known.
func (s *steps) of(subjects ...string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, subject := range subjects {
		if words := s.current[subject]; words != "" {
			return words
		}
	}
	return ""
}
