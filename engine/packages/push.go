package packages

import (
	"context"
	"errors"
	"os"
	"path"
	"path/filepath"

	"github.com/servicepack/svp/engine/copkg"
	"github.com/servicepack/svp/engine/pack"
	"github.com/servicepack/svp/engine/registry"
	"github.com/servicepack/svp/engine/signature"
)

// Pushed is a package that is in a registry.
type Pushed struct {
	Reference  string `json:"reference"`
	Digest     string `json:"digest"` // of the manifest
	Coordinate string `json:"coordinate"`
	PackDigest string `json:"pack_digest"`
	SHA256     string `json:"sha256"`
	Existed    bool   `json:"existed"` // it was there already
}

// Push puts a zip file, with the signature beside it, or the pack in a folder under
// a tag of a registry.
func (s *Store) Push(ctx context.Context, name string, ref registry.Reference) (Pushed, error) {
	info, err := os.Stat(name)
	if err != nil {
		return Pushed{}, err
	}
	if !info.IsDir() {
		return s.push(ctx, name, ref)
	}
	stage, err := s.cached.stage(ctx)
	if err != nil {
		return Pushed{}, err
	}
	defer stage.discard()
	if name, err = stage.packageFolder(ctx, name); err != nil {
		return Pushed{}, err
	}
	return s.push(ctx, name, ref)
}

func (s *Store) push(ctx context.Context, name string, ref registry.Reference) (Pushed, error) {
	// So that nothing is pushed that could not be used.
	there, err := s.Check(ctx, name)
	if err != nil {
		return Pushed{}, err
	}
	signed, err := ReadSignature(name)
	if err == nil && signed != nil {
		// A tag keeps what it got, a signature that nobody can use included.
		err = signature.CheckClaim(signed, there.Coordinate, there.SHA256)
	}
	if err != nil {
		return Pushed{}, err
	}
	file, err := os.Open(name)
	if err != nil {
		return Pushed{}, err
	}
	defer file.Close()
	client, err := s.config.Registry()
	if err != nil {
		return Pushed{}, err
	}
	pushed, existed, err := client.Push(ctx, ref, registry.Upload{
		Name: filepath.Base(name), Content: file, Size: there.Size, SHA256: there.SHA256,
		Coordinate: there.Coordinate, PackDigest: there.PackDigest, Signature: string(signed),
	})
	return Pushed{
		Reference: ref.String(), Digest: pushed.Digest, Coordinate: there.Coordinate, PackDigest: there.PackDigest,
		SHA256: there.SHA256, Existed: existed,
	}, err
}

// packageFolder packages the pack in a folder and returns the zip file's name.
func (s *stage) packageFolder(ctx context.Context, folder string) (string, error) {
	opened, err := pack.Open(folder)
	if err != nil {
		return "", err
	}
	packaged, err := copkg.New(opened)
	if err != nil {
		return "", err
	}
	file, err := os.OpenFile(filepath.Join(s.path, packaged.Coordinate().FileName()), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", err
	}
	return file.Name(), errors.Join(packaged.Write(ctx, file, bundled(opened)), file.Close())
}

// bundled are the files that a folder carries since it came as a package: with them
// it becomes the same package again.
func bundled(opened *pack.Dir) []copkg.Dependency {
	var dependencies []copkg.Dependency
	for _, file := range opened.BundledDependencies() {
		dependencies = append(dependencies, copkg.Dependency{
			Name: path.Base(file.Path), Path: filepath.Join(opened.Path(), filepath.FromSlash(file.Path)), Size: file.Size,
		})
	}
	return dependencies
}
