package engine

import (
	"context"
	"sync"

	"github.com/servicepack/svp/engine/envvar"
	"github.com/servicepack/svp/engine/pack"
)

const (
	// stockSize is how many environments are kept ready for a pack: as many as may
	// be asked for at once. They are made together, in one container where packs are
	// queried in isolation, and each that is missing takes one of its own.
	stockSize = 16
	// stockedPacks bounds how many packs are kept ready.
	stockedPacks = 64
)

// stock holds environments of instances that are still to be made, by the digest
// of their pack. Its zero value is empty.
type stock struct {
	mu     sync.Mutex
	ready  map[string][]envvar.Set
	digest []string // the keys of ready, oldest first
}

// take removes and returns an environment, where there is one.
func (s *stock) take(digest string) (envvar.Set, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sets := s.ready[digest]
	if len(sets) == 0 {
		return nil, false
	}
	s.ready[digest] = sets[1:]
	return sets[0], true
}

// missing is how many environments of the pack are to be made.
func (s *stock) missing(digest string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return stockSize - len(s.ready[digest])
}

// put adds environments, and forgets the pack that came first when there are too
// many packs.
func (s *stock) put(digest string, sets ...envvar.Set) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ready == nil {
		s.ready = map[string][]envvar.Set{}
	}
	if _, known := s.ready[digest]; !known {
		s.digest = append(s.digest, digest)
		if len(s.digest) > stockedPacks {
			delete(s.ready, s.digest[0])
			s.digest = s.digest[1:]
		}
	}
	room := stockSize - len(s.ready[digest])
	s.ready[digest] = append(s.ready[digest], sets[:min(room, len(sets))]...)
}

// Prepare makes secrets, and the environments that hold them, ahead for instances
// of the pack as it is now; they are kept in memory alone. Up takes one where it
// is given no secrets, and saves the time of asking the pack.
func (e *Engine) Prepare(ctx context.Context, packName string) error {
	return fail("prepare", packName, causeOf(ctx, e.prepare(ctx, packName)))
}

func (e *Engine) prepare(ctx context.Context, packName string) error {
	opened, err := e.openPack(ctx, packName)
	if err != nil {
		return err
	}
	described, err := opened.Describe(ctx)
	if err != nil {
		return err
	}
	missing := e.stock.missing(described.Digest)
	if missing <= 0 {
		return nil
	}
	sets, err := e.newEnvironments(ctx, opened.Dir, described, missing)
	if err != nil {
		return err
	}
	e.stock.put(described.Digest, sets...)
	return nil
}

func (e *Engine) newEnvironments(ctx context.Context, dir *pack.Dir, described pack.Descriptor, count int) ([]envvar.Set, error) {
	values := make([]envvar.Set, count)
	for i := range values {
		var err error
		if values[i], err = e.secrets(described.Secrets, nil); err != nil {
			return nil, err
		}
	}
	sets, err := dir.Envs(ctx, described, values)
	if err != nil {
		return nil, err
	}
	for i, set := range sets {
		sets[i] = e.template(described, values[i], set)
	}
	return sets, nil
}
