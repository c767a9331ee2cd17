package engine

import (
	"context"

	"github.com/servicepack/svp/engine/pack"
)

// FaultyPack is a pack to be checked: it may be an invalid one.
type FaultyPack struct {
	*pack.Dir
	// Faults are what keeps the pack from being opened for anything else.
	Faults []*pack.Error
}

// CheckPack opens the pack that the user means even if it is invalid, and lets
// check look at it.
func (e *Engine) CheckPack(ctx context.Context, name string, check func(FaultyPack) error) error {
	opened, err := e.openFaulty(ctx, name)
	if err == nil {
		err = check(opened)
	}
	return fail("check pack", name, err)
}

func (e *Engine) openFaulty(ctx context.Context, name string) (FaultyPack, error) {
	found, err := e.findPack(ctx, name, false)
	if err != nil {
		return FaultyPack{}, err
	}
	isolated, options := e.querier(found, false)
	dir, faults, err := pack.OpenFaulty(found.Folder, options...)
	if err != nil {
		return FaultyPack{}, err
	}
	isolated.dir = dir
	e.tellOrigin(name, found)
	return FaultyPack{Dir: dir, Faults: faults}, nil
}
