package buildpack

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/servicepack/svp/engine/dependency"
	"github.com/servicepack/svp/engine/lazyregexp"
)

const manifestLimit = 4 << 20

// manifest is manifest.yml as far as packaging is concerned. What else it holds
// is for those who use the buildpack, and stays.
type manifest struct {
	Language     text              `yaml:"language"`
	Stack        text              `yaml:"stack"` // packaging puts it there
	IncludeFiles []text            `yaml:"include_files"`
	ExcludeFiles []text            `yaml:"exclude_files"`
	PrePackage   text              `yaml:"pre_package"`
	Dependencies []dependencyEntry `yaml:"dependencies"`
	Defaults     []defaultEntry    `yaml:"default_versions"`

	content  []byte
	document yaml.Node
}

type dependencyEntry struct {
	Name    text   `yaml:"name"`
	Version text   `yaml:"version"`
	URI     text   `yaml:"uri"`
	SHA256  text   `yaml:"sha256"`
	MD5     text   `yaml:"md5"`
	File    text   `yaml:"file"` // packaging puts it there
	Stacks  []text `yaml:"cf_stacks"`
}

type defaultEntry struct {
	Name    text `yaml:"name"`
	Version text `yaml:"version"`
}

// text is a scalar that knows its line. Numbers are taken as they are written.
type text struct {
	value string
	line  int // 0 when the field is absent
}

// UnmarshalYAML implements yaml.Unmarshaler.
func (t *text) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind != yaml.ScalarNode {
		return &yaml.TypeError{Errors: []string{fmt.Sprintf("line %d: a single value is expected here", node.Line)}}
	}
	t.value, t.line = node.Value, node.Line
	return nil
}

func (t text) fault(key, format string, args ...any) error {
	return &Error{File: ManifestFile, Key: key, Line: t.line, Reason: fmt.Sprintf(format, args...)}
}

func readManifest(root *os.Root) (manifest, error) {
	content, err := readAll(root, ManifestFile, manifestLimit)
	if err != nil {
		return manifest{}, unreadable(ManifestFile, err)
	}
	return parseManifest(content)
}

// parseManifest reads the manifest and checks what packaging depends on.
func parseManifest(content []byte) (manifest, error) {
	m := manifest{content: content}
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	err := decoder.Decode(&m)
	if err == nil {
		err = checkEnd(decoder)
	}
	if err == nil {
		err = yaml.Unmarshal(content, &m.document)
	}
	switch {
	case errors.Is(err, io.EOF):
		return manifest{}, &Error{File: ManifestFile, Reason: "empty"}
	case err != nil:
		return manifest{}, yamlError(err)
	}
	if err := m.check(); err != nil {
		return manifest{}, err
	}
	return m, nil
}

// checkEnd refuses what follows the document, which nobody would read.
func checkEnd(decoder *yaml.Decoder) error {
	var rest yaml.Node
	err := decoder.Decode(&rest)
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err == nil {
		err = fmt.Errorf("line %d: a second document begins here; there can be one only", rest.Line)
	}
	return err
}

var lineOfError = lazyregexp.New(`^line (\d+): `)

// yamlError puts an error of the yaml library into a place of the file.
func yamlError(err error) error {
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	var typed *yaml.TypeError
	if errors.As(err, &typed) && len(typed.Errors) > 0 {
		message = typed.Errors[0]
	}
	fault := &Error{File: ManifestFile, Err: err}
	if found := lineOfError().FindStringSubmatch(message); found != nil {
		// The pattern has digits only; a line too large for an int stays 0.
		fault.Line, _ = strconv.Atoi(found[1])
		message = message[len(found[0]):]
	}
	fault.Reason = strings.ToValidUTF8(message[:min(len(message), 200)], "")
	return fault
}

func (m *manifest) check() error {
	switch {
	case m.Stack.line > 0:
		return m.Stack.fault("stack", "this is the manifest of a package, made for stack %s", quote(m.Stack.value))
	case m.Language.line == 0:
		return &Error{File: ManifestFile, Key: "language", Reason: "missing; the package is called by it"}
	case !languagePattern().MatchString(m.Language.value):
		return m.Language.fault("language", "%s is not a word of letters, digits, \"_\", \"+\" and \"-\"", quote(m.Language.value))
	}
	if err := m.checkEntries(); err != nil {
		return err
	}
	for i, entry := range m.Dependencies {
		if err := entry.check(fmt.Sprintf("dependencies[%d]", i), m.dependencyLine(i)); err != nil {
			return err
		}
	}
	return nil
}

// checkEntries refuses lists of dependencies that could not be edited entry by
// entry, and entries that are empty, which the library leaves out.
func (m *manifest) checkEntries() error {
	list := m.dependencyList()
	if list == nil {
		if len(m.Dependencies) > 0 {
			return &Error{File: ManifestFile, Key: "dependencies", Reason: "not a list of its own"}
		}
		return nil
	}
	for _, entry := range list.Content {
		switch {
		case entry.Kind != yaml.MappingNode:
			return &Error{File: ManifestFile, Key: "dependencies", Line: entry.Line, Reason: "an entry is not a mapping of fields"}
		case holdsAlias(entry):
			return &Error{
				File: ManifestFile, Key: "dependencies", Line: entry.Line,
				Reason: "an entry uses an alias; packaging changes each on its own", Hint: "write it out",
			}
		}
	}
	return nil
}

