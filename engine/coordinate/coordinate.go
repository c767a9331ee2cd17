// Package coordinate names packages as copkg does, which borrowed it from Maven:
// group, name and version. [Coordinate] is one package, [Pattern] one of several
// versions. A coordinate decides on a path, in folders and in URLs, so that no
// part of one can lead anywhere else.
package coordinate

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/servicepack/svp/engine/lazyregexp"
)

// Coordinate names one package. Two packages of the same coordinate are the same,
// bit for bit (copkg, "Distributing packages").
type Coordinate struct {
	Group   string // as org.cloudname
	Name    string // as timber
	Version string // as 1.2.3
}

// The longest parts, which keep a path to what any file system and URL can hold.
const (
	maxGroup   = 200
	maxName    = 63
	maxVersion = 100
)

var (
	groupPattern   = lazyregexp.New(`^[a-z0-9][a-z0-9_-]*(\.[a-z0-9][a-z0-9_-]*)*$`)
	namePattern    = lazyregexp.New(`^[a-z0-9][a-z0-9_.-]*$`)
	versionPattern = lazyregexp.New(`^[A-Za-z0-9][A-Za-z0-9_.+~-]*$`)
)

// form is what every error says that a coordinate is like.
const form = "a coordinate is group:name:version, as org.cloudname:timber:1.2.3"

// New makes a coordinate of its parts, or says which of them is none.
func New(group, name, version string) (Coordinate, error) {
	if err := CheckGroup(group); err != nil {
		return Coordinate{}, err
	}
	if err := CheckName(name); err != nil {
		return Coordinate{}, err
	}
	if err := CheckVersion(version); err != nil {
		return Coordinate{}, err
	}
	return Coordinate{Group: group, Name: name, Version: version}, nil
}

// Parse reads the form group:name:version.
func Parse(text string) (Coordinate, error) {
	group, name, version, err := split(text)
	if err != nil {
		return Coordinate{}, err
	}
	c, err := New(group, name, version)
	if err != nil {
		return Coordinate{}, fmt.Errorf("%s: %w", quote(text), err)
	}
	return c, nil
}

// split takes the text apart without looking at the parts.
func split(text string) (group, name, version string, err error) {
	parts := strings.Split(text, ":")
	if len(parts) != 3 {
		return "", "", "", fmt.Errorf("%s is not a coordinate: %s", quote(text), form)
	}
	return parts[0], parts[1], parts[2], nil
}

// CheckGroup tells what is wrong with a group: labels with dots between them.
func CheckGroup(group string) error {
	return check("group", group, groupPattern, maxGroup,
		`lower-case words with dots between them, as org.cloudname; a word is letters, digits, "_" and "-", and begins with a letter or digit`)
}

// CheckName tells what is wrong with a name, which is as the name of a pack.
func CheckName(name string) error {
	return check("name", name, namePattern, maxName,
		`lower-case letters, digits, "_", "." and "-", and begins with a letter or digit`)
}

// CheckVersion tells what is wrong with the version of one package.
func CheckVersion(version string) error {
	if err := checkVersionText(version); err != nil {
		return err
	}
	if version == latest || strings.HasSuffix(version, "+") {
		return fmt.Errorf("the version %s stands for several versions, and names none", quote(version))
	}
	return nil
}

func checkVersionText(version string) error {
	err := check("version", version, versionPattern, maxVersion,
		`letters, digits, ".", "_", "+", "~" and "-", and begins with a letter or digit, as 1.2.3`)
	if err == nil && strings.Contains(version, "..") {
		err = fmt.Errorf(`the version %s holds ".."`, quote(version))
	}
	return err
}

func check(part, text string, pattern func() *regexp.Regexp, most int, meaning string) error {
	switch {
	case text == "":
		return fmt.Errorf("the %s is empty", part)
	case len(text) > most:
		return fmt.Errorf("the %s is longer than %d characters", part, most)
	case !pattern().MatchString(text):
		return fmt.Errorf("the %s %s is not right: it is %s", part, quote(text), meaning)
	}
	return nil
}

// String gives the form that Parse reads.
func (c Coordinate) String() string { return c.Group + ":" + c.Name + ":" + c.Version }

// Dir is where a package lies below a repository and below the folder of
// installed packages, with slashes: org/cloudname/timber/1.2.3.
func (c Coordinate) Dir() string {
	return c.NameDir() + "/" + c.Version
}

// NameDir is the folder of all versions: org/cloudname/timber.
func (c Coordinate) NameDir() string {
	return strings.ReplaceAll(c.Group, ".", "/") + "/" + c.Name
}

// FileName is the name of the package's file: timber-1.2.3-copkg.zip.
func (c Coordinate) FileName() string { return c.Name + "-" + c.Version + "-copkg.zip" }

// quote shows a text that may be anything, and of any length.
func quote(text string) string {
	const most = 80
	if len(text) > most {
		return strconv.Quote(text[:most]) + "…"
	}
	return strconv.Quote(text)
}
