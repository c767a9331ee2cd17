package engine

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/servicepack/svp/engine/driver"
	"github.com/servicepack/svp/engine/pack"
)

// usageTimeout bounds bin/usage, as the contract bounds a query.
const usageTimeout = 10 * time.Second

// Usage asks an instance, through its pack's bin/usage, how many bytes of storage
// are in use. They are not known when the pack has no such script, or when the
// instance does not run.
func (e *Engine) Usage(ctx context.Context, name string) (bytes int64, known bool, err error) {
	found, err := e.lookUp(ctx, name)
	if err == nil {
		bytes, known, err = e.usage(ctx, found)
	}
	return bytes, known, fail("usage", name, causeOf(ctx, err))
}

func (e *Engine) usage(ctx context.Context, found *instance) (bytes int64, known bool, err error) {
	services := found.services()
	if !found.service.Has(pack.ScriptUsage) || len(services) == 0 || services[0].State != driver.Running {
		return 0, false, nil
	}
	ctx, cancel := e.withTimeout(ctx, usageTimeout, usageTimeout)
	defer cancel()
	var answer limitedBuffer
	status, err := e.execIn(ctx, services[0], []string{"bin/" + pack.ScriptUsage}, Streams{Out: &answer, Err: io.Discard})
	if err != nil {
		return 0, false, causeOf(ctx, err)
	}
	if status != 0 {
		failed := &ScriptError{Script: "bin/" + pack.ScriptUsage, Status: status}
		return 0, false, &Error{
			Op: "usage", Subject: found.identity.Name, Kind: Failed, Err: failed,
			Hint: fmt.Sprintf("look what it says: svp shell %s -- bin/usage", found.identity.Name),
		}
	}
	bytes, err = parseUsage(found.service.Pack, answer.String())
	return bytes, err == nil, err
}

// parseUsage reads what bin/usage printed: a number of bytes.
func parseUsage(packName, answer string) (int64, error) {
	bytes, err := strconv.ParseInt(strings.TrimSpace(answer), 10, 64)
	if err != nil || bytes < 0 {
		return 0, &pack.Error{
			Pack: packName, File: "bin/" + pack.ScriptUsage, Reason: fmt.Sprintf("it printed %.40q, not a number of bytes", answer),
			Hint: "print how many bytes are in use, one decimal number",
		}
	}
	return bytes, nil
}
