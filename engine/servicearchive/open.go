package servicearchive

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/servicepack/svp/engine/archive"
	"github.com/servicepack/svp/engine/pack"
)

// Archive is what an archive holds.
type Archive struct {
	Profile Profile
	Entries []archive.Entry // without their contents
}

// Files are the files and links of each package, by its name; their paths are those
// in its folder.
func (a Archive) Files() map[string][]archive.Entry {
	files := map[string][]archive.Entry{}
	for _, entry := range a.Entries {
		if name, file, inFolder := strings.Cut(entry.Path, "/"); inFolder && !entry.Mode.IsDir() {
			entry.Path = file
			files[name] = append(files[name], entry)
		}
	}
	return files
}

// List reads an archive to its end and compares it with its profile: declared
// files that are missing, and files and folders that are not declared, are errors.
func List(ctx context.Context, r io.ReadSeeker) (Archive, error) {
	a, err := read(ctx, r)
	if err != nil {
		return Archive{}, err
	}
	return a, a.compare(Profile.checkLayout)
}

// Verify is List, and compares the profile with the schema too.
func Verify(ctx context.Context, r io.ReadSeeker) (Archive, error) {
	a, err := read(ctx, r)
	if err != nil {
		return Archive{}, err
	}
	return a, a.compare(Profile.checkLayout, func(p Profile, _ []archive.Entry, found *problems) { p.check(found) })
}

func (a Archive) compare(checks ...func(Profile, []archive.Entry, *problems)) error {
	var found problems
	for _, check := range checks {
		check(a.Profile, a.Entries, &found)
	}
	return found.err()
}

// read goes through an archive twice: its profile can stand anywhere in it, and is
// not looked for before the whole is known to keep the limits.
func read(ctx context.Context, r io.ReadSeeker) (Archive, error) {
	entries, err := archive.ListTarGz(ctx, r, archive.DefaultLimits)
	if err != nil {
		return Archive{}, err
	}
	if !hasFile(entries, profileFile) {
		return Archive{}, errNoProfile
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return Archive{}, fmt.Errorf("read archive: %w", err)
	}
	profile, err := findProfile(r)
	return Archive{Profile: profile, Entries: entries}, err
}

var errNoProfile = faulty(0, "a Service Archive has this file at its root, and the archive has none")

func findProfile(r io.Reader) (Profile, error) {
	stream, err := gzip.NewReader(r)
	if err != nil {
		return Profile{}, fmt.Errorf("read archive: %w", err)
	}
	files := tar.NewReader(stream)
	for {
		header, err := files.Next()
		switch {
		case errors.Is(err, io.EOF):
			return Profile{}, errNoProfile
		case err != nil:
			return Profile{}, fmt.Errorf("read archive: %w", err)
		case header.Typeflag == tar.TypeReg && path.Clean(header.Name) == profileFile:
			return ReadProfile(files)
		}
	}
}

// Extract unpacks an archive into a folder that is empty. The caller removes the
// folder when there is an error; List tells which there are.
func Extract(ctx context.Context, r io.Reader, root *os.Root) (Archive, error) {
	return extract(ctx, r, root, archive.DefaultLimits)
}

func extract(ctx context.Context, r io.Reader, root *os.Root, l archive.Limits) (Archive, error) {
	entries, err := archive.ExtractTarGz(ctx, r, root, l)
	if err != nil {
		return Archive{}, err
	}
	if !hasFile(entries, profileFile) {
		return Archive{}, errNoProfile
	}
	file, err := root.Open(profileFile)
	if err != nil {
		return Archive{}, fmt.Errorf("read %s: %w", profileFile, err)
	}
	defer file.Close()
	a := Archive{Entries: entries}
	if a.Profile, err = ReadProfile(file); err != nil {
		return Archive{}, err
	}
	return a, a.compare(Profile.checkLayout)
}

// Pack is where a pack is in an archive.
type Pack struct {
	Name   string // for a pack that gives itself none
	Folder string // in which Extract unpacks it: the name of its package
	Maven  *Maven // nil when the profile gives no coordinates
}

// packLimits leave room for other packages beside the largest pack, and keep a few
// bytes that somebody sent from filling a disk.
var packLimits = archive.Limits{
	Entries: 2 * pack.DefaultEntryLimit, Total: 2 * pack.DefaultSizeLimit, File: pack.DefaultSizeLimit,
}

// ExtractPack unpacks an archive as Extract does, up to the size of an archive with
// a pack, and finds the pack in it.
func ExtractPack(ctx context.Context, r io.Reader, root *os.Root) (Pack, error) {
	a, err := extract(ctx, r, root, packLimits)
	if err != nil {
		return Pack{}, err
	}
	return a.Pack()
}

// Pack finds the package that holds a pack.
func (a Archive) Pack() (Pack, error) {
	files := a.Files()
	var found []Package
	for _, declared := range a.Profile.Packages {
		if hasFile(files[declared.Name], "bin/query") {
			found = append(found, declared)
		}
	}
	switch len(found) {
	case 0:
		return Pack{}, &Error{Reason: "the Service Archive holds no pack: none of its packages has bin/query"}
	case 1:
		return Pack{Name: strings.TrimSuffix(found[0].Name, packSuffix), Folder: found[0].Name, Maven: found[0].Maven}, nil
	}
	return Pack{}, &Error{Reason: fmt.Sprintf(
		"the Service Archive holds several packs: %s and %s", plain(found[0].Name), plain(found[1].Name))}
}

func hasFile(entries []archive.Entry, name string) bool {
	return slices.ContainsFunc(entries, func(e archive.Entry) bool { return e.Path == name && !e.Mode.IsDir() })
}
