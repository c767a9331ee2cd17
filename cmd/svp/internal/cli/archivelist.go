package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/docker/go-units"
	urfave "github.com/urfave/cli/v2"

	"github.com/servicepack/svp/engine/servicearchive"
)

func newArchiveListCommand(w *wiring) *command {
	var asJSON bool
	return &command{
		name: "list", aliases: []string{"ls"}, summary: "List the packages of a Service Archive",
		details: "With --json their files, too.",
		example: "svp archive list shop.tar.gz\nsvp archive list shop.tar.gz --json | jq -r '.packages[].files[].path'",
		args:    []string{"ARCHIVE"},
		flags:   []urfave.Flag{jsonFlag(&asJSON)},
		run: func(ctx context.Context, inv *invocation) error {
			return runArchiveList(ctx, w.streams.Out, inv.arg(0), asJSON)
		},
	}
}

func runArchiveList(ctx context.Context, out io.Writer, name string, asJSON bool) error {
	listed, err := readArchive(ctx, "list archive", name, servicearchive.List)
	if err != nil {
		return err
	}
	document := newArchiveDocument(listed)
	if asJSON {
		return writeJSON(out, document)
	}
	table := newTable(out)
	fmt.Fprintln(table, "PACKAGE\tKIND\tVERSION\tFILES\tSIZE\tNEEDS")
	for _, p := range document.Packages {
		var size int64
		for _, file := range p.Files {
			size += file.Size
		}
		var needs []string
		for _, dependency := range p.DependsOn {
			needs = append(needs, dependency.Package)
		}
		kind := p.Kind
		if p.Type != "" {
			kind = p.Type
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%s\t%s\n", oneLine(p.Name), oneLine(kind), orDash(oneLine(p.Version)), len(p.Files),
			units.BytesSize(float64(size)), orDash(oneLine(strings.Join(needs, ", "))))
	}
	return table.Flush()
}

// archiveDocument is a Service Archive as JSON.
type archiveDocument struct {
	Class       string           `json:"class"`
	Name        string           `json:"name"`
	Version     string           `json:"version"`
	Description string           `json:"description,omitempty"`
	Packages    []archivePackage `json:"packages"`
}

type archivePackage struct {
	Name        string              `json:"name"`
	Kind        string              `json:"kind"`           // "Main", "Software" or "Plugin"
	Type        string              `json:"type,omitempty"` // of Software
	Version     string              `json:"version"`
	Description string              `json:"description,omitempty"`
	Maven       string              `json:"maven,omitempty"` // GROUP:ARTIFACT:VERSION
	URI         string              `json:"uri,omitempty"`
	DependsOn   []archiveDependency `json:"depends_on"`
	Files       []archiveFile       `json:"files"`
}

type archiveDependency struct {
	Class    string `json:"class"`
	Service  string `json:"service"`
	Package  string `json:"package"`
	Version  string `json:"version,omitempty"`
	Optional bool   `json:"optional"`
}

type archiveFile struct {
	Path string `json:"path"` // in the package's folder
	Mode string `json:"mode"` // as "0755"
	Size int64  `json:"size"`
	Link string `json:"link,omitempty"` // of a symlink
}

func newArchiveDocument(a servicearchive.Archive) archiveDocument {
	d := archiveDocument{
		Class: a.Profile.Class, Name: a.Profile.Name, Version: a.Profile.Version, Description: a.Profile.Description,
		Packages: []archivePackage{},
	}
	files := a.Files()
	for _, declared := range a.Profile.Packages {
		p := archivePackage{
			Name: declared.Name, Kind: string(declared.Kind), Type: declared.Type, Version: declared.Version,
			Description: declared.Description, URI: declared.URI,
			DependsOn: []archiveDependency{}, Files: []archiveFile{},
		}
		if declared.Maven != nil {
			p.Maven = declared.Maven.String()
		}
		for _, dependency := range declared.DependsOn {
			p.DependsOn = append(p.DependsOn, archiveDependency(dependency))
		}
		for _, file := range files[declared.Name] {
			p.Files = append(p.Files, archiveFile{
				Path: file.Path, Mode: fmt.Sprintf("%04o", file.Mode.Perm()), Size: file.Size, Link: file.Link,
			})
		}
		d.Packages = append(d.Packages, p)
	}
	return d
}
