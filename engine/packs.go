package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/servicepack/svp/engine/archive"
	"github.com/servicepack/svp/engine/pack"
)

// Where a pack was found; a Locator has words of its own.
const (
	originFolder   = "folder"
	originPath     = "pack path"
	originEmbedded = "reference pack"
)

// openedPack is a pack and where it was found.
type openedPack struct {
	*pack.Dir
	origin string
}

// openPack opens the pack that the user means: a folder, or, where none of that
// name exists, what the Locator knows, a pack on the pack path, or else a
// reference pack.
func (e *Engine) openPack(ctx context.Context, name string) (*openedPack, error) {
	return e.openPackWith(ctx, name, false)
}

// openPackWith opens a pack; offline, nothing is fetched for it: neither the pack,
// nor the image that its queries are isolated in.
func (e *Engine) openPackWith(ctx context.Context, name string, offline bool) (*openedPack, error) {
	found, err := e.findPack(ctx, name, offline)
	if err != nil {
		return nil, err
	}
	isolated, options := e.querier(found, offline)
	opened, err := pack.Open(found.Folder, options...)
	if err != nil {
		return nil, err
	}
	isolated.dir = opened
	e.tellOrigin(name, found)
	return &openedPack{Dir: opened, origin: found.Origin}, nil
}

// querier decides who asks a pack. The options are empty where this machine does;
// else they are for the isolated one, which has to be told the pack when it is open.
func (e *Engine) querier(found FoundPack, offline bool) (*isolatedQuerier, []pack.Option) {
	isolated := &isolatedQuerier{engine: e, offline: offline}
	if !e.config.IsolateQueries && !found.Fetched {
		return isolated, nil
	}
	return isolated, []pack.Option{pack.WithQuerier(isolated)}
}

// tellOrigin says where a pack was found that was not named by its folder.
func (e *Engine) tellOrigin(name string, found FoundPack) {
	if found.Origin != originFolder {
		e.note(fmt.Sprintf("pack %s: %s %s", name, found.Origin, found.Folder))
	}
}

