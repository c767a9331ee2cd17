package copkg

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/servicepack/svp/engine/coordinate"
	"github.com/servicepack/svp/engine/pack"
)

// Package is a pack that can be packaged.
type Package struct {
	dir        *pack.Dir
	coordinate coordinate.Coordinate
	scripts    []string // that packaging adds
}

// New makes sure that the pack can be packaged. The error is a *pack.Error that
// names what is missing or in the way.
func New(dir *pack.Dir) (*Package, error) {
	c, err := Coordinate(dir)
	if err != nil {
		return nil, err
	}
	p := &Package{dir: dir, coordinate: c}
	if err := p.checkKinds(); err != nil {
		return nil, err
	}
	if err := p.checkDependencies(); err != nil {
		return nil, err
	}
	p.scripts, err = p.missingScripts()
	return p, err
}

// Coordinate is what the pack is called by as a package: group, name and version
// of its servicepack.yaml. The error is a *pack.Error.
func Coordinate(dir *pack.Dir) (coordinate.Coordinate, error) {
	identity, err := dir.Identity()
	if err != nil {
		return coordinate.Coordinate{}, err
	}
	parts := []struct {
		key   string
		value string
		check func(string) error
	}{
		{"group", identity.Group, coordinate.CheckGroup},
		{"name", identity.Name, coordinate.CheckName},
		{"version", identity.Version, coordinate.CheckVersion},
	}
	for _, part := range parts {
		if err := part.check(part.value); err != nil {
			return coordinate.Coordinate{}, dir.IdentityError(part.key, err)
		}
	}
	return coordinate.New(identity.Group, identity.Name, identity.Version)
}

// Coordinate is what the package is called by.
func (p *Package) Coordinate() coordinate.Coordinate { return p.coordinate }

// Digest is the one of the pack, whether it is packaged or not.
func (p *Package) Digest() (string, error) { return p.dir.Digest() }

// Dependencies are the files that a package may carry, as servicepack.yaml lists
// them.
func (p *Package) Dependencies() []pack.Dependency { return p.dir.Dependencies() }

// checkKinds refuses what a zip archive of the format cannot hold.
func (p *Package) checkKinds() error {
	for _, file := range p.dir.Files() {
		switch {
		case !file.Mode.IsRegular() && !file.Mode.IsDir():
			return p.dir.Fault(&pack.Error{
				File: file.Path, Reason: "a symlink; a package holds files and folders only",
				Hint: "put a copy of what it leads to in its place, or let bin/build make the link",
			})
		case !file.Mode.IsDir() && slices.Contains(folders, file.Path):
			return p.dir.Fault(&pack.Error{File: file.Path, Reason: "a file; a package has a folder of that name"})
		}
	}
	return nil
}

// checkDependencies refuses two files that would lie in the same place, and
// credentials, since a package has servicepack.yaml as it is.
func (p *Package) checkDependencies() error {
	lines := map[string]int{}
	for i, dependency := range p.Dependencies() {
		name, err := dependencyName(dependency.URI)
		if first, taken := lines[strings.ToLower(name)]; taken && err == nil {
			err = fmt.Errorf("the file is called %s, as the one on line %d is; in a package they are in one folder", name, first)
		}
		if err != nil {
			return p.dir.Fault(&pack.Error{
				File: manifestFile, Key: fmt.Sprintf("dependencies[%d].uri", i), Line: dependency.Line, Reason: err.Error(),
			})
		}
		lines[strings.ToLower(name)] = dependency.Line
	}
	return nil
}

// dependencyName is the last part of the uri's path. An error does not show the
// uri, which may hold a password.
func dependencyName(uri string) (string, error) {
	parsed, err := url.Parse(uri)
	if err != nil {
		return "", errors.New("not an address such as https://example.org/file.tar.gz")
	}
	if parsed.User != nil || parsed.RawQuery != "" {
		return "", errors.New("the package would hand on what may be a credential: a user, password or query")
	}
	name := path.Base(parsed.Path)
	if name == "." || name == "/" || strings.HasSuffix(parsed.Path, "/") {
		return "", errors.New("the address ends in no file name")
	}
	return name, nil
}
