package pack

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"

	"github.com/servicepack/svp/engine/lazyregexp"
)

const (
	manifestFile  = "servicepack.yaml"
	manifestLimit = 1 << 20
	// maxMessage is how much of a message of the yaml library, which may hold
	// a word of the file, an error shows.
	maxMessage = 200
)

// manifest is servicepack.yaml as it was written. Its scalars are texts that
// know their line, so that every fault can name it.
type manifest struct {
	ID           text              `yaml:"id"`
	Group        text              `yaml:"group"`
	Name         text              `yaml:"name"`
	Version      text              `yaml:"version"`
	Description  text              `yaml:"description"`
	Tags         []text            `yaml:"tags"`
	Plans        []planEntry       `yaml:"plans"`
	Catalog      catalogEntry      `yaml:"catalog"`
	Dependencies []dependencyEntry `yaml:"dependencies"`
	Exclude      []text            `yaml:"exclude"`

	Requires       []text       `yaml:"requires"`
	Bindable       *bool        `yaml:"bindable"`
	PlanUpdateable *bool        `yaml:"plan_updateable"`
	Volatile       *bool        `yaml:"volatile"`
	Schemas        schemasEntry `yaml:"schemas"`

	document yaml.Node // to find the line of what is not there
}

type planEntry struct {
	ID          text            `yaml:"id"`
	Name        text            `yaml:"name"`
	Description text            `yaml:"description"`
	Limits      limitsEntry     `yaml:"limits"`
	Parameters  map[string]text `yaml:"parameters"`
	Free        *bool           `yaml:"free"`
}

type limitsEntry struct {
	Memory  text `yaml:"memory"`
	CPUs    text `yaml:"cpus"`
	Shm     text `yaml:"shm"`
	Storage text `yaml:"storage"`
}

type catalogEntry struct {
	DisplayName         text `yaml:"display_name"`
	LongDescription     text `yaml:"long_description"`
	DocumentationURL    text `yaml:"documentation_url"`
	ProviderDisplayName text `yaml:"provider_display_name"`
	SupportURL          text `yaml:"support_url"`
	ImageURL            text `yaml:"image_url"`
}

type dependencyEntry struct {
	URI    text `yaml:"uri"`
	SHA256 text `yaml:"sha256"`
}

// text is a scalar. Numbers are taken as they are written: a version 1.10
// stays what it is.
type text struct {
	value  string
	line   int // 0 when the field is absent
	column int
}

// UnmarshalYAML implements yaml.Unmarshaler.
func (t *text) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind != yaml.ScalarNode {
		return typeError(node.Line, "a single value is expected here")
	}
	illegal := func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }
	if strings.ContainsFunc(node.Value, illegal) {
		return typeError(node.Line, "the value holds a control character")
	}
	t.value, t.line, t.column = node.Value, node.Line, node.Column
	return nil
}

// typeError is how yaml wants to hear of a wrong value.
func typeError(line int, reason string) error {
	return &yaml.TypeError{Errors: []string{fmt.Sprintf("line %d: %s", line, reason)}}
}

// readManifest reads servicepack.yaml, where there is one.
func readManifest(root *os.Root) (manifest, []*Error) {
	if _, err := root.Lstat(manifestFile); errors.Is(err, fs.ErrNotExist) {
		return manifest{}, nil
	}
	content, err := readAll(root, manifestFile, manifestLimit)
	if err != nil {
		return manifest{}, []*Error{unreadable(manifestFile, err)}
	}
	return parseManifest(content)
}

// parseManifest checks the form of servicepack.yaml: known fields only, of
// the right kind. Where it is YAML, fields of the wrong kind are left out.
func parseManifest(content []byte) (manifest, []*Error) {
	var m manifest
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	decoder.KnownFields(true)
	err := decoder.Decode(&m)
	if errors.Is(err, io.EOF) {
		return manifest{}, nil // empty, or comments only
	}
	var wrongKinds *yaml.TypeError
	if err != nil && !errors.As(err, &wrongKinds) {
		return manifest{}, manifestErrors(content, err)
	}
	if err == nil {
		err = checkEnd(decoder)
	}
	if unreadable := yaml.Unmarshal(content, &m.document); unreadable != nil {
		return manifest{}, manifestErrors(content, unreadable)
	}
	if err == nil {
		err = checkEntries(&m.document)
	}
	if err != nil {
		return m, manifestErrors(content, err)
	}
	return m, nil
}