func (e *Engine) findPack(ctx context.Context, name string, offline bool) (FoundPack, error) {
	if name == "" {
		return FoundPack{}, usagef("name a folder, or a pack such as postgresql", "no pack is named")
	}
	info, err := os.Stat(name)
	folder := err == nil && info.IsDir()
	switch {
	case !folder && e.knows(name):
		located, origin, err := e.config.Locator.Locate(ctx, name, offline)
		return FoundPack{Folder: located, Origin: origin, Fetched: true}, err
	case folder, err != nil && !errors.Is(err, fs.ErrNotExist), strings.ContainsAny(name, `/\`):
		return FoundPack{Folder: name, Origin: originFolder, Fetched: folder && e.fetched(name)}, nil
	}
	return e.findNamed(name)
}

// findNamed finds a pack on the pack path or among the reference packs.
func (e *Engine) findNamed(name string) (FoundPack, error) {
	for _, dir := range e.config.PackPath {
		candidate := filepath.Join(dir, name)
		if info, err := os.Stat(candidate); err == nil && info.IsDir() {
			return FoundPack{Folder: candidate, Origin: originPath, Fetched: e.fetched(candidate)}, nil
		}
	}
	if e.isEmbedded(name) {
		folder, err := e.unpackEmbedded(name)
		return FoundPack{Folder: folder, Origin: originEmbedded}, err
	}
	names, err := e.Packs()
	if err != nil {
		return FoundPack{}, err
	}
	return FoundPack{}, &Error{
		Op: "open pack", Subject: name, Kind: NotFound, Err: errors.New("no such folder, and no pack of that name"),
		Hint: "packs known by name: " + strings.Join(names, ", "),
	}
}

// Packs lists the packs that can be named without a folder.
func (e *Engine) Packs() ([]string, error) {
	names := map[string]bool{}
	if e.config.Embedded != nil {
		entries, err := fs.ReadDir(e.config.Embedded, ".")
		if err != nil {
			return nil, fail("list packs", "", err)
		}
		for _, entry := range entries {
			if e.isEmbedded(entry.Name()) {
				names[entry.Name()] = true
			}
		}
	}
	for _, dir := range e.config.PackPath {
		queries, err := filepath.Glob(filepath.Join(dir, "*", "bin", "query"))
		if err != nil {
			return nil, fail("list packs", dir, err)
		}
		for _, query := range queries {
			names[filepath.Base(filepath.Dir(filepath.Dir(query)))] = true
		}
	}
	return slices.Sorted(maps.Keys(names)), nil
}

func (e *Engine) isEmbedded(name string) bool {
	if e.config.Embedded == nil || !fs.ValidPath(name) {
		return false
	}
	_, err := fs.Stat(e.config.Embedded, path.Join(name, "bin", "query"))
	return err == nil
}

// unpackEmbedded gives an embedded pack a folder of its own in the cache, named
// by its contents, so that it can be run. Another svp may do the same meanwhile.
func (e *Engine) unpackEmbedded(name string) (string, error) {
	files, err := embeddedFiles(e.config.Embedded, name)
	if err != nil {
		return "", fmt.Errorf("read reference pack %s: %w", name, err)
	}
	sum, err := contentsDigest(files)
	if err != nil {
		return "", fmt.Errorf("read reference pack %s: %w", name, err)
	}
	parent := filepath.Join(e.config.CacheDir, "packs", sum)
	folder := filepath.Join(parent, name)
	if _, err := os.Stat(folder); err == nil {
		return folder, nil
	}
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return "", fmt.Errorf("unpack reference pack %s: %w", name, err)
	}
	temporary, err := os.MkdirTemp(parent, ".unpack-*")
	if err != nil {
		return "", fmt.Errorf("unpack reference pack %s: %w", name, err)
	}
	defer func() { _ = os.RemoveAll(temporary) }() // gone already when it was renamed
	if err := writeFiles(temporary, files); err != nil {
		return "", fmt.Errorf("unpack reference pack %s: %w", name, err)
	}
	if err := os.Rename(temporary, folder); err != nil {
		if _, statErr := os.Stat(folder); statErr == nil {
			return folder, nil
		}
		return "", fmt.Errorf("unpack reference pack %s: %w", name, err)
	}
	return folder, nil
}

// embeddedFiles reads a pack out of an embedded file system. An embedded file
// has no mode of its own: what begins with "#!" is meant to be run.
func embeddedFiles(embedded fs.FS, name string) ([]archive.Entry, error) {
	var files []archive.Entry
	err := fs.WalkDir(embedded, name, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(embedded, file)
		if err != nil {
			return err
		}
		mode := fs.FileMode(0o644)
		if strings.HasPrefix(string(content), "#!") {
			mode = 0o755
		}
		files = append(files, archive.Entry{Path: strings.TrimPrefix(file, name+"/"), Mode: mode, Content: content})
		return nil
	})
	return files, err
}

func writeFiles(folder string, files []archive.Entry) error {
	for _, file := range files {
		target := filepath.Join(folder, filepath.FromSlash(file.Path))
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil { //nolint:gosec // a pack is no secret
			return err
		}
		if err := os.WriteFile(target, file.Content, file.Mode); err != nil {
			return err
		}
		// The user's umask is not the pack's.
		if err := os.Chmod(target, file.Mode); err != nil {
			return err
		}
	}
	return nil
}

// PackInfo is what a pack says of itself.
type PackInfo struct {
	Name        string   `json:"name"`
	Group       string   `json:"group,omitempty"`
	Version     string   `json:"version,omitempty"`
	Description string   `json:"description,omitempty"`
	Tags        []string `json:"tags"`
	Path        string   `json:"path"`
	Origin      string   `json:"origin"` // "folder", "pack path", "reference pack", or a word of the Locator
	Digest      string   `json:"digest"`
	Contract    int      `json:"contract"`
	OS          string   `json:"os"`
	Secrets     []string `json:"secrets"`
	Components  []string `json:"components"`
	Ports       []string `json:"ports"`
	Volumes     []string `json:"volumes"`
	ShmBytes    int64    `json:"shm_bytes"`
	Scripts     []string `json:"scripts"`
	Plans       []string `json:"plans"`
	Volatile    bool     `json:"volatile"` // its data is in memory alone
}

// InspectPack asks a pack everything that needs no secret. It needs no container
// host unless queries are isolated.
func (e *Engine) InspectPack(ctx context.Context, name string) (PackInfo, error) {
	opened, err := e.openPack(ctx, name)
	if err != nil {
		return PackInfo{}, fail("inspect pack", name, err)
	}
	d, err := opened.Describe(ctx)
	if err != nil {
		return PackInfo{}, fail("inspect pack", name, err)
	}
	return opened.info(d), nil
}

func (p *openedPack) info(d pack.Descriptor) PackInfo {
	info := PackInfo{
		Name: d.Name, Group: d.Group, Version: d.Version, Description: d.Description, Tags: filled(d.Tags),
		Path: p.Path(), Origin: p.origin, Digest: d.Digest, Contract: d.Contract, OS: d.OS.String(),
		Secrets: filled(d.Secrets), Components: filled(d.Components), Volumes: filled(d.Volumes),
		ShmBytes: d.ShmBytes, Ports: []string{}, Scripts: []string{}, Plans: []string{}, Volatile: d.Volatile,
	}
	for _, port := range d.Ports {
		info.Ports = append(info.Ports, port.String())
	}
	for script, there := range d.Scripts {
		if there {
			info.Scripts = append(info.Scripts, script)
		}
	}
	slices.Sort(info.Scripts)
	for _, plan := range d.Plans {
		info.Plans = append(info.Plans, plan.Name)
	}
	return info
}

// filled makes a list that JSON shows as [] rather than null.
func filled(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
