package pack

import "encoding/json"

// Contract versions that this package speaks.
const (
	MinContract = 0
	MaxContract = 1
)

// DefaultPlan is the name of the only plan of a pack that declares none.
const DefaultPlan = "default"

// Descriptor is everything that a pack says about itself before any secret
// exists. All of it has been validated. Its slices and maps are shared: they
// are read only.
type Descriptor struct {
	ID          string // stable and unique, for platforms; empty if the pack gives none
	Name        string
	Group       string
	Version     string
	Description string
	Tags        []string

	Contract   int      // version of the contract: 0 or 1
	OS         OS       // what the base image starts from
	Secrets    []string // names of the secrets, in the pack's order
	Components []string // processes of the pack; empty means one, unnamed
	Ports      []Port
	Volumes    []string // absolute paths inside the container
	ShmBytes   int64    // size of /dev/shm; 0 leaves it to the engine

	Plans        []Plan // at least one
	Catalog      Catalog
	Dependencies []Dependency
	Exclude      []string // patterns of files in the folder that are no part of the pack

	Requires       []string // permissions that a platform must grant: "syslog_drain", …
	Bindable       bool
	PlanUpdateable bool // an instance can change its plan
	Volatile       bool // the service keeps its data in memory alone, and starts empty
	Schemas        Schemas

	Scripts map[string]bool // optional scripts that exist, by Script… name
	Digest  string          // as of Dir.Digest
}

// Names of the optional scripts, as used in Descriptor.Scripts. Each is the
// file of that name in the pack's bin folder.
const (
	ScriptClient      = "client"
	ScriptBackup      = "backup"
	ScriptExtra       = "extra"
	ScriptRestore     = "restore"
	ScriptHealth      = "health"
	ScriptBind        = "bind"
	ScriptUnbind      = "unbind"
	ScriptRotate      = "rotate"
	ScriptUpgrade     = "upgrade"
	ScriptFingerprint = "fingerprint"
	ScriptUsage       = "usage"
)

// Plan is a size in which a service is offered.
type Plan struct {
	ID          string // as Descriptor.ID
	Name        string
	Description string
	Free        *bool // nil when the pack does not say
	Limits      Limits
	// Parameters reach the build scripts as PLAN_<NAME>, upper-cased. No two
	// of them differ in case only.
	Parameters map[string]string
}

// Limits are the resources that a plan grants; 0 means no limit.
type Limits struct {
	MemoryBytes  int64
	CPUs         float64
	ShmBytes     int64
	StorageBytes int64
}

// Catalog is what a marketplace shows about a pack.
type Catalog struct {
	DisplayName         string
	LongDescription     string
	DocumentationURL    string
	ProviderDisplayName string
	SupportURL          string
	ImageURL            string
}

// Schemas are JSON Schemas of the parameters that users may give; nil where the
// pack declares none.
type Schemas struct {
	InstanceCreate json.RawMessage
	InstanceUpdate json.RawMessage
	BindingCreate  json.RawMessage
}

// Dependency is a file that a build downloads, and that an offline package
// carries.
type Dependency struct {
	URI    string
	SHA256 string // 64 lower-case hexadecimal digits
	Line   int    // of servicepack.yaml
}
