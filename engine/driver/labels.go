package driver

// Labels are the labels of an image, container, volume or network.
type Labels map[string]string

// The labels that svp puts on everything that it makes. They are the only
// record of an instance, and none of them ever holds a secret.
const (
	// LabelPack is the pack's name.
	LabelPack = "org.servicepack.pack"
	// LabelPackVersion is the pack's own version, from servicepack.yaml.
	LabelPackVersion = "org.servicepack.pack.version"
	// LabelPackDigest identifies the pack's contents.
	LabelPackDigest = "org.servicepack.pack.digest"
	// LabelContract is the version of the pack contract, "0" or "1".
	LabelContract = "org.servicepack.contract"
	// LabelPhase is "base" on base images and what builds them, "instance" on
	// all that belongs to an instance, "cache" on build caches.
	LabelPhase = "org.servicepack.phase"
	// LabelInstance is the instance's name.
	LabelInstance = "org.servicepack.instance"
	// LabelInstanceID is the instance's random id, to which its volumes and
	// its address belong.
	LabelInstanceID = "org.servicepack.instance.id"
	// LabelComponent is the component that a container runs; absent on the
	// container of a pack with one unnamed component.
	LabelComponent = "org.servicepack.component"
	// LabelOperation is the id of the command that made the object.
	LabelOperation = "org.servicepack.operation"

	// LabelOperationOwner is the process that runs the operation, as
	// "machine/pid/start time"; it tells a running command from a killed one.
	LabelOperationOwner = "org.servicepack.operation.owner"
	// LabelOperationDeadline is when the operation has ended in any case
	// (RFC 3339), for owners on other machines.
	LabelOperationDeadline = "org.servicepack.operation.deadline"
	// LabelRole is what a container is for: "build", "setup", "service",
	// "holder", "scratch" or "lock". Images say "image", and so do the containers that
	// others make from them, which are not svp's to touch. "making" is on the
	// volume that marks an instance as half made, "binding" on the empty volume
	// that records a consumer.
	LabelRole = "org.servicepack.role"
	// LabelDescriptor is what svp must know of the pack to run an image
	// without the pack's folder, as JSON.
	LabelDescriptor = "org.servicepack.descriptor"
	// LabelOSImage is the id of the OS image below a base image.
	LabelOSImage = "org.servicepack.os.image"
	// LabelBaseImage is the id of the base image below an instance image.
	LabelBaseImage = "org.servicepack.base.image"
	// LabelNetwork is the network that the instance is on.
	LabelNetwork = "org.servicepack.instance.network"
	// LabelAddress is the instance's address on its network.
	LabelAddress = "org.servicepack.instance.address"
	// LabelPublish is the instance's published ports, as
	// "127.0.0.1:15432:5432/tcp", separated by blanks.
	LabelPublish = "org.servicepack.instance.publish"
	// LabelInstanceCreated is when the instance was made (RFC 3339); on the images
	// of instances that were updated since, which are younger.
	LabelInstanceCreated = "org.servicepack.instance.created"
	// LabelTemporary is "true" on what belongs to an instance that is of use to the
	// owner of its operation alone.
	LabelTemporary = "org.servicepack.instance.temporary"
	// LabelVolumePath is where a volume belongs in the instance's containers.
	LabelVolumePath = "org.servicepack.volume.path"

	// LabelBinding is the consumer of the binding that a volume records.
	LabelBinding = "org.servicepack.binding"

	// LabelTitle, LabelVersion, LabelDescription and LabelCreated are the
	// OCI annotations of the same names (image-spec, annotations.md,
	// "Pre-Defined Annotation Keys").
	LabelTitle       = "org.opencontainers.image.title"
	LabelVersion     = "org.opencontainers.image.version"
	LabelDescription = "org.opencontainers.image.description"
	LabelCreated     = "org.opencontainers.image.created"
)

// The values of LabelPhase.
const (
	PhaseBase     = "base"
	PhaseInstance = "instance"
	PhaseCache    = "cache"
)

// The values of LabelRole.
const (
	RoleBuild   = "build"
	RoleSetup   = "setup"
	RoleService = "service"
	RoleHolder  = "holder"
	RoleScratch = "scratch"
	RoleLock    = "lock"
	RoleImage   = "image"
	RoleMaking  = "making"
	RoleBinding = "binding"
)

// Has tells whether all the wanted labels are there; an empty wanted value
// matches any value.
func (l Labels) Has(want Labels) bool {
	for key, value := range want {
		have, ok := l[key]
		if !ok || (value != "" && have != value) {
			return false
		}
	}
	return true
}

// With returns the labels with the others added; an empty value removes the
// label.
func (l Labels) With(others Labels) Labels {
	all := make(Labels, len(l)+len(others))
	for key, value := range l {
		all[key] = value
	}
	for key, value := range others {
		if value == "" {
			delete(all, key)
			continue
		}
		all[key] = value
	}
	return all
}
