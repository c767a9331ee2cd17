package coordinate

import (
	"fmt"
	"strings"
)

// latest is the version that stands for the highest one.
const latest = "latest"

// Pattern names a package of which version does not matter: group:name:latest, or
// group:name:8.0.+ for the highest version that begins with "8.0.". A coordinate
// is a pattern too, of one version.
type Pattern struct {
	Group   string
	Name    string
	version string
}

// ParsePattern reads the form group:name:version, in which the version may be
// latest, or end with a "+".
func ParsePattern(text string) (Pattern, error) {
	group, name, version, err := split(text)
	if err != nil {
		return Pattern{}, err
	}
	if err := CheckGroup(group); err != nil {
		return Pattern{}, fmt.Errorf("%s: %w", quote(text), err)
	}
	if err := CheckName(name); err != nil {
		return Pattern{}, fmt.Errorf("%s: %w", quote(text), err)
	}
	if version != "+" {
		if err := checkVersionText(version); err != nil {
			return Pattern{}, fmt.Errorf("%s: %w", quote(text), err)
		}
	}
	return Pattern{Group: group, Name: name, version: version}, nil
}

// String gives the form that ParsePattern reads.
func (p Pattern) String() string { return p.Group + ":" + p.Name + ":" + p.version }

// Exact returns the one coordinate that the pattern stands for, if it is one.
func (p Pattern) Exact() (Coordinate, bool) {
	if _, open := p.prefix(); open {
		return Coordinate{}, false
	}
	return Coordinate{Group: p.Group, Name: p.Name, Version: p.version}, true
}

// prefix is what the versions begin with, unless the pattern stands for one.
func (p Pattern) prefix() (string, bool) {
	if p.version == latest {
		return "", true
	}
	return strings.CutSuffix(p.version, "+")
}

// Match tells whether the pattern stands for the coordinate, among others.
func (p Pattern) Match(c Coordinate) bool {
	return c.Group == p.Group && c.Name == p.Name && p.matches(c.Version)
}

func (p Pattern) matches(version string) bool {
	prefix, open := p.prefix()
	if !open {
		return version == p.version
	}
	return CheckVersion(version) == nil && strings.HasPrefix(version, prefix)
}

// Select picks the highest of the versions that the pattern stands for. What comes
// before a release, as 2.0.0-rc.1, is picked only where nothing else is, or by its
// own name. It returns false when the pattern stands for none of them.
func (p Pattern) Select(versions []string) (string, bool) {
	best, found := "", false
	for _, version := range versions {
		if p.matches(version) && (!found || better(version, best)) {
			best, found = version, true
		}
	}
	return best, found
}

func better(version, than string) bool {
	if before := IsPreRelease(version); before != IsPreRelease(than) {
		return !before
	}
	return CompareVersions(version, than) > 0
}
