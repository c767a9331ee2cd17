package docker

import (
	"context"
	"errors"
	"strings"
)

// settleAttempts bounds how often a name is made unambiguous.
const settleAttempts = 8

func isAmbiguous(err error) bool { return err != nil && strings.Contains(err.Error(), "is ambiguous") }

// unambiguously makes a call that names a network. Docker makes two networks of
// one name when it is asked to by two at the same moment; whoever meets both
// removes the younger.
func unambiguously[T any](ctx context.Context, d *Driver, network string, call func() (T, error)) (T, error) {
	result, err := call()
	for attempt := 0; isAmbiguous(err) && attempt < settleAttempts; attempt++ {
		if keepErr := d.keepOldest(ctx, network); keepErr != nil {
			return result, errors.Join(err, keepErr)
		}
		result, err = call()
	}
	return result, err
}
