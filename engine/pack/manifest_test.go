package pack_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/servicepack/svp/engine/pack"
)

var zeros = strings.Repeat("0", 56)

var wholeManifest = `# Everything that the file may say.
id: 0b7e0c8c-1a1e-5f0e-9a55-000000000001
group: org.servicepack
name: demo
version: 1.10
description: |
  A demo.
  With two lines.
tags: [sql, demo]
plans:
  - name: small
    description: For trying out.
    free: true
    limits: {memory: 256m, cpus: 0.5, shm: 64m, storage: 1g}
    parameters:
      max_connections: 20
      fsync: off
  - id: the large one
    name: large
    free: false
    limits:
      memory: 4g
catalog:
  display_name: Demo
  long_description: A demo of everything.
  documentation_url: https://example.org/docs
  provider_display_name: Somebody
  support_url: http://example.org/help
  image_url: data:image/png;base64,AAAA
dependencies:
  - uri: https://example.org/demo.tar.gz
    sha256: ABcd` + zeros + `cdef
exclude:
  - "*.md"
  - test/data
requires: [syslog_drain, volume_mount]
bindable: false
plan_updateable: false
volatile: true
schemas:
  instance_create: {type: object, properties: {"size": {type: integer, minimum: 1}}}
  instance_update: &schema
    $schema: http://json-schema.org/draft-06/schema#
    additionalProperties: false
  binding_create: *schema
`

func TestManifest(t *testing.T) {
	dir := newPack(t, plainQuery, map[string]string{"servicepack.yaml": wholeManifest})
	got, err := open(t, dir).Describe(t.Context())
	check(t, err)
	yes, no := true, false
	same := json.RawMessage(`{"$schema":"http://json-schema.org/draft-06/schema#","additionalProperties":false}`)
	want := pack.Descriptor{
		ID:          "0b7e0c8c-1a1e-5f0e-9a55-000000000001",
		Name:        "demo",
		Group:       "org.servicepack",
		Version:     "1.10",
		Description: "A demo.\nWith two lines.\n",
		Tags:        []string{"sql", "demo"},
		OS:          pack.OS{Name: "debian", Version: "12"},
		Secrets:     []string{"DEMO_PASSWORD"},
		Ports:       []pack.Port{{Number: 5432, Protocol: "tcp"}},
		Plans: []pack.Plan{
			{
				Name: "small", Description: "For trying out.", Free: &yes,
				Limits:     pack.Limits{MemoryBytes: 256 << 20, CPUs: 0.5, ShmBytes: 64 << 20, StorageBytes: 1 << 30},
				Parameters: map[string]string{"max_connections": "20", "fsync": "off"},
			},
			{ID: "the large one", Name: "large", Free: &no, Limits: pack.Limits{MemoryBytes: 4 << 30}},
		},
		Catalog: pack.Catalog{
			DisplayName:         "Demo",
			LongDescription:     "A demo of everything.",
			DocumentationURL:    "https://example.org/docs",
			ProviderDisplayName: "Somebody",
			SupportURL:          "http://example.org/help",
			ImageURL:            "data:image/png;base64,AAAA",
		},
		Dependencies: []pack.Dependency{{
			URI:    "https://example.org/demo.tar.gz",
			SHA256: "abcd" + zeros + "cdef",
			Line:   31,
		}},
		Exclude:  []string{"*.md", "test/data"},
		Requires: []string{"syslog_drain", "volume_mount"}, Volatile: true,
		Schemas: pack.Schemas{
			InstanceCreate: json.RawMessage(`{"properties":{"size":{"minimum":1,"type":"integer"}},"type":"object"}`),
			InstanceUpdate: same, BindingCreate: same,
		},
		Scripts: map[string]bool{},
		Digest:  got.Digest,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the descriptor differs (-want +got):\n%s", diff)
	}
}

