package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/servicepack/svp/engine"
	"github.com/servicepack/svp/engine/buildpack"
)

// isBuildpack tells a folder for buildpack-packager from a pack, which may have a
// manifest.yml of its own.
func isBuildpack(folder string) bool {
	_, err := os.Stat(filepath.Join(folder, "bin", "query"))
	return errors.Is(err, os.ErrNotExist) && buildpack.Is(folder)
}

// packagedBuildpack is what `svp pack package --json` tells of a buildpack.
type packagedBuildpack struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"`
	Cached bool   `json:"cached"`
	Stack  string `json:"stack,omitempty"` // empty: any
}

func runPackageBuildpack(ctx context.Context, streams *Streams, s session, o packageOptions) error {
	result, err := packageBuildpack(ctx, streams.Err, s, o)
	if err != nil {
		return buildpackError(o.pack, err)
	}
	if o.json {
		return writeJSON(streams.Out, result)
	}
	_, err = fmt.Fprintln(streams.Out, result.Path)
	return err
}

func packageBuildpack(ctx context.Context, messages io.Writer, s session, o packageOptions) (packagedBuildpack, error) {
	opened, err := buildpack.Open(o.pack)
	if err != nil {
		return packagedBuildpack{}, err
	}
	form := buildpack.Form{Cached: o.cached, Stack: o.stack}
	if err := opened.Check(form); err != nil {
		return packagedBuildpack{}, err
	}
	options, err := s.dependencyOptions()
	if err != nil {
		return packagedBuildpack{}, err
	}
	name := filepath.Join(o.folder, opened.FileName(form))
	sum := &measure{Hash: sha256.New()}
	err = writeSharedFile(name, func(file *os.File) error {
		return opened.Write(ctx, io.MultiWriter(localWriter{file, name}, sum), buildpack.Options{
			Form: form, Messages: messages, Dependencies: options,
		})
	})
	return packagedBuildpack{
		Path: name, SHA256: hex.EncodeToString(sum.Sum(nil)), Size: sum.size, Cached: form.Cached, Stack: form.Stack,
	}, err
}

// buildpackError sorts what is wrong in the folder from what went wrong.
func buildpackError(folder string, err error) error {
	var invalid *buildpack.Error
	if !errors.As(err, &invalid) {
		return err
	}
	return &engine.Error{Op: "package", Subject: folder, Kind: engine.InvalidPack, Err: err, Hint: invalid.Hint}
}

// checkStack refuses what makes no sense for the folder. As in buildpack-packager,
// the stack of a buildpack is named, or none on purpose.
func (o packageOptions) checkStack(inv *invocation) error {
	chosen := o.stack != "" || o.anyStack
	switch {
	case o.stack != "" && o.anyStack:
		return inv.usageError("--stack and --any-stack exclude each other", "")
	case isBuildpack(o.pack) && !chosen:
		return inv.usageError(o.pack+" is a buildpack: for which stack?", "name it with --stack NAME, or say --any-stack")
	case !isBuildpack(o.pack) && chosen:
		return inv.usageError("--stack and --any-stack are for buildpacks, which have a manifest.yml", "")
	}
	return nil
}
