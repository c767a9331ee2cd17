package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/servicepack/svp/engine/lazyregexp"
)

// Names of what svp makes in Docker.
const (
	// BaseRepository holds the base images that svp builds for itself.
	BaseRepository = "svp-base"
	// InstanceRepository is the prefix of the instance images' repositories;
	// the instance's id follows it, and its name is the tag.
	InstanceRepository = "svp-instance/"
	// GarbageRepository names images while they are removed.
	GarbageRepository = "svp-garbage"
	containerPrefix   = "svp-"
)

var instanceName = lazyregexp.New(`^[a-z0-9][a-z0-9_.-]{0,62}$`)

// ValidInstanceName tells whether an instance can have that name.
func ValidInstanceName(name string) bool { return instanceName().MatchString(name) }

// BaseReference names the base image of a pack's contents on an OS image. A
// tag, other than a repository, takes every pack's name.
func BaseReference(packName, digest, osImage string) string {
	return BaseRepository + ":" + clip(packName, 100) + "-" + short(digest+"\n"+osImage)
}

// GarbageReference names an image that is about to be removed. An image that is
// removed by its only name goes, and one that somebody has named meanwhile stays;
// by its id it would go in either case. The text is the image's id, or the name that
// it loses.
func GarbageReference(text string) string { return GarbageRepository + ":" + short(text) }

// IsNamed tells whether one of the references is a name to last.
func IsNamed(references []string) bool {
	for _, reference := range references {
		if !strings.HasPrefix(reference, GarbageRepository+":") {
			return true
		}
	}
	return false
}

// InstanceReference names the image of an instance.
func InstanceReference(id, name string) string { return InstanceRepository + id + ":" + name }

// ParseInstanceReference reads back what InstanceReference wrote.
func ParseInstanceReference(reference string) (id, name string, ok bool) {
	rest, ok := strings.CutPrefix(reference, InstanceRepository)
	if !ok {
		return "", "", false
	}
	id, name, ok = strings.Cut(rest, ":")
	return id, name, ok && id != "" && ValidInstanceName(name)
}

// ContainerName names the container of an instance's only component, or the
// holder of several. As names are unique in Docker, it is also the lock on the
// instance's name.
func ContainerName(instance string) string { return containerPrefix + instance }

// ComponentContainerName names the container of a component. The id keeps it
// from being another instance's container name.
func ComponentContainerName(instance, id, component string) string {
	return containerPrefix + instance + "-" + component + "-" + id
}

// buildContainerName names the container that builds a base image; it is the
// lock that lets one svp build and the others wait for the result.
func buildContainerName(reference string) string {
	return containerPrefix + "build-" + strings.ReplaceAll(reference, ":", "-")
}

// VolumeName names the volume of an instance at that path.
func VolumeName(id, path string) string {
	slug := strings.Trim(strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, path), "-")
	return containerPrefix + id + "-" + clip(slug, 60) + "-" + short(path)[:6]
}

// MakingVolumeName names the volume that marks an instance as half made.
func MakingVolumeName(id string) string { return containerPrefix + "making-" + id }

var consumerName = lazyregexp.New(`^[a-z0-9][a-z0-9_.-]{0,47}$`)

// ValidConsumer tells whether the consumer of a binding can have that name. With
// a prefix it fits into what services allow for the name of a user.
func ValidConsumer(name string) bool { return consumerName().MatchString(name) }

// dockerName is what Docker calls containers and networks; anything else would be
// more than the last part of an address of its API.
var dockerName = lazyregexp.New(`^[a-zA-Z0-9][a-zA-Z0-9_.-]*$`)

// ValidNetwork tells whether instances can be on a network of that name. On those
// that Docker and Podman bring along no address can be chosen.
func ValidNetwork(name string) bool {
	return ValidDockerName(name) && !slices.Contains([]string{"bridge", "default", "host", "none", "podman"}, name)
}

// ValidDockerName tells whether Docker lets a container or a network have the name.
func ValidDockerName(name string) bool { return dockerName().MatchString(name) }

// BindingVolumeName names the volume by which an operation records a consumer of an instance.
func BindingVolumeName(id, consumer, operation string) string {
	return containerPrefix + "binding-" + id + "-" + consumer + "-" + operation
}

// withdrawnSuffix follows an operation, which ends the names of all other records.
const withdrawnSuffix = "-withdrawn"

// WithdrawnBindingName names the volume that takes the place of a consumer's record
// while the login is dropped. It stays where that fails, so that there is a record.
func WithdrawnBindingName(record string) string { return record + withdrawnSuffix }

// IsWithdrawnBinding tells whether WithdrawnBindingName made the name.
func IsWithdrawnBinding(name string) bool { return strings.HasSuffix(name, withdrawnSuffix) }

// LockContainerName names the container that is there as long as a command is
// changing an instance: as names are unique, it lets one do so at a time.
func LockContainerName(id string) string { return containerPrefix + "lock-" + id }

// DependencyVolumeName names the volume that brings files to a build.
func DependencyVolumeName(operation string) string {
	return containerPrefix + "dependencies-" + operation
}

// CacheVolumeName names the build cache of a pack.
func CacheVolumeName(packName string) string { return containerPrefix + "cache-" + packName }

// short is a digest that is long enough for a name.
func short(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])[:12]
}

func clip(text string, length int) string { return text[:min(len(text), length)] }
