package pack

import (
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/docker/go-units"

	"github.com/servicepack/svp/engine/envvar"
	"github.com/servicepack/svp/engine/lazyregexp"
)

// OS names the distribution and its release that a pack is made for.
type OS struct {
	Name    string
	Version string
}

// String returns the form in which packs write it, as "debian/12".
func (o OS) String() string { return o.Name + "/" + o.Version }

// Image returns the reference of the OS image, as "debian:12".
func (o OS) Image() string { return o.Name + ":" + o.Version }

// osPattern is narrower than the contract in one way: both parts begin with a
// letter or digit, because no image reference could be made of others.
var osPattern = lazyregexp.New(`^([a-z0-9][a-z0-9._-]*)/([a-z0-9][a-z0-9._-]*)$`)

// ParseOS reads the form NAME/VERSION.
func ParseOS(s string) (OS, error) {
	parts := osPattern().FindStringSubmatch(s)
	if parts == nil {
		return OS{}, fmt.Errorf("%s is not of the form NAME/VERSION, such as debian/12", quote(s))
	}
	return OS{Name: parts[1], Version: parts[2]}, nil
}

// Port is a port that a service listens on inside its container.
type Port struct {
	Number   int
	Protocol string // "tcp" or "udp"
}

// String returns the form "5432/tcp".
func (p Port) String() string { return strconv.Itoa(p.Number) + "/" + p.Protocol }

var portPattern = lazyregexp.New(`^([1-9][0-9]{0,4})(?:/(tcp|udp))?$`)

// ParsePort reads a port number, optionally followed by /tcp or /udp.
func ParsePort(s string) (Port, error) {
	parts := portPattern().FindStringSubmatch(s)
	if parts == nil {
		return Port{}, fmt.Errorf("%s is not a port, such as 5432 or 53/udp", quote(s))
	}
	number, err := strconv.ParseUint(parts[1], 10, 16)
	if err != nil {
		return Port{}, fmt.Errorf("%s is not a port: the highest number is 65535", quote(s))
	}
	port := Port{Number: int(number), Protocol: "tcp"}
	if parts[2] != "" {
		port.Protocol = parts[2]
	}
	return port, nil
}

var componentPattern = lazyregexp.New(`^[a-z0-9][a-z0-9_-]*$`)

// CheckComponent tells what keeps a text from being the name of a component.
func CheckComponent(name string) error {
	_, err := parseComponent(name)
	return err
}

func parseComponent(s string) (string, error) {
	if !componentPattern().MatchString(s) {
		return "", fmt.Errorf(`%s is not a component's name; it is lower-case letters, digits, "_" and "-", and begins with a letter or digit`, quote(s))
	}
	return s, nil
}

func parseSecret(s string) (string, error) {
	if !envvar.ValidName(s) {
		return "", fmt.Errorf(`%s is not a secret's name; it is letters, digits and "_", and begins with no digit`, quote(s))
	}
	if s == "HOME" || steersScripts(s) {
		return "", fmt.Errorf("%s cannot be a secret: %w", quote(s), errSteering)
	}
	for _, prefix := range enginePrefixes {
		if strings.HasPrefix(s, prefix) {
			return "", fmt.Errorf("%s cannot be a secret: names that begin with %s are the engine's", quote(s), prefix)
		}
	}
	return s, nil
}

var errSteering = errors.New("the variable decides how every script runs; choose another name")

// enginePrefixes begin the names of what the engine tells bin/build.
var enginePrefixes = []string{"SVP_", "PLAN_"}

// CheckVariable tells what keeps a pack from handing out a variable of that name.
func CheckVariable(name string) error {
	if steersScripts(name) {
		return errSteering
	}
	return nil
}

// steersScripts reports whether shells or the program loader obey the
// variable, so that no script would work with a value meant for something
// else, or set it themselves. HOME is not among them: a service may need one of its own.
func steersScripts(variable string) bool {
	switch variable {
	case "PATH", "IFS", "ENV", "BASH_ENV", "LD_PRELOAD", "LD_LIBRARY_PATH",
		"PWD", "OLDPWD", "OPTIND", "PPID", "UID", "EUID", "SHELLOPTS", "BASHOPTS", "_":
		return true
	}
	return false
}

// reserved are the folders of a container that are not the pack's to keep.
var reserved = []string{"/proc", "/sys", "/dev", "/service", "/etc/servicepack"}

func parseVolume(s string) (string, error) {
	switch {
	case !path.IsAbs(s):
		return "", fmt.Errorf("%s is not an absolute path", quote(s))
	case len(s) > maxPath:
		return "", fmt.Errorf("%s is longer than %d bytes", quote(s), maxPath)
	case path.Clean(s) != s:
		return "", fmt.Errorf("%s is not a plain path; write %s", quote(s), quote(path.Clean(s)))
	case s == "/":
		return "", fmt.Errorf(`"/" cannot be a volume: it is the whole system`)
	}
	for _, folder := range reserved {
		if within(s, folder) || within(folder, s) {
			return "", fmt.Errorf("%s cannot be a volume: %s is not the pack's", quote(s), folder)
		}
	}
	return s, nil
}

// within reports whether the clean path p is folder or lies in it.
func within(p, folder string) bool {
	return p == folder || strings.HasPrefix(p, folder+"/")
}

var sizePattern = lazyregexp.New(`^[0-9]{1,15}(\.[0-9]{1,6})?[a-zA-Z]{0,3}$`)

// maxSize keeps what is computed with sizes far from overflowing.
const maxSize = 1 << 60

func parseSize(s string) (int64, error) {
	size, err := units.RAMInBytes(s)
	if err != nil || !sizePattern().MatchString(s) {
		return 0, fmt.Errorf("%s is not a size, such as 256m or 1g", quote(s))
	}
	if size < 1 || size > maxSize {
		return 0, fmt.Errorf("%s is not a size that anything can have", quote(s))
	}
	return size, nil
}
