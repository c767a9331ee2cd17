package servicearchive

import (
	"slices"
	"strings"
)

// What the schema allows as values.
var (
	levels    = []string{"NONE", "GHN", "VRE", "VO"}
	operators = []string{"eq", "exist", "ge", "gt", "le", "lt", "ne"}
	types     = []string{"library", "application", "plugin"}
)

// check compares the profile with the schema: what has to be there, and which
// values are allowed. It takes what profiles of later releases have beyond it.
func (p Profile) check(found *problems) {
	if kind := strings.TrimSpace(p.resource.Type); kind != "Service" {
		found.add(profileFile, "its Type is %q; that of a Service Profile is Service", kind)
	}
	for _, field := range []struct{ name, value string }{{"Class", p.Class}, {"Name", p.Name}, {"Version", p.Version}} {
		if field.value == "" {
			found.add(profileFile, "the service has no %s", field.name)
		}
	}
	for i, declared := range p.Packages {
		if declared.Kind != Software && i > 0 {
			found.add(profileFile, "package %s: a %s stands first, and there is one at most", plain(declared.Name), declared.Kind)
		}
		p.resource.Profile.Packages.List[i].check(plain(declared.Name), found)
	}
}

func (e packageElement) check(name string, found *problems) {
	fault := func(format string, args ...any) { found.add(profileFile, "package "+name+": "+format, args...) }
	if strings.TrimSpace(e.Version) == "" {
		fault("has no Version")
	}
	if e.Mandatory != nil {
		checkValue("Mandatory level", e.Mandatory.Level, levels, fault)
	}
	if e.Shareable != nil && e.Shareable.Level != "" {
		checkValue("Shareable level", e.Shareable.Level, levels, fault)
	}
	for _, requirement := range e.GHN.all() {
		if requirement.Category == "" {
			fault("a Requirement has no category")
		}
		checkValue("Requirement operator", requirement.Operator, operators, fault)
	}
	for _, dependency := range e.DependsOn.all() {
		dependency.check(fault)
	}
	e.checkContents(fault)
}

type faultFunc func(format string, args ...any)

func (e dependencyElement) check(fault faultFunc) {
	dependency := e.declared()
	if dependency.Package == "" || dependency.Service == "" || dependency.Class == "" {
		fault("a Dependency lacks the Class or Name of its Service, or its Package")
	}
	if e.Scope != nil && e.Scope.Level != "" {
		checkValue("Dependency Scope level", e.Scope.Level, levels, fault)
	}
	checkValue("Dependency Optional", strings.TrimSpace(e.Optional), []string{"true", "false", "1", "0"}, fault)
}

// checkContents looks at what each kind of package consists of.
func (e packageElement) checkContents(fault faultFunc) {
	hasURI := strings.TrimSpace(e.URI) != ""
	switch Kind(e.XMLName.Local) {
	case Main:
		if strings.TrimSpace(e.GARArchive) == "" {
			fault("has no GARArchive, which a Main package needs")
		}
		if len(e.PortTypes) == 0 {
			fault("has no PortType, which a Main package needs")
		}
	case Software:
		if kind := strings.TrimSpace(e.Type); kind != "" {
			checkValue("Type", kind, types, fault)
		}
		if hasURI == (len(e.Files.names()) > 0) {
			fault("has to have either Files or a URI")
		}
	case Plugin:
		if e.Target == nil {
			fault("has no TargetService, which a Plugin needs")
		}
		if len(e.Files.names()) == 0 {
			fault("has no Files")
		}
	}
}

func checkValue(what, value string, allowed []string, fault faultFunc) {
	if !slices.Contains(allowed, value) {
		fault("%s %q is none of %s", what, value, strings.Join(allowed, ", "))
	}
}
