package registry

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// What packages are called in a registry.
const (
	// ArtifactType is the kind of an artifact that is a package.
	ArtifactType = "application/vnd.servicepack.package.v1"
	// LayerType is the media type of its one layer, a zip file as copkg has it.
	LayerType = "application/vnd.servicepack.package.v1+zip"
	// AnnotationCoordinate says which package it is, as group:name:version.
	AnnotationCoordinate = "org.servicepack.coordinate"
	// AnnotationPackDigest is the digest of the pack in it.
	AnnotationPackDigest = "org.servicepack.pack.digest"
	// AnnotationSignature holds the signature of the zip file.
	AnnotationSignature = "org.servicepack.signature"
)

// Package is a package in a registry, as its manifest describes it.
type Package struct {
	Digest string // of the manifest: "sha256:…"
	SHA256 string // of the zip file, in hex
	Size   int64  // of the zip file
	// Coordinate, PackDigest and Signature are what the manifest says, which
	// nobody has checked; they may be empty.
	Coordinate string
	PackDigest string
	Signature  string
}

func (p Package) layer() ocispec.Descriptor {
	return ocispec.Descriptor{MediaType: LayerType, Digest: digest.NewDigestFromEncoded(digest.SHA256, p.SHA256), Size: p.Size}
}

// writeManifest makes the manifest of a package; the same package gives the same
// bytes.
func writeManifest(file string, p Package) ([]byte, error) {
	layer := p.layer()
	layer.Annotations = map[string]string{ocispec.AnnotationTitle: file}
	annotations := map[string]string{
		AnnotationCoordinate: p.Coordinate, AnnotationPackDigest: p.PackDigest, AnnotationSignature: p.Signature,
	}
	maps.DeleteFunc(annotations, func(_, value string) bool { return value == "" })
	return json.Marshal(ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest, ArtifactType: ArtifactType,
		Config: ocispec.DescriptorEmptyJSON, Layers: []ocispec.Descriptor{layer}, Annotations: annotations,
	})
}

// readManifest reads the manifest of a package; its error matches ErrNoPackage.
func readManifest(content []byte) (Package, error) {
	var manifest ocispec.Manifest
	if err := json.Unmarshal(content, &manifest); err != nil {
		return Package{}, fmt.Errorf("%w: its manifest is no JSON", ErrNoPackage)
	}
	switch {
	case manifest.ArtifactType != ArtifactType:
		return Package{}, fmt.Errorf("%w, but of the type %q", ErrNoPackage, clip(kindOf(manifest)))
	case len(manifest.Layers) != 1:
		return Package{}, fmt.Errorf("%w: it has %d layers, not one", ErrNoPackage, len(manifest.Layers))
	}
	layer := manifest.Layers[0]
	switch {
	case layer.MediaType != LayerType:
		return Package{}, fmt.Errorf("%w: its layer is of the type %q", ErrNoPackage, clip(layer.MediaType))
	case layer.Digest.Validate() != nil || layer.Digest.Algorithm() != digest.SHA256:
		return Package{}, fmt.Errorf("%w: its layer has no digest of SHA-256", ErrNoPackage)
	case layer.Size <= 0:
		return Package{}, fmt.Errorf("%w: its layer has the size %d", ErrNoPackage, layer.Size)
	}
	return Package{
		Digest: digest.FromBytes(content).String(), SHA256: layer.Digest.Encoded(), Size: layer.Size,
		Coordinate: manifest.Annotations[AnnotationCoordinate], PackDigest: manifest.Annotations[AnnotationPackDigest],
		Signature: manifest.Annotations[AnnotationSignature],
	}, nil
}

// kindOf is what a manifest is instead: an image has no artifact type.
func kindOf(manifest ocispec.Manifest) string {
	if manifest.ArtifactType != "" {
		return manifest.ArtifactType
	}
	return strings.TrimSpace(manifest.Config.MediaType)
}
