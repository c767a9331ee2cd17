package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"

	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/errcode"

	"github.com/servicepack/svp/engine/lazyregexp"
)

// explain gives an error of the library its cause. Addresses that a registry
// redirected to are not shown: they may be signed.
func explain(ctx context.Context, ref Reference, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", ref, context.Cause(ctx))
	}
	return fmt.Errorf("%s: %w", ref, causeOf(err))
}

func causeOf(err error) error {
	for _, known := range []error{ErrNoPackage, ErrTooLarge, ErrOther, ErrTimeout, ErrUnauthorized, ErrUnreachable} {
		if errors.Is(err, known) {
			return withoutURL(err)
		}
	}
	var local *localError
	var answered *errcode.ErrorResponse
	var network net.Error
	switch {
	case errors.As(err, &local):
		return local.err
	case errors.Is(err, errdef.ErrNotFound):
		return ErrNotFound
	case errors.As(err, &answered):
		return causeOfStatus(answered)
	case errors.Is(err, auth.ErrBasicCredentialNotFound):
		return fmt.Errorf("%w: it wants a name and a password", ErrUnauthorized)
	case errors.Is(err, content.ErrMismatchedDigest), errors.Is(err, content.ErrInvalidDescriptorSize), errors.Is(err, content.ErrTrailingData):
		return fmt.Errorf("%w: what comes has another digest than the registry says", ErrNoPackage)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: what comes is cut off", ErrUnreachable)
	case errors.As(err, &network):
		return fmt.Errorf("%w: %w", ErrUnreachable, withoutURL(err))
	}
	return fmt.Errorf("%w: %s", ErrNoPackage, clip(inAddress().ReplaceAllString(err.Error(), "")))
}

// inAddress is the part of an address that may hold a signature.
var inAddress = lazyregexp.New(`\?[^\s"]*`)

func causeOfStatus(answered *errcode.ErrorResponse) error {
	said := http.StatusText(answered.StatusCode)
	if len(answered.Errors) > 0 {
		said = answered.Errors.Error()
	}
	said = fmt.Sprintf("it answers %d: %s", answered.StatusCode, clip(said))
	switch answered.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		return fmt.Errorf("%w: %s", ErrUnauthorized, said)
	case http.StatusNotFound:
		return fmt.Errorf("%w: %s", ErrNotFound, said)
	case http.StatusRequestEntityTooLarge:
		return fmt.Errorf("%w: %s", ErrTooLarge, said)
	}
	return fmt.Errorf("%w: %s", ErrUnreachable, said)
}

// withoutURL drops the address from an error of net/http.
func withoutURL(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

// maxSaid bounds what is shown of a registry's words.
const maxSaid = 200

func clip(text string) string {
	if len(text) <= maxSaid {
		return text
	}
	return text[:maxSaid] + "…"
}
