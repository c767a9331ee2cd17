package envvar

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// manifestName is the file of a service binding's folder that tells the files
// that svp wrote from others.
const manifestName = ".servicepack"

// manifestHeader begins the file, for who wonders what it is.
const manifestHeader = "# The files of this folder that svp wrote, by SHA-256.\n"

// manifest lists files with the digest of their content. A file that is being
// replaced is in it twice.
type manifest []manifestEntry

type manifestEntry struct {
	digest string // in hexadecimal
	name   string
}

func newManifest(files Set) manifest {
	entries := make(manifest, len(files))
	for i, file := range files {
		entries[i] = manifestEntry{digest: digest([]byte(file.Value.Reveal())), name: file.Name}
	}
	return entries
}

func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// readManifest reads the manifest; the error is fs.ErrNotExist where there is
// none.
func readManifest(root *os.Root) (manifest, error) {
	content, err := root.ReadFile(manifestName)
	if err != nil {
		return nil, err
	}
	list, ok := strings.CutPrefix(string(content), manifestHeader)
	if !ok {
		return nil, fmt.Errorf("%s: %w", manifestName, ErrForeign)
	}
	var entries manifest
	for line := range strings.Lines(list) {
		digest, name, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
		if !ok || !ValidName(name) {
			return nil, fmt.Errorf("%s: %w", manifestName, ErrForeign)
		}
		entries = append(entries, manifestEntry{digest: digest, name: name})
	}
	return entries, nil
}

// encode writes the manifest as sha256sum -c reads it.
func (m manifest) encode() []byte {
	var b bytes.Buffer
	b.WriteString(manifestHeader)
	for _, entry := range m {
		fmt.Fprintf(&b, "%s  %s\n", entry.digest, entry.name)
	}
	return b.Bytes()
}

// names returns the files, each once.
func (m manifest) names() []string {
	var names []string
	for _, entry := range m {
		if !slices.Contains(names, entry.name) {
			names = append(names, entry.name)
		}
	}
	return names
}

// origin says where a file of a binding's folder is from.
type origin int

const (
	absent origin = iota
	own
	foreign
)

// origin compares a file with the manifest.
func (m manifest) origin(root *os.Root, name string) (origin, error) {
	info, err := root.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return absent, nil
	case err != nil:
		return foreign, err
	case !info.Mode().IsRegular():
		return foreign, nil
	}
	content, err := root.ReadFile(name)
	if err != nil {
		return foreign, err
	}
	if slices.Contains(m, manifestEntry{digest: digest(content), name: name}) {
		return own, nil
	}
	return foreign, nil
}
