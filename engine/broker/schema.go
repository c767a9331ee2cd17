package broker

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/servicepack/svp/engine"
	"github.com/servicepack/svp/engine/broker/osb"
)

// schemas say what parameters a pack takes; one that is nil takes any.
type schemas struct {
	declared engine.OfferSchemas

	create, update, bind *jsonschema.Schema
}

func newSchemas(declared engine.OfferSchemas) (schemas, error) {
	compiled := schemas{declared: declared}
	for _, one := range []struct {
		field  string
		text   *json.RawMessage
		target **jsonschema.Schema
	}{
		{"instance_create", &compiled.declared.InstanceCreate, &compiled.create},
		{"instance_update", &compiled.declared.InstanceUpdate, &compiled.update},
		{"binding_create", &compiled.declared.BindingCreate, &compiled.bind},
	} {
		if len(*one.text) == 0 {
			continue
		}
		var err error
		if *one.text, err = withDialect(*one.text); err == nil {
			*one.target, err = compile(*one.text)
		}
		if err != nil {
			return schemas{}, fmt.Errorf("servicepack.yaml: schemas.%s: %w", one.field, err)
		}
	}
	return compiled, nil
}

// dialect is that of a schema which names none: the one that every platform knows
// (Input Parameters Schema Object: draft v4 or later, and "$schema" must be there).
const dialect = "http://json-schema.org/draft-04/schema#"

func withDialect(text json.RawMessage) (json.RawMessage, error) {
	var schema map[string]json.RawMessage
	if err := json.Unmarshal(text, &schema); err != nil {
		return nil, fmt.Errorf("a schema is an object: %w", err)
	}
	if _, named := schema["$schema"]; named {
		return text, nil
	}
	if schema == nil {
		schema = map[string]json.RawMessage{}
	}
	var err error
	if schema["$schema"], err = json.Marshal(dialect); err != nil {
		return nil, err
	}
	return json.Marshal(schema)
}

// compile reads a schema that stands on its own: it may refer to no other, since
// nothing is fetched for it (Input Parameters Schema Object).
func compile(text json.RawMessage) (*jsonschema.Schema, error) {
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	compiler := jsonschema.NewCompiler()
	compiler.UseLoader(noLoader{})
	if err := compiler.AddResource("parameters.json", document); err != nil {
		return nil, err
	}
	return compiler.Compile("parameters.json")
}

type noLoader struct{}

var errExternal = errors.New("a schema refers to nothing outside of itself")

// Load implements jsonschema.URLLoader.
func (noLoader) Load(string) (any, error) { return nil, errExternal }

func (s schemas) describe() *osb.Schemas {
	shown := &osb.Schemas{}
	if s.create != nil || s.update != nil {
		shown.ServiceInstance = &osb.InstanceSchema{
			Create: parametersSchema(s.declared.InstanceCreate), Update: parametersSchema(s.declared.InstanceUpdate),
		}
	}
	if s.bind != nil {
		shown.ServiceBinding = &osb.BindingSchema{Create: parametersSchema(s.declared.BindingCreate)}
	}
	if shown.ServiceInstance == nil && shown.ServiceBinding == nil {
		return nil
	}
	return shown
}

func parametersSchema(text json.RawMessage) *osb.InputParameters {
	if len(text) == 0 {
		return nil
	}
	return &osb.InputParameters{Parameters: text}
}

// check refuses parameters that the schema does not allow. It names where, and
// shows no value: parameters may hold secrets.
func check(schema *jsonschema.Schema, parameters json.RawMessage) error {
	if schema == nil {
		return nil
	}
	if len(parameters) == 0 {
		parameters = json.RawMessage("{}")
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(parameters))
	if err != nil {
		return osb.BadRequest("parameters is no JSON")
	}
	err = schema.Validate(value)
	var invalid *jsonschema.ValidationError
	if errors.As(err, &invalid) {
		return osb.BadRequest("parameters does not match the plan's schema: %s", strings.Join(places(invalid), "; "))
	}
	return err
}

// places names what is wrong and where, without values.
func places(invalid *jsonschema.ValidationError) []string {
	if len(invalid.Causes) > 0 {
		var all []string
		for _, cause := range invalid.Causes {
			all = append(all, places(cause)...)
		}
		return all
	}
	where := "/" + strings.Join(invalid.InstanceLocation, "/")
	return []string{where + " breaks " + strings.Join(invalid.ErrorKind.KeywordPath(), "/")}
}