func holdsAlias(node *yaml.Node) bool {
	return node.Kind == yaml.AliasNode || slices.ContainsFunc(node.Content, holdsAlias)
}

// dependencyList is the list as it stands in the file; nil where there is none.
func (m *manifest) dependencyList() *yaml.Node {
	if len(m.document.Content) == 0 {
		return nil
	}
	fields := m.document.Content[0].Content
	for i := 0; i+1 < len(fields); i += 2 {
		if fields[i].Value == "dependencies" && fields[i+1].Kind == yaml.SequenceNode {
			return fields[i+1]
		}
	}
	return nil
}

func (m *manifest) dependencyLine(i int) int { return m.dependencyList().Content[i].Line }

func (d dependencyEntry) check(key string, line int) error {
	missing := func(field, hint string) error {
		return &Error{File: ManifestFile, Key: key + "." + field, Line: line, Reason: "missing", Hint: hint}
	}
	switch {
	case d.File.line > 0:
		return d.File.fault(key+".file", "this is the manifest of a package that has its dependencies already")
	case d.Name.value == "":
		return missing("name", "")
	case d.Version.value == "":
		return missing("version", "")
	case d.URI.value == "":
		return missing("uri", "")
	case d.SHA256.value == "" && d.MD5.line > 0:
		return missing("sha256", "an md5 does not tell files apart that somebody made alike")
	case d.SHA256.value == "":
		return missing("sha256", "")
	}
	for i, stack := range d.Stacks {
		if !stackPattern().MatchString(stack.value) {
			return stack.fault(fmt.Sprintf("%s.cf_stacks[%d]", key, i), "%s is not the name of a stack", quote(stack.value))
		}
	}
	if _, err := d.dependency().Name(); err != nil {
		return wrongDependency(d, key, err)
	}
	return nil
}

// wrongDependency gives what is wrong with a dependency its place.
func wrongDependency(d dependencyEntry, key string, err error) error {
	reason := err.Error()
	var wrong *dependency.Error
	if errors.As(err, &wrong) {
		reason = wrong.URI + ": " + wrong.Reason
	}
	return &Error{File: ManifestFile, Key: key, Line: d.URI.line, Reason: reason, Err: err}
}

func (d dependencyEntry) dependency() dependency.Dependency {
	return dependency.Dependency{URI: d.URI.value, SHA256: d.SHA256.value}
}

// isFor tells whether the dependency is of use on the stack; one that names no
// stacks is on all.
func (d dependencyEntry) isFor(stack string) bool {
	return stack == "" || len(d.Stacks) == 0 ||
		slices.ContainsFunc(d.Stacks, func(t text) bool { return t.value == stack })
}

// forStack returns which dependencies a package for the stack has.
func (m *manifest) forStack(stack string) []int {
	var kept []int
	for i, entry := range m.Dependencies {
		if entry.isFor(stack) {
			kept = append(kept, i)
		}
	}
	return kept
}

// checkForm refuses a stack that the manifest does not know, a default that the
// package would not have, and credentials that it would hand on.
func (m *manifest) checkForm(form Form) error {
	kept := m.forStack(form.Stack)
	if form.Stack != "" && !m.knowsStack(form.Stack) {
		return &Error{
			File: ManifestFile, Key: "dependencies", Reason: fmt.Sprintf("none is for stack %s", quote(form.Stack)),
			Hint: "its stacks are: " + strings.Join(m.stacks(), ", "),
		}
	}
	for i, entry := range m.Defaults {
		have := slices.ContainsFunc(kept, func(k int) bool { return m.Dependencies[k].Name.value == entry.Name.value })
		if !have && form.Stack != "" {
			return entry.Name.fault(fmt.Sprintf("default_versions[%d]", i),
				"stack %s has no dependency of the name %s", quote(form.Stack), quote(entry.Name.value))
		}
	}
	if form.Cached {
		return nil
	}
	for _, k := range kept {
		if uri := m.Dependencies[k].URI; dependency.Redact(uri.value) != uri.value {
			return &Error{
				File: ManifestFile, Key: fmt.Sprintf("dependencies[%d].uri", k), Line: uri.line,
				Reason: "the package would hand on what may be a credential: a user, password or query",
				Hint:   "make a cached package, which has the file in place of the address",
			}
		}
	}
	return nil
}

// knowsStack tells whether a package for the stack makes sense.
func (m *manifest) knowsStack(stack string) bool {
	stacks := m.stacks()
	return stackPattern().MatchString(stack) && (len(stacks) == 0 || slices.Contains(stacks, stack))
}

// stacks are all that the manifest names, sorted.
func (m *manifest) stacks() []string {
	var stacks []string
	for _, entry := range m.Dependencies {
		for _, stack := range entry.Stacks {
			stacks = append(stacks, stack.value)
		}
	}
	slices.Sort(stacks)
	return slices.Compact(stacks)
}
