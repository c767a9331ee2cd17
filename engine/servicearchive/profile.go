package servicearchive

// Profile is what a Service Profile says: a service and its packages. Texts are
// without the white space around them; they can be anything, so quote them.
type Profile struct {
	ID          string // given by a gCube registry; empty until then
	Class       string
	Name        string
	Version     string
	Description string
	Packages    []Package
	// resource is the document as it was read, for Verify.
	resource resourceElement
}

// Kind is the element that declares a package.
type Kind string

// The kinds of packages. An archive has one Main or one Plugin at most, and it
// stands first.
const (
	Main     Kind = "Main"     // a WSRF service in a GAR
	Software Kind = "Software" // a library, an application, or a plugin of one
	Plugin   Kind = "Plugin"   // a plugin of another service
)

// Package is a folder of the archive.
type Package struct {
	Kind        Kind
	Name        string // also of the folder: one path element
	Version     string
	Description string
	Type        string // of Software: "library", "application" or "plugin"
	URI         string // where the software is, when it is not in the archive
	Maven       *Maven // nil when the profile gives no coordinates
	// Files are paths in the package's folder, each once, in the profile's order.
	Files     []string
	DependsOn []Dependency
	// mayHold are files that the package can have in its folder or in its GAR.
	mayHold map[string]bool
}

// Maven are the coordinates of a package, as profiles of later releases than the
// schema have them. They may hold variables, as ${version}.
type Maven struct{ Group, Artifact, Version string }

// String gives the coordinates as copkg writes them.
func (m Maven) String() string { return m.Group + ":" + m.Artifact + ":" + m.Version }

// Dependency is a package that another one needs.
type Dependency struct {
	Class, Service string // the service that the package belongs to
	Package        string
	Version        string // empty: any
	Optional       bool
}
