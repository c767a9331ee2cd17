package pack

import (
	"fmt"
	"path"
	"strings"
)

// exclude are the patterns of servicepack.yaml. What they leave out is no part of
// the pack anywhere, in its folder as in a package of it, so that both are the
// same pack.
func (m manifest) exclude() ([]string, *Error) {
	patterns, err := texts("exclude", m.Exclude)
	if err != nil {
		return nil, err
	}
	for i, pattern := range patterns {
		field := fmt.Sprintf("exclude[%d]", i)
		if _, err := path.Match(pattern, ""); err != nil {
			return nil, m.Exclude[i].fault(field, "%s is not a pattern: %v", quote(pattern), err)
		}
		if path.IsAbs(pattern) || within(path.Clean(pattern), "..") {
			return nil, m.Exclude[i].fault(field, "%s is outside the pack's folder", quote(pattern))
		}
		for _, name := range append([]string{manifestFile}, required...) {
			if leftOut(pattern, name, false) {
				return nil, m.Exclude[i].fault(field, "%s leaves out %s, which every package needs", quote(pattern), name)
			}
		}
	}
	return patterns, nil
}

// leftOut tells whether the pattern leaves out that name, or a folder that it is in.
func leftOut(pattern, name string, isFolder bool) bool {
	if matches(pattern, name, isFolder) {
		return true
	}
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if matches(pattern, dir, true) {
			return true
		}
	}
	return false
}

// matches tells whether the pattern is for that name. It may match at any depth,
// and only folders if it ends with a slash, as patterns of buildpack-packager do.
func matches(pattern, name string, isFolder bool) bool {
	if strings.HasSuffix(pattern, "/") && !isFolder {
		return false
	}
	pattern = path.Clean(pattern)
	elements := strings.Split(name, "/")
	wanted := strings.Count(pattern, "/") + 1
	if wanted > len(elements) {
		return false
	}
	// The pattern has been checked.
	found, _ := path.Match(pattern, strings.Join(elements[len(elements)-wanted:], "/"))
	return found
}
