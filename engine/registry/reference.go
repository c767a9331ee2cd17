package registry

import (
	"fmt"
	"net"
	"net/netip"
	"strings"

	"oras.land/oras-go/v2/registry"
)

// Scheme begins every reference.
const Scheme = "oci://"

// Reference names a package in a registry: oci://HOST/REPOSITORY:TAG, or with
// @sha256:… in place of the tag.
type Reference struct{ parsed registry.Reference }

// IsReference tells that the text is meant to be a reference.
func IsReference(text string) bool { return strings.HasPrefix(text, Scheme) }

// Show makes what is meant to be a reference safe to show. Credentials do not belong
// into one, and yet may stand there: before an @ that no digest follows.
func Show(text string) string {
	if !IsReference(text) {
		return text
	}
	name, digest := text, ""
	if i := strings.LastIndex(text, "@sha256:"); i >= 0 {
		name, digest = text[:i], text[i:]
	}
	if i := strings.LastIndex(name, "@"); i >= 0 {
		name = Scheme + "REDACTED" + name[i:]
	}
	return name + digest
}

// ParseReference reads a reference. Its error matches ErrReference.
func ParseReference(text string) (Reference, error) {
	name, found := strings.CutPrefix(text, Scheme)
	if !found {
		return Reference{}, fmt.Errorf("%w: it begins with %s", ErrReference, Scheme)
	}
	host, path, _ := strings.Cut(name, "/")
	if strings.Contains(host, "@") {
		// Not shown: there may be a password in it.
		return Reference{}, fmt.Errorf("%w: no credentials belong into it", ErrReference)
	}
	parsed, err := registry.ParseReference(name)
	switch {
	case err != nil:
		return Reference{}, fmt.Errorf("%w: %q is not %sHOST/REPOSITORY:TAG", ErrReference, Show(text), Scheme)
	case parsed.Reference == "":
		return Reference{}, fmt.Errorf("%w: %q names no tag", ErrReference, Show(text))
	case strings.Contains(path, "@") && !strings.HasPrefix(parsed.Reference, "sha256:"):
		return Reference{}, fmt.Errorf("%w: %q has no digest of SHA-256", ErrReference, Show(text))
	}
	return Reference{parsed}, nil
}

// String is the whole reference.
func (r Reference) String() string { return Scheme + r.parsed.String() }

// Tag is the tag; empty where a digest is named.
func (r Reference) Tag() string {
	if r.byDigest() {
		return ""
	}
	return r.parsed.Reference
}

func (r Reference) byDigest() bool { return strings.HasPrefix(r.parsed.Reference, "sha256:") }

// At is the same repository by the digest of a manifest.
func (r Reference) At(digest string) Reference {
	r.parsed.Reference = digest
	return r
}

// onLoopback tells that the registry is on this machine.
func (r Reference) onLoopback() bool {
	host := r.parsed.Registry
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	address, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host == "localhost" || err == nil && address.IsLoopback()
}

// Repository is the name of the repository, without the registry's.
func (r Reference) Repository() string { return r.parsed.Repository }
