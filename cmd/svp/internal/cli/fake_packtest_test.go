package cli

import (
	"context"
	"io"

	"github.com/servicepack/svp/engine"
)

// What else the checks of a pack ask of the engine.

func (f *fakeBackend) BaseSize(context.Context, string) (engine.BaseSize, error) {
	return engine.BaseSize{}, f.err
}

func (f *fakeBackend) ImageFiles(context.Context, string) (io.ReadCloser, error) { return nil, f.err }

func (f *fakeBackend) Files(context.Context, engine.Target) (io.ReadCloser, error) { return nil, f.err }

func (f *fakeBackend) Exposed(context.Context, string) ([]engine.Exposed, error) { return nil, f.err }

func (f *fakeBackend) Kill(_ context.Context, name, component string) error {
	f.record("Kill", name, component)
	return f.err
}

func (f *fakeBackend) RemoveAbandoned(context.Context) error {
	f.record("RemoveAbandoned")
	return f.err
}