// checkEntries refuses empty entries of lists, which the library leaves out
// without a word.
func checkEntries(node *yaml.Node) error {
	for _, child := range node.Content {
		if node.Kind == yaml.SequenceNode && child.ShortTag() == "!!null" {
			return typeError(child.Line, "an entry of the list is empty")
		}
		if err := checkEntries(child); err != nil {
			return err
		}
	}
	return nil
}

// checkEnd refuses what follows the document, which nobody would read.
func checkEnd(decoder *yaml.Decoder) error {
	var rest yaml.Node
	err := decoder.Decode(&rest)
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return err
	}
	return typeError(rest.Line, "a second document begins here; there can be one only")
}

var (
	manifestLine = lazyregexp.New(`^line (\d+): `)
	unknownField = lazyregexp.New(`^field (.*) not found in type pack\.(\w+)$`)
	wrongKind    = lazyregexp.New("^cannot unmarshal (!!\\w+)(?: `(.*)`)? into (.*)$")
)

// manifestErrors puts an error of the yaml library, which may tell of several
// faults, into the words of the file.
func manifestErrors(content []byte, err error) []*Error {
	messages := []string{strings.TrimPrefix(err.Error(), "yaml: ")}
	var typed *yaml.TypeError
	if errors.As(err, &typed) && len(typed.Errors) > 0 {
		messages = typed.Errors
	}
	var faults []*Error
	for _, message := range messages {
		fault := manifestFault(message)
		fault.Err = err
		fault.Column = firstColumn(content, fault.Line)
		faults = append(faults, fault)
	}
	return faults
}

// firstColumn is where the text of a line begins; the library names lines only.
func firstColumn(content []byte, line int) int {
	lines := bytes.Split(content, []byte("\n"))
	if line < 1 || line > len(lines) {
		return 0
	}
	text := lines[line-1]
	return 1 + len(text) - len(bytes.TrimLeft(text, " -"))
}

// manifestFault reads one message of the library.
func manifestFault(message string) *Error {
	fault := &Error{File: manifestFile}
	if found := manifestLine().FindStringSubmatch(message); found != nil {
		// The pattern has digits only; a line too large for an int stays 0.
		fault.Line, _ = strconv.Atoi(found[1])
		message = message[len(found[0]):]
	}
	fault.Reason = clip(message, maxMessage)
	if found := unknownField().FindStringSubmatch(message); found != nil {
		fault.Reason = "unknown field " + quote(found[1])
		fault.Hint = "known here: " + knownFields[found[2]]
	} else if found := wrongKind().FindStringSubmatch(message); found != nil {
		fault.Reason = expected(found[3]) + " is expected here"
		if found[2] != "" {
			fault.Reason += ", not " + quote(found[2])
		}
	}
	return fault
}

// expected says what stands where the library wants the Go type.
func expected(goType string) string {
	switch {
	case strings.HasPrefix(goType, "[]"):
		return "a list"
	case goType == "bool":
		return "true or false"
	}
	return "a mapping of fields"
}

// knownFields names the fields of each part of the file, by its Go type.
var knownFields = map[string]string{
	"manifest": "id, group, name, version, description, tags, plans, catalog, dependencies, exclude, " +
		"requires, bindable, plan_updateable, schemas",
	"planEntry":       "id, name, description, limits, parameters, free",
	"limitsEntry":     "memory, cpus, shm, storage",
	"catalogEntry":    "display_name, long_description, documentation_url, provider_display_name, support_url, image_url",
	"dependencyEntry": "uri, sha256",
	"schemasEntry":    "instance_create, instance_update, binding_create",
}

// entryLine returns the line on which entry i of a list begins, for a fault
// in what is not there.
func (m manifest) entryLine(list string, i int) int {
	fields := m.document.Content[0].Content
	for k := 0; k+1 < len(fields); k += 2 {
		entries := fields[k+1]
		if entries.Kind == yaml.AliasNode {
			entries = entries.Alias
		}
		if fields[k].Value == list && i < len(entries.Content) {
			return entries.Content[i].Line
		}
	}
	return 0 // a merge key brought the list
}
