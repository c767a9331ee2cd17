package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
)

// Upload is a package on its way to a registry.
type Upload struct {
	Name string // of the zip file, as other tools save it
	// Content is the zip file; it is read once.
	Content    io.Reader
	Size       int64
	SHA256     string // in hex
	Coordinate string // may be empty
	PackDigest string
	Signature  string // may be empty
}

// patienceWithUploads is how much longer than usual a registry may be silent that
// has to put away what it was given.
const patienceWithUploads = 5

// Push puts a package under a tag. When it is there already, nothing is changed,
// and existed is true; other contents under that tag are left as they are, and the
// error matches ErrOther.
func (c *Client) Push(ctx context.Context, ref Reference, u Upload) (pushed Package, existed bool, err error) {
	if ref.byDigest() {
		return Package{}, false, fmt.Errorf("%w: %s: a tag is needed, as a digest is not for us to choose", ErrReference, ref)
	}
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	// Else the registry would be asked for a token twice.
	ctx = auth.AppendRepositoryScope(ctx, ref.parsed, auth.ActionPull, auth.ActionPush)
	there, err := c.resolve(ctx, ref)
	switch {
	case err == nil && there.SHA256 == u.SHA256:
		return there, true, nil
	case err == nil, errors.Is(err, ErrNoPackage): // an image, say
		return Package{}, false, explain(ctx, ref, ErrOther)
	case !errors.Is(causeOf(err), ErrNotFound):
		return Package{}, false, explain(ctx, ref, err)
	}
	pushed, err = c.push(ctx, ref, u)
	return pushed, false, explain(ctx, ref, err)
}

func (c *Client) push(ctx context.Context, ref Reference, u Upload) (Package, error) {
	pushed := Package{SHA256: u.SHA256, Size: u.Size, Coordinate: u.Coordinate, PackDigest: u.PackDigest, Signature: u.Signature}
	manifest, err := writeManifest(u.Name, pushed)
	if err != nil {
		return Package{}, err
	}
	described := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromBytes(manifest), Size: int64(len(manifest))}
	pushed.Digest = described.Digest.String()
	ctx, watched := watch(ctx, patienceWithUploads*c.options.Stall)
	defer watched.stop()
	repository := c.repository(ref)
	empty := ocispec.DescriptorEmptyJSON
	if err := pushBlob(ctx, repository, empty, bytes.NewReader(empty.Data)); err != nil {
		return Package{}, watched.cause(ctx, err)
	}
	if err := pushBlob(ctx, repository, pushed.layer(), watched.reader(&localReader{u.Content})); err != nil {
		return Package{}, watched.cause(ctx, err)
	}
	// Last: before it there is nothing under the tag, after it everything.
	err = repository.Manifests().PushReference(ctx, described, bytes.NewReader(manifest), ref.Tag())
	return pushed, watched.cause(ctx, err)
}

func pushBlob(ctx context.Context, repository *remote.Repository, blob ocispec.Descriptor, content io.Reader) error {
	there, err := repository.Blobs().Exists(ctx, blob)
	if err != nil || there {
		return err
	}
	return repository.Blobs().Push(ctx, blob, content)
}
