package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/servicepack/svp/engine/archive"
	"github.com/servicepack/svp/engine/dependency"
	"github.com/servicepack/svp/engine/driver"
	"github.com/servicepack/svp/engine/pack"
	"github.com/servicepack/svp/engine/plan"
)

// bringsDependencies tells whether the build gets files: those that the pack was
// packaged with, and offline all that it depends on.
func (r baseRequest) bringsDependencies() bool {
	return len(r.dependencies) > 0 && (r.offline || len(r.pack.BundledDependencies()) > 0)
}

// bundledDependencies are the files that the pack was packaged with, by their
// names.
func bundledDependencies(dir *pack.Dir) map[string]pack.File {
	files := map[string]pack.File{}
	for _, file := range dir.BundledDependencies() {
		files[path.Base(file.Path)] = file
	}
	return files
}

// dependencyEntries are the files for the build. What is not in the package is
// looked for on this machine when the build is offline, and else downloaded by
// the build itself. Nobody need have looked at them since they came here, and an
// image is known by the pack that names their sums: so they are verified on the
// way.
func (e *Engine) dependencyEntries(ctx context.Context, r baseRequest) ([]archive.Entry, error) {
	bundled := bundledDependencies(r.pack)
	var entries []archive.Entry
	var others []dependency.Dependency
	for _, declared := range r.dependencies {
		wanted := dependency.Dependency{URI: declared.URI, SHA256: declared.SHA256}
		name, err := wanted.Name()
		if err != nil {
			return nil, err
		}
		file, found := bundled[name]
		if !found {
			others = append(others, wanted)
			continue
		}
		entries = append(entries, verified(wanted, name, file.Size, func() (io.ReadCloser, error) {
			return r.pack.OpenFile(file.Path)
		}))
	}
	if !r.offline {
		return entries, nil
	}
	files, err := e.dependenciesHere(ctx, others)
	if err != nil {
		return nil, err
	}
	for i, file := range files {
		entries = append(entries, verified(others[i], file.Name, file.Size, func() (io.ReadCloser, error) {
			return os.Open(file.Path)
		}))
	}
	return entries, nil
}

// dependenciesHere finds files that were downloaded before, or are on this machine
// anyway.
func (e *Engine) dependenciesHere(ctx context.Context, wanted []dependency.Dependency) ([]dependency.File, error) {
	if len(wanted) == 0 {
		return nil, nil
	}
	files, err := dependency.Fetch(ctx, wanted, dependency.Options{CacheDir: e.DependencyCache(), Offline: true})
	var missing *dependency.MissingError
	if errors.As(err, &missing) {
		return nil, &Error{
			Op: "build offline", Kind: NotFound, Err: fmt.Errorf("what the pack depends on is not here: %s", strings.Join(missing.URIs, ", ")),
			Hint: "take a package that brings it along: svp pack package --cached, on a machine with a network",
		}
	}
	return files, err
}

// DependencyCache is where downloads of dependencies are kept.
func (e *Engine) DependencyCache() string { return filepath.Join(e.config.CacheDir, "dependencies") }

func verified(wanted dependency.Dependency, name string, size int64, open func() (io.ReadCloser, error)) archive.Entry {
	return archive.Entry{Path: name, Mode: 0o644, Size: size, Open: func() (io.ReadCloser, error) {
		file, err := open()
		if err != nil {
			return nil, err
		}
		return wanted.Verify(file)
	}}
}

// dependencyVolume brings files to a build script: in a volume, which is no part
// of the image, and which the script cannot write to.
type dependencyVolume struct {
	scratchVolume
	filler  driver.ContainerSpec
	entries []archive.Entry
}

// provideDependencies makes the volume; fill fills it.
func (e *Engine) provideDependencies(ctx context.Context, request baseRequest, base plan.Base) (*dependencyVolume, error) {
	provided := &dependencyVolume{scratchVolume: scratchVolume{engine: e}}
	if base.DependencyVolume == "" {
		return provided, nil
	}
	var err error
	if provided.entries, err = e.dependencyEntries(ctx, request); err != nil {
		return nil, err
	}
	provided.filler = plan.PlanFiller(base)
	return provided, provided.create(ctx, base.DependencyVolume, base.DependencyLabels)
}

// fill copies the files into the volume, by way of a container that never runs: in
// that of the build, the volume cannot be written to.
func (v *dependencyVolume) fill(ctx context.Context) (err error) {
	if v.volume == "" {
		return nil
	}
	d, err := v.engine.driver(ctx)
	if err != nil {
		return err
	}
	filler, err := d.CreateContainer(ctx, v.filler)
	if err != nil {
		return err
	}
	defer func() { err = v.engine.removeAfter(ctx, filler, err) }()
	if err := v.engine.copyTo(ctx, filler, plan.DependencyDir, v.entries); err != nil {
		return fmt.Errorf("bring the dependencies: %w", err)
	}
	return nil
}
