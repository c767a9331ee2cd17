package pack

import (
	"fmt"
	"slices"
)

// Identity is what a package of the pack is called by. All of it is written in
// servicepack.yaml: a name that comes from a folder would change with it.
type Identity struct {
	Group   string
	Name    string
	Version string
}

// Identity returns what a package of the pack is called by. The error is an
// *Error when something of it is missing.
func (d *Dir) Identity() (Identity, error) {
	fields := []struct {
		key     string
		text    text
		example string
	}{
		{"group", d.written.Group, "org.example"},
		{"name", d.written.Name, d.static.Name},
		{"version", d.written.Version, "1.0.0"},
	}
	for _, field := range fields {
		if field.text.value == "" {
			return Identity{}, &Error{
				Pack: d.given, File: manifestFile, Key: field.key,
				Reason: "missing; a package has a group, a name and a version",
				Hint:   fmt.Sprintf("add to %s: %s: %s", manifestFile, field.key, field.example),
			}
		}
	}
	return Identity{Group: d.written.Group.value, Name: d.written.Name.value, Version: d.written.Version.value}, nil
}

// Dependencies returns the files that servicepack.yaml lists for packages.
func (d *Dir) Dependencies() []Dependency { return slices.Clone(d.static.Dependencies) }

// Fault says that the pack is at fault, in words of somebody who looked at it.
func (d *Dir) Fault(fault *Error) error { return fault.in(d.given) }

// IdentityError says why group, name or version, which the key tells, cannot be
// what it is.
func (d *Dir) IdentityError(key string, err error) error {
	written := map[string]text{"group": d.written.Group, "name": d.written.Name, "version": d.written.Version}[key]
	return &Error{
		Pack: d.given, File: manifestFile, Key: key, Line: written.line, Column: written.column, Reason: err.Error(), Err: err,
	}
}
