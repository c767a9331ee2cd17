package servicearchive

import "encoding/xml"

// The elements of a profile, in the order in which the schema wants them. What
// svp neither reads nor writes is left out, and skipped in the profiles of others.

type resourceElement struct {
	XMLName xml.Name       `xml:"Resource"`
	ID      string         `xml:"ID"`
	Type    string         `xml:"Type"`
	Profile profileElement `xml:"Profile"`
}

type profileElement struct {
	Description string                `xml:"Description,omitempty"`
	Class       string                `xml:"Class"`
	Name        string                `xml:"Name"`
	Version     string                `xml:"Version"`
	Configs     *configurationElement `xml:"Configuration"`
	Packages    *packagesElement      `xml:"Packages"`
}

type configurationElement struct {
	Files []string `xml:"Static>Configs>Config>File"`
}

// packagesElement keeps the order of elements that have different names.
type packagesElement struct {
	List []packageElement `xml:",any"`
}

type packageElement struct {
	XMLName     xml.Name
	Description string           `xml:"Description,omitempty"`
	Name        string           `xml:"Name"`
	Version     string           `xml:"Version"`
	Maven       *mavenElement    `xml:"MavenCoordinates"`
	Mandatory   *levelElement    `xml:"Mandatory"`
	Shareable   *levelElement    `xml:"Shareable"`
	GHN         *requirementList `xml:"GHNRequirements"`
	Install     *fileList        `xml:"InstallScripts"`
	Uninstall   *fileList        `xml:"UninstallScripts"`
	Reboot      *fileList        `xml:"RebootScripts"`
	DependsOn   *dependencyList  `xml:"Dependencies"`

	// Of Main.
	GARArchive string            `xml:"GARArchive,omitempty"`
	PortTypes  []portTypeElement `xml:"PortType"`
	// Of Plugin.
	Target *targetElement `xml:"TargetService"`
	// Of Software and Plugin.
	Type  string    `xml:"Type,omitempty"`
	Files *fileList `xml:"Files"`
	URI   string    `xml:"URI,omitempty"`
}

type mavenElement struct {
	Group    string `xml:"groupId"`
	Artifact string `xml:"artifactId"`
	Version  string `xml:"version"`
}

type levelElement struct {
	Level string `xml:"level,attr,omitempty"`
}

// A list that is not there is nil: the schema wants no list that is empty.
type (
	fileList struct {
		Names []string `xml:"File"`
	}
	dependencyList struct {
		List []dependencyElement `xml:"Dependency"`
	}
	requirementList struct {
		List []requirementElement `xml:"Requirement"`
	}
)

// names of the files, none where there is no list.
func (l *fileList) names() []string {
	if l == nil {
		return nil
	}
	return l.Names
}

func (l *dependencyList) all() []dependencyElement {
	if l == nil {
		return nil
	}
	return l.List
}

func (l *requirementList) all() []requirementElement {
	if l == nil {
		return nil
	}
	return l.List
}

type requirementElement struct {
	Category string `xml:"category,attr"`
	Operator string `xml:"operator,attr"`
}

type portTypeElement struct {
	Name string `xml:"Name"`
}

type targetElement struct {
	Package string `xml:"Package"`
}

type dependencyElement struct {
	Service  serviceElement `xml:"Service"`
	Package  string         `xml:"Package"`
	Version  string         `xml:"Version,omitempty"`
	Scope    *levelElement  `xml:"Scope"`
	Optional string         `xml:"Optional"`
}

type serviceElement struct {
	Class   string `xml:"Class"`
	Name    string `xml:"Name"`
	Version string `xml:"Version,omitempty"`
}
