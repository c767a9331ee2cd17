package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/servicepack/svp/engine/archive"
	"github.com/servicepack/svp/engine/pack"
	"github.com/servicepack/svp/engine/plan"
)

// contentsDigest identifies files by their names, modes and contents.
func contentsDigest(files []archive.Entry) (string, error) {
	hash := sha256.New()
	if err := archive.Write(hash, files); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil))[:16], nil
}

// packEntries are the pack's files as they go into a container.
func packEntries(dir *pack.Dir) []archive.Entry {
	root := strings.TrimPrefix(plan.ServiceDir, "/")
	entries := []archive.Entry{{Path: root, Mode: fs.ModeDir | 0o755}}
	for _, file := range dir.Files() {
		entry := archive.Entry{Path: path.Join(root, file.Path), Mode: file.Mode, Size: file.Size, Link: file.Link}
		if file.Mode.IsRegular() {
			entry.Open = func() (io.ReadCloser, error) { return dir.OpenFile(file.Path) }
		}
		entries = append(entries, entry)
	}
	return entries
}

func fileEntries(files []plan.File) []archive.Entry {
	entries := make([]archive.Entry, 0, len(files))
	for _, file := range files {
		entries = append(entries, archive.Entry{
			Path: strings.TrimPrefix(file.Path, "/"), Mode: file.Mode, Content: []byte(file.Content),
		})
	}
	return entries
}

// copyIn puts the entries into the container, from its root folder on.
func (e *Engine) copyIn(ctx context.Context, container string, entries []archive.Entry) error {
	return e.copyTo(ctx, container, "/", entries)
}

func (e *Engine) copyTo(ctx context.Context, container, folder string, entries []archive.Entry) error {
	d, err := e.driver(ctx)
	if err != nil {
		return err
	}
	stream := archive.Reader(entries)
	defer stream.Close()
	checked := &checkedReader{in: stream}
	err = d.CopyTo(ctx, container, folder, checked)
	if broken := checked.failure(); broken != nil {
		return broken // the host has only seen an end
	}
	return err
}

// largestConfigFile bounds what is read back of a file that svp wrote.
const largestConfigFile = 4 << 20

// readFile reads a file of the container.
func (e *Engine) readFile(ctx context.Context, container, file string) ([]byte, error) {
	d, err := e.driver(ctx)
	if err != nil {
		return nil, err
	}
	stream, err := d.CopyFrom(ctx, container, file)
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	content, err := archive.ReadFile(stream, largestConfigFile)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	return content, nil
}