func TestManifestOfNothing(t *testing.T) {
	for _, manifest := range []string{"", "# nothing\n", "---\n", "plans: []\n", "name:\n"} {
		dir := newPack(t, plainQuery, map[string]string{"servicepack.yaml": manifest})
		got, err := open(t, dir).Describe(t.Context())
		check(t, err)
		if got.Name != "demo" || len(got.Plans) != 1 || got.Plans[0].Name != pack.DefaultPlan {
			t.Errorf("%q: the name is %q, the plans are %v", manifest, got.Name, got.Plans)
		}
	}
}

func TestManifestRefuses(t *testing.T) {
	tests := []struct{ name, manifest, want string }{
		{"unknown field", "name: demo\ngruop: x\n", `, line 2: unknown field "gruop"`},
		{"unknown field of a plan", "plans:\n- name: a\n  memory: 1g\n", `, line 3: unknown field "memory"`},
		{"unknown limit", "plans:\n- name: a\n  limits:\n    ram: 1g\n", `, line 4: unknown field "ram"`},
		{"field twice", "name: demo\nname: demo\n", `, line 2: mapping key "name" already defined at line 1`},
		{"not yaml", "name: demo\n\tversion: 1\n", `, line 2: found a tab character that violates indentation`},
		{"a list", "- name: demo\n", `, line 1: a mapping of fields is expected here`},
		{"a word", "demo\n", `, line 1: a mapping of fields is expected here, not "demo"`},
		{"two documents", "name: demo\n---\nname: other\n", `, line 2: a second document begins here; there can be one only`},
		{"a list as name", "name: [demo]\n", `, line 1: a single value is expected here`},
		{"a word as list", "name: demo\ntags: sql\n", `, line 2: a list is expected here, not "sql"`},
		{"a word as truth", "plans:\n- name: a\n  free: maybe\n", `, line 3: true or false is expected here, not "maybe"`},
		{"escapes", `description: "\e[2J"`, `, line 1: the value holds a control character`},
		{"name", "name: My Demo\n", ` name, line 1: "My Demo" is not a name; it is lower-case letters, digits, "_", "." and "-", and begins with a letter or digit`},
		{"empty name", "name: ''\n", ` name, line 1: "" is not a name; it is lower-case letters, digits, "_", "." and "-", and begins with a letter or digit`},
		{"long name", "name: " + strings.Repeat("x", 64), ` name, line 1: longer than 63 characters`},
		{"group", "group: ../x\n", ` group, line 1: "../x" is not a name; it is lower-case letters, digits, "_", "." and "-", and begins with a letter or digit`},
		{"version", "version: latest version\n", ` version, line 1: "latest version" is not a version, such as 1.0.0`},
		{"tag twice", "tags:\n- a\n- a\n", ` tags[1], line 3: "a" is on line 2 already`},
		{"empty tag", "tags:\n- ' '\n", ` tags[0], line 2: empty`},
		{"plan without name", "plans:\n- name: a\n- description: x\n", ` plans[1], line 3: has no name`},
		{"plan of nothing", "plans:\n-\n", `, line 2: an entry of the list is empty`},
		{"plan's name", "plans:\n- name: a b\n", ` plans[0].name, line 2: "a b" is not a name; it is lower-case letters, digits, "_", "." and "-", and begins with a letter or digit`},
		{"plan twice", "plans:\n- name: a\n- name: a\n", ` plans[1].name, line 3: the plan on line 2 has the name "a" already`},
		{"memory", "plans:\n- name: a\n  limits:\n    memory: lots\n", ` plans[0].limits.memory, line 4: "lots" is not a size, such as 256m or 1g`},
		{"endless storage", "plans:\n- name: a\n  limits: {storage: 99999999p}\n", ` plans[0].limits.storage, line 3: "99999999p" is not a size that anything can have`},
		{"cpus", "plans:\n- name: a\n  limits: {cpus: -1}\n", ` plans[0].limits.cpus, line 3: "-1" is not a number of processors, such as 0.5 or 2`},
		{"too little memory", "plans:\n- name: a\n  limits: {memory: 5m}\n", ` plans[0].limits.memory, line 3: "5m" is less than 6m, with which no container starts`},
		{"memory without a unit", "plans:\n- name: a\n  limits: {memory: 512}\n", ` plans[0].limits.memory, line 3: "512" is less than 6m, with which no container starts`},
		{"negative memory", "plans:\n- name: a\n  limits: {memory: -1}\n", ` plans[0].limits.memory, line 3: "-1" is not a size, such as 256m or 1g`},
		{"negative shm", "plans:\n- name: a\n  limits: {shm: -64m}\n", ` plans[0].limits.shm, line 3: "-64m" is not a size, such as 256m or 1g`},
		{"negative storage", "plans:\n- name: a\n  limits: {storage: -1g}\n", ` plans[0].limits.storage, line 3: "-1g" is not a size, such as 256m or 1g`},
		{"no cpus", "plans:\n- name: a\n  limits: {cpus: 0}\n", ` plans[0].limits.cpus, line 3: "0" is not a number of processors, such as 0.5 or 2`},
		{"endless cpus", "plans:\n- name: a\n  limits: {cpus: .inf}\n", ` plans[0].limits.cpus, line 3: ".inf" is not a number of processors, such as 0.5 or 2`},
		{"too few cpus", "plans:\n- name: a\n  limits: {cpus: 0.001}\n", ` plans[0].limits.cpus, line 3: "0.001" is not from 0.01 to 1024`},
		{"too many cpus", "plans:\n- name: a\n  limits: {cpus: 1024.5}\n", ` plans[0].limits.cpus, line 3: "1024.5" is not from 0.01 to 1024`},
		{"parameter's name", "plans:\n- name: a\n  parameters: {max-size: 1}\n", ` plans[0].parameters.max-size, line 3: "max-size" is not a parameter's name; it is letters, digits and "_", and begins with no digit`},
		{"parameters alike", "plans:\n- name: a\n  parameters:\n    size: 1\n    SIZE: 2\n", ` plans[0].parameters.SIZE, line 5: becomes PLAN_SIZE, as the one on line 4 does`},
		{"parameter of two lines", "plans:\n- name: a\n  parameters: {x: \"1\\n2\"}\n", ` plans[0].parameters.x, line 3: the value has more than one line`},
		{"address", "catalog:\n  support_url: javascript:alert(1)\n", ` catalog.support_url, line 2: "javascript:alert(1)" is not a web address that begins with https:// or http://`},
		{"dependency without digest", "dependencies:\n- uri: https://example.org/a\n", ` dependencies[0], line 2: has no sha256`},
		{"dependency's address", "dependencies:\n- uri: a.tar.gz\n  sha256: x\n", ` dependencies[0].uri, line 2: "a.tar.gz" is not an address such as https://example.org/file.tar.gz`},
		{"dependency's digest", "dependencies:\n- uri: https://example.org/a\n  sha256: x\n", ` dependencies[0].sha256, line 3: "x" is not 64 hexadecimal digits`},
		{"exclude outside", "exclude:\n- ../x\n", ` exclude[0], line 2: "../x" is outside the pack's folder`},
		{"exclude of a script", "exclude:\n- '*.md'\n- bin/\n", ` exclude[1], line 3: "bin/" leaves out bin/query, which every package needs`},
		{"exclude of itself", "exclude: ['*.y?ml']\n", ` exclude[0], line 1: "*.y?ml" leaves out servicepack.yaml, which every package needs`},
		{"exclude's pattern", "exclude:\n- '[a'\n", ` exclude[0], line 2: "[a" is not a pattern: syntax error in pattern`},
		{"empty id", "id: ''\n", ` id, line 1: empty`},
		{"long id", "plans:\n- name: a\n  id: " + strings.Repeat("x", 256), ` plans[0].id, line 3: longer than 255 bytes`},
		{"id of two lines", `id: "a\nb"`, ` id, line 1: "a\nb" has more than one line, or a tab`},
		{"id twice", "id: x\nplans:\n- {name: a, id: x}\n", ` plans[0].id, line 3: "x" is on line 1 already`},
		{"permission", "requires:\n- syslog_drain\n- root\n", ` requires[1], line 3: "root" is not one of syslog_drain, route_forwarding, volume_mount`},
		{"permission twice", "requires: [volume_mount, volume_mount]\n", ` requires[1], line 1: "volume_mount" is on line 1 already`},
		{"bindable", "bindable: perhaps\n", `, line 1: true or false is expected here, not "perhaps"`},
		{"unknown schema", "schemas:\n  instance_delete: {}\n", `, line 2: unknown field "instance_delete"`},
		{"schema of a word", "schemas:\n  instance_create: object\n", `, line 2: a JSON Schema is expected here, which is a mapping`},
		{"schema with a date", "schemas:\n  instance_create:\n    default: 2020-01-01\n", `, line 3: JSON has no such value; put it in quotes`},
		{"schema with a number as key", "schemas:\n  instance_create:\n    properties:\n      1: {}\n", `, line 4: a key of a JSON object is a text; put it in quotes`},
		{"schema without a number", "schemas:\n  instance_create: {maximum: .inf}\n", `, line 2: no JSON can be made of the schema`},
		{"large schema", "schemas:\n  binding_create:\n    title: " + strings.Repeat("x", 64<<10), `, line 3: the schema is longer than 64KiB as JSON`},
		{"large", strings.Repeat("#", 1<<20+1), `: larger than 1MiB`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := newPack(t, plainQuery, map[string]string{"servicepack.yaml": test.manifest})
			_, err := pack.Open(dir)
			wantInvalid(t, dir, err, "pack demo: servicepack.yaml"+test.want)
		})
	}
}

