package registry

import (
	"context"
	"fmt"
	"io"

	"oras.land/oras-go/v2/content"
)

// Resolve asks what the registry has under the reference.
func (c *Client) Resolve(ctx context.Context, ref Reference) (Package, error) {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	found, err := c.resolve(ctx, ref)
	return found, explain(ctx, ref, err)
}

func (c *Client) resolve(ctx context.Context, ref Reference) (Package, error) {
	ctx, watched := watch(ctx, c.options.Stall)
	defer watched.stop()
	found, err := c.manifest(ctx, ref, watched)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return found, err
}

func (c *Client) manifest(ctx context.Context, ref Reference, watched *watchdog) (Package, error) {
	described, body, err := c.repository(ref).Manifests().FetchReference(ctx, ref.parsed.Reference)
	if err != nil {
		return Package{}, err
	}
	defer body.Close()
	if described.Size > maxManifest {
		return Package{}, fmt.Errorf("%w: a manifest of %d bytes", ErrTooLarge, described.Size)
	}
	manifest, err := content.ReadAll(watched.reader(body), described)
	if err != nil {
		return Package{}, err
	}
	found, err := readManifest(manifest)
	if err == nil && found.Size > c.options.MaxPackage {
		err = fmt.Errorf("%w: a package of %d bytes", ErrTooLarge, found.Size)
	}
	return found, err
}

// Download writes the zip file of a package that Resolve has found. When it
// fails, what was written is of no worth.
func (c *Client) Download(ctx context.Context, ref Reference, p Package, to io.Writer) error {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	return explain(ctx, ref, c.download(ctx, ref, p, to))
}

func (c *Client) download(ctx context.Context, ref Reference, p Package, to io.Writer) error {
	ctx, watched := watch(ctx, c.options.Stall)
	defer watched.stop()
	body, err := c.repository(ref).Blobs().Fetch(ctx, p.layer())
	if err != nil {
		return watched.cause(ctx, err)
	}
	defer body.Close()
	verified := content.NewVerifyReader(watched.reader(body), p.layer())
	if _, err := io.Copy(&localWriter{to}, verified); err != nil {
		return watched.cause(ctx, err)
	}
	return watched.cause(ctx, verified.Verify())
}
