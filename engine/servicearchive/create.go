package servicearchive

import (
	"bytes"
	"cmp"
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"github.com/servicepack/svp/engine/archive"
	"github.com/servicepack/svp/engine/coordinate"
	"github.com/servicepack/svp/engine/pack"
)

// What stands in a profile where a pack is silent.
const (
	defaultClass   = "servicepack"
	defaultVersion = "0.0.0"
)

// packSuffix ends the name of the package that holds the pack itself.
const packSuffix = "-pack"

// FileName is the name that an archive has in a Maven repository.
func FileName(name, version string) string {
	return name + "-" + cmp.Or(version, defaultVersion) + "-servicearchive.tar.gz"
}

// Contents is what an archive is made of: a pack's folder, and what the pack says
// of itself.
type Contents struct {
	Folder      string
	Group       string // the service's class; empty: "servicepack"
	Name        string // empty: that of the folder's pack
	Version     string // empty: 0.0.0
	Description string
	Components  []string
	// Maven writes the coordinate group:name:version as MavenCoordinates, which
	// profiles of later releases than the schema have.
	Maven bool
}

// Create writes the Service Archive of a pack. The same pack gives the same bytes.
// The package NAME-pack is the pack, and each component a package that depends on
// it; a pack without components is one package. The error is an *Error or a
// *pack.Error when the pack cannot become an archive.
func Create(ctx context.Context, w io.Writer, c Contents) error {
	dir, err := pack.Open(c.Folder)
	if err != nil {
		return err
	}
	c.Name = cmp.Or(c.Name, dir.Name())
	files := dir.Files()
	profile, err := c.profile(files)
	if err != nil {
		return err
	}
	entries := []archive.Entry{{Path: profileFile, Mode: 0o644, Content: profile}}
	folder := c.Name + packSuffix
	for _, file := range files {
		entry := archive.Entry{Path: folder + "/" + file.Path, Mode: file.Mode, Link: file.Link, Size: file.Size}
		if file.Mode.IsRegular() {
			entry.Open = func() (io.ReadCloser, error) { return dir.OpenFile(file.Path) }
		}
		entries = append(entries, entry)
	}
	for _, component := range c.Components {
		entries = append(entries, archive.Entry{
			Path: c.Name + "-" + component + "/" + starter, Mode: 0o755, Content: starterOf(folder, component),
		})
	}
	return archive.WriteTarGz(ctx, w, entries)
}

// starter is the one file of a component's package: the schema wants a package to
// have files.
const starter = "run"

func starterOf(folder, component string) []byte {
	return fmt.Appendf(nil, `#!/bin/sh
# Starts the component %[2]s of the pack in the folder beside this one.
cd "$(dirname "$0")/../%[1]s" && exec bin/run %[2]s
`, folder, component)
}

// profile writes the Service Profile, and reads it again: an element cannot hold
// every name that a file can have.
func (c Contents) profile(files []pack.File) ([]byte, error) {
	resource, err := c.resource(files)
	if err != nil {
		return nil, err
	}
	text, err := xml.MarshalIndent(resource, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", profileFile, err)
	}
	text = slices.Concat([]byte(xml.Header), text, []byte("\n"))
	if len(text) > MaxProfile {
		return nil, faulty(0, fmt.Sprintf("it would be larger than %d bytes: the pack has too many files", MaxProfile))
	}
	read, err := ReadProfile(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	declared := read.Packages[0].Files
	for i, name := range filePaths(files) {
		if i >= len(declared) || declared[i] != name {
			return nil, &Error{Path: name, Reason: "no Service Profile can declare a file of that name; rename it"}
		}
	}
	return text, nil
}

func (c Contents) resource(files []pack.File) (resourceElement, error) {
	service := serviceElement{
		Class: cmp.Or(c.Group, defaultClass), Name: c.Name, Version: cmp.Or(c.Version, defaultVersion),
	}
	whole := packageElement{
		XMLName: xml.Name{Local: string(Software)}, Name: c.Name + packSuffix, Version: service.Version,
		Description: "The servicepack", Type: "application", Files: &fileList{filePaths(files)},
	}
	if c.Maven {
		coordinates, err := c.coordinates()
		if err != nil {
			return resourceElement{}, err
		}
		whole.Maven = coordinates
	}
	packages := []packageElement{whole}
	for _, component := range c.Components {
		if "-"+component == packSuffix {
			return resourceElement{}, &Error{Reason: fmt.Sprintf(
				"the component %s cannot be a package: %s is that of the pack itself", component, whole.Name)}
		}
		packages = append(packages, packageElement{
			XMLName: whole.XMLName, Name: c.Name + "-" + component, Version: service.Version,
			Description: "The component " + component, Type: whole.Type, Files: &fileList{[]string{starter}},
			DependsOn: &dependencyList{[]dependencyElement{{
				Service: service, Package: whole.Name, Version: service.Version,
				Scope: &levelElement{Level: "GHN"}, Optional: "false",
			}}},
		})
	}
	return resourceElement{
		Type: "Service",
		Profile: profileElement{
			Description: c.Description, Class: service.Class, Name: service.Name, Version: service.Version,
			Packages: &packagesElement{List: packages},
		},
	}, nil
}

func (c Contents) coordinates() (*mavenElement, error) {
	whole, err := coordinate.New(c.Group, c.Name, c.Version)
	if err != nil {
		return nil, &Error{Reason: "the pack has no coordinate for MavenCoordinates: " + err.Error(), Err: err}
	}
	return &mavenElement{Group: whole.Group, Artifact: whole.Name, Version: whole.Version}, nil
}

// filePaths are what a profile declares: everything but folders.
func filePaths(files []pack.File) []string {
	var paths []string
	for _, file := range files {
		if file.Mode&fs.ModeDir == 0 {
			paths = append(paths, file.Path)
		}
	}
	return paths
}
