package ctxio_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/servicepack/svp/engine/ctxio"
)

func TestReadingEndsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	r := ctxio.NewReader(ctx, strings.NewReader("before, after"))
	before := make([]byte, len("before"))
	if _, err := io.ReadFull(r, before); err != nil || string(before) != "before" {
		t.Errorf("before its end: %q, %v", before, err)
	}
	cause := errors.New("enough")
	cancel(cause)
	if after, err := io.ReadAll(r); !errors.Is(err, cause) || len(after) > 0 {
		t.Errorf("after its end: %q, %v", after, err)
	}
}

func TestCopyingKeepsToItsBuffer(t *testing.T) {
	if _, shortcut := ctxio.NewReader(t.Context(), strings.NewReader("")).(io.WriterTo); shortcut {
		t.Error("the reader would write by itself, in pieces of its own")
	}
}
