// Package ctxio lets what takes long to be read end with a context.
package ctxio

import (
	"context"
	"io"
)

// NewReader reads from another reader for as long as the context lasts, and then
// fails with its cause. It keeps io.CopyBuffer to the buffer that it is given.
func NewReader(ctx context.Context, from io.Reader) io.Reader { return reader{ctx, from} }

type reader struct {
	ctx  context.Context //nolint:containedctx // it lives as long as the call that it belongs to
	from io.Reader
}

func (r reader) Read(p []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.from.Read(p)
}
