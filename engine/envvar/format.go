package envvar

// Format is a way to write a Set.
type Format string

// The formats.
const (
	// Dotenv is a line KEY=VALUE a variable, which a POSIX shell and a dotenv
	// reader take for the same value.
	Dotenv Format = "dotenv"
	// Shell is a line KEY='VALUE' a variable, for a POSIX shell alone.
	Shell Format = "shell"
	// JSON is one object.
	JSON Format = "json"
	// Docker is a file for docker run --env-file.
	Docker Format = "docker"
	// VCAP is the value of VCAP_SERVICES, as on Cloud Foundry.
	VCAP Format = "vcap"
	// ServiceBinding is a folder with a file a value; see [WriteServiceBinding].
	ServiceBinding Format = "servicebinding"
)

// Service describes the service that the variables belong to, for the formats
// that tell.
type Service struct {
	Name     string // of the instance
	Label    string // of the kind of service, the pack's name
	Plan     string
	Tags     []string
	Provider string
}