func TestManifestUnlessSaidOtherwise(t *testing.T) {
	for manifest, updateable := range map[string]bool{
		"name: x\n":                      false,
		"plans: [{name: a}]\n":           false,
		"plans: [{name: a}, {name: b}]":  true,
		"plan_updateable: true\nid: y\n": true,
	} {
		got, err := open(t, newPack(t, plainQuery, map[string]string{"servicepack.yaml": manifest})).Describe(t.Context())
		check(t, err)
		if !got.Bindable || got.PlanUpdateable != updateable {
			t.Errorf("%q: bindable %v, plan updateable %v", manifest, got.Bindable, got.PlanUpdateable)
		}
	}
}

func TestManifestSmallestAndLargestLimits(t *testing.T) {
	manifest := "plans:\n- name: a\n  limits: {memory: 6m, cpus: 0.01}\n- name: b\n  limits: {cpus: 1024}\n"
	got, err := open(t, newPack(t, plainQuery, map[string]string{"servicepack.yaml": manifest})).Describe(t.Context())
	check(t, err)
	if a, b := got.Plans[0].Limits, got.Plans[1].Limits; a.MemoryBytes != 6<<20 || a.CPUs != 0.01 || b.CPUs != 1024 {
		t.Errorf("the limits are %+v and %+v", a, b)
	}
}

func TestManifestHint(t *testing.T) {
	dir := newPack(t, plainQuery, map[string]string{"servicepack.yaml": "dependencies:\n- url: x\n"})
	_, err := pack.Open(dir)
	wantInvalid(t, dir, err, `pack demo: servicepack.yaml, line 2: unknown field "url"`)
	invalid := asInvalid(t, err)
	if invalid.Line != 2 || invalid.Hint != "known here: uri, sha256" {
		t.Errorf("the error is %+v", invalid)
	}
}

func TestManifestThatIsNoFile(t *testing.T) {
	dir := newPack(t, plainQuery, map[string]string{"servicepack.yaml/x": ""})
	_, err := pack.Open(dir)
	wantInvalid(t, dir, err, `pack demo: servicepack.yaml: not a regular file`)
}
