package osb

import (
	"net/url"
	"strings"
	"unicode/utf8"
)

// MaxIDBytes is how long an id can be that a platform chooses.
const MaxIDBytes = 1024

// Resource is what a path leads to.
type Resource int

// The resources of the API.
const (
	Catalog Resource = iota + 1
	Instance
	InstanceLastOperation
	Binding
	BindingLastOperation
)

// Path is a path of the API, taken apart. Ids are as the platform sent them,
// decoded once.
type Path struct {
	Resource
	InstanceID string
	BindingID  string // of the bindings' resources
}

// ParsePath takes apart a path as [url.URL.EscapedPath] gives it. Ids are
// opaque: nothing is cleaned, so that `..%2F` or `%2e` is an id as any other. A
// path that the API does not know is 404, an id that cannot be one 400.
func ParsePath(escapedPath string) (Path, *Error) {
	segments := strings.Split(escapedPath, "/")
	for i, segment := range segments {
		decoded, err := url.PathUnescape(segment)
		if err != nil {
			return Path{}, BadRequest("the path has a percent sign that no two hexadecimal digits follow")
		}
		segments[i] = decoded
	}
	path, known := route(segments)
	if !known {
		return Path{}, NotFound("no such path; the API is below /v2/catalog and /v2/service_instances")
	}
	if path.Resource == Catalog {
		return path, nil
	}
	if refusal := checkID("instance_id", path.InstanceID); refusal != nil {
		return Path{}, refusal
	}
	if path.Resource == Binding || path.Resource == BindingLastOperation {
		if refusal := checkID("binding_id", path.BindingID); refusal != nil {
			return Path{}, refusal
		}
	}
	return path, nil
}

// route matches the decoded segments, the first of which is what is before the
// leading slash.
func route(segments []string) (path Path, known bool) {
	const root, version, instances, bindings, lastOperation = "", "v2", "service_instances", "service_bindings", "last_operation"
	if len(segments) < 3 || segments[0] != root || segments[1] != version {
		return Path{}, false
	}
	below := segments[3:]
	switch segments[2] {
	case "catalog":
		return Path{Resource: Catalog}, len(below) == 0
	case instances:
	default:
		return Path{}, false
	}
	switch {
	case len(below) == 1:
		return Path{Resource: Instance, InstanceID: below[0]}, true
	case len(below) == 2 && below[1] == lastOperation:
		return Path{Resource: InstanceLastOperation, InstanceID: below[0]}, true
	case len(below) == 3 && below[1] == bindings:
		return Path{Resource: Binding, InstanceID: below[0], BindingID: below[2]}, true
	case len(below) == 4 && below[1] == bindings && below[3] == lastOperation:
		return Path{Resource: BindingLastOperation, InstanceID: below[0], BindingID: below[2]}, true
	}
	return Path{}, false
}

// checkID refuses what no database keeps byte for byte.
func checkID(name, id string) *Error {
	switch {
	case id == "":
		return BadRequest("%s is empty", name)
	case len(id) > MaxIDBytes:
		return BadRequest("%s is longer than %d bytes", name, MaxIDBytes)
	case !utf8.ValidString(id):
		return BadRequest("%s is not valid UTF-8", name)
	case strings.Contains(id, "\x00"):
		return BadRequest("%s contains a NUL byte", name)
	}
	return nil
}
