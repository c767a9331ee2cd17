package pack

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/docker/go-units"
	"go.yaml.in/yaml/v3"
)

const (
	maxID     = 255
	maxSchema = 64 << 10
)

// permissions are what a pack can require of a platform, as the Open Service
// Broker API names it.
var permissions = []string{"syslog_drain", "route_forwarding", "volume_mount"}

// schemasEntry holds the JSON Schemas, written as YAML.
type schemasEntry struct {
	InstanceCreate schema `yaml:"instance_create"`
	InstanceUpdate schema `yaml:"instance_update"`
	BindingCreate  schema `yaml:"binding_create"`
}

func (e schemasEntry) describe() Schemas {
	return Schemas{
		InstanceCreate: e.InstanceCreate.document, InstanceUpdate: e.InstanceUpdate.document, BindingCreate: e.BindingCreate.document,
	}
}

// schema is a JSON Schema as JSON.
type schema struct{ document json.RawMessage }

// UnmarshalYAML implements yaml.Unmarshaler.
func (s *schema) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	if node.Kind != yaml.MappingNode {
		return typeError(node.Line, "a JSON Schema is expected here, which is a mapping")
	}
	if err := checkJSON(node, map[*yaml.Node]bool{}); err != nil {
		return err
	}
	var value map[string]any
	if err := node.Decode(&value); err != nil {
		return err
	}
	var document bytes.Buffer
	encoder := json.NewEncoder(&document)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return typeError(node.Line, "no JSON can be made of the schema")
	}
	s.document = bytes.TrimSpace(document.Bytes())
	if len(s.document) > maxSchema {
		return typeError(node.Line, "the schema is longer than "+units.BytesSize(maxSchema)+" as JSON")
	}
	return nil
}

// jsonTags are the kinds of YAML values that JSON knows too.
var jsonTags = []string{"!!map", "!!seq", "!!str", "!!int", "!!float", "!!bool", "!!null"}

// checkJSON refuses what JSON would make something else of: dates, keys that are
// no texts. What anchors name is looked at once.
func checkJSON(node *yaml.Node, checked map[*yaml.Node]bool) error {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	if checked[node] {
		return nil
	}
	checked[node] = true
	if !slices.Contains(jsonTags, node.ShortTag()) {
		return typeError(node.Line, "JSON has no such value; put it in quotes")
	}
	for i, child := range node.Content {
		isKey := node.Kind == yaml.MappingNode && i%2 == 0
		if isKey && child.ShortTag() != "!!str" {
			return typeError(child.Line, "a key of a JSON object is a text; put it in quotes")
		}
		if err := checkJSON(child, checked); err != nil {
			return err
		}
	}
	return nil
}

// checkIDs refuses ids that a platform could not tell apart.
func (m manifest) checkIDs() *Error {
	type givenID struct {
		field string
		text  text
	}
	ids := []givenID{{"id", m.ID}}
	for i, plan := range m.Plans {
		ids = append(ids, givenID{fmt.Sprintf("plans[%d].id", i), plan.ID})
	}
	first := map[string]int{}
	for _, id := range ids {
		value := id.text.value
		switch {
		case id.text.line == 0:
			continue
		case strings.TrimSpace(value) == "":
			return id.text.fault(id.field, "empty")
		case len(value) > maxID:
			return id.text.fault(id.field, "longer than %d bytes", maxID)
		case strings.ContainsAny(value, "\n\t"):
			return id.text.fault(id.field, "%s has more than one line, or a tab", quote(value))
		}
		if earlier, ok := first[value]; ok {
			return id.text.fault(id.field, "%s is on line %d already", quote(value), earlier)
		}
		first[value] = id.text.line
	}
	return nil
}

func (m manifest) requires() ([]string, *Error) {
	required, err := texts("requires", m.Requires)
	if err != nil {
		return nil, err
	}
	for i, permission := range required {
		if !slices.Contains(permissions, permission) {
			return nil, m.Requires[i].fault(fmt.Sprintf("requires[%d]", i), "%s is not one of %s", quote(permission), strings.Join(permissions, ", "))
		}
	}
	return required, nil
}

// given is what the file says, or else the default.
func given(value *bool, otherwise bool) bool {
	if value == nil {
		return otherwise
	}
	return *value
}
