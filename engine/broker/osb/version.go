package osb

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/servicepack/svp/engine/lazyregexp"
)

// The version of the API that is spoken. Any minor version of a client is
// served: what newer ones add is optional, and what older ones lack too.
const (
	Major = 2
	Minor = 17
)

// Version is the version of the API that a client speaks.
type Version struct{ Major, Minor int }

// String is the version as in the header.
func (v Version) String() string { return fmt.Sprintf("%d.%d", v.Major, v.Minor) }

// Before tells whether v is older than that minor version of the API.
func (v Version) Before(minor int) bool {
	return v.Major < Major || v.Major == Major && v.Minor < minor
}

var versionHeader = lazyregexp.New(`^(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,5})$`)

// ParseVersion reads the version of the client: missing or malformed is 400,
// another major version 412.
func ParseVersion(h http.Header) (Version, *Error) {
	values := h.Values(HeaderVersion)
	if len(values) == 0 {
		return Version{}, BadRequest("the header %s is missing; send %[1]s: %d.%d", HeaderVersion, Major, Minor)
	}
	parts := versionHeader().FindStringSubmatch(values[0])
	if len(values) > 1 || parts == nil {
		return Version{}, BadRequest("the header %s must be one version MAJOR.MINOR; send %[1]s: %d.%d", HeaderVersion, Major, Minor)
	}
	// The pattern admits nothing that is no small number.
	major, _ := strconv.Atoi(parts[1])
	minor, _ := strconv.Atoi(parts[2])
	v := Version{Major: major, Minor: minor}
	if v.Major != Major {
		return Version{}, PreconditionFailed("version %v of the Open Service Broker API is not supported; use %d.%d", v, Major, Minor)
	}
	return v, nil
}
