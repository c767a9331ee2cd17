package buildpack

import (
	"bytes"
	"context"
	"crypto/md5" //nolint:gosec // names a folder, as buildpack-packager does, and vouches for nothing
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"go.yaml.in/yaml/v3"

	"github.com/servicepack/svp/engine/archive"
	"github.com/servicepack/svp/engine/dependency"
)

// fetch returns the files of the dependencies, in their order, each where
// buildpack-packager would put it: dependencies/<md5 of the uri>/<file>. What is
// no part of an address that may be shown is no part of the md5 either.
func (m *manifest) fetch(ctx context.Context, kept []int, o dependency.Options) ([]archive.Entry, error) {
	var wanted []dependency.Dependency
	for _, k := range kept {
		wanted = append(wanted, m.Dependencies[k].dependency())
	}
	files, err := dependency.Fetch(ctx, wanted, o)
	if err != nil {
		return nil, err
	}
	entries := make([]archive.Entry, 0, len(files))
	for i, file := range files {
		entries = append(entries, archive.Entry{
			Path: "dependencies/" + placeOf(dependency.Redact(wanted[i].URI)) + "/" + file.Name, Mode: 0o644, Size: file.Size,
			Open: func() (io.ReadCloser, error) {
				content, err := os.Open(file.Path)
				if err != nil {
					return nil, err
				}
				return wanted[i].Verify(content)
			},
		})
	}
	return entries, nil
}

func placeOf(uri string) string {
	sum := md5.Sum([]byte(uri)) //nolint:gosec // as above
	return hex.EncodeToString(sum[:])
}

// rewrite returns the manifest of the package: with the stack that it is for, with
// those dependencies alone, and with the places of those that it has.
func (m *manifest) rewrite(form Form, kept []int, places []string) ([]byte, error) {
	if !form.Cached && form.Stack == "" {
		return m.content, nil
	}
	var document yaml.Node
	if err := yaml.Unmarshal(m.content, &document); err != nil {
		return nil, yamlError(err)
	}
	edited := manifest{document: document}
	if list := edited.dependencyList(); list != nil {
		var entries []*yaml.Node
		for i, k := range kept {
			entry := list.Content[k]
			editDependency(entry, form, places[i], m.Dependencies[k].URI.value)
			entries = append(entries, entry)
		}
		list.Content = entries
	}
	if form.Stack != "" {
		setField(document.Content[0], "stack", form.Stack)
	}
	var rewritten bytes.Buffer
	encoder := yaml.NewEncoder(&rewritten)
	encoder.SetIndent(2)
	if err := errors.Join(encoder.Encode(&document), encoder.Close()); err != nil {
		return nil, fmt.Errorf("write %s: %w", ManifestFile, err)
	}
	return rewritten.Bytes(), nil
}

func editDependency(entry *yaml.Node, form Form, place, uri string) {
	if form.Cached {
		setField(entry, "uri", dependency.Redact(uri))
		setField(entry, "file", place)
	}
	if form.Stack != "" {
		removeField(entry, "cf_stacks")
	}
}

// setField changes the field of a mapping, or adds it.
func setField(mapping *yaml.Node, key, value string) {
	node := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			node.Style = mapping.Content[i+1].Style
			mapping.Content[i+1] = node
			return
		}
	}
	mapping.Content = append(mapping.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: key}, node)
}

func removeField(mapping *yaml.Node, key string) {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			mapping.Content = append(mapping.Content[:i:i], mapping.Content[i+2:]...)
			return
		}
	}
}
