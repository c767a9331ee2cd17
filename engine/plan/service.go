// Package plan decides what is to be built, named, reused, labelled and
// published. It is pure: it looks at what others observed and returns values
// that can be printed and compared.
package plan

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/servicepack/svp/engine/driver"
	"github.com/servicepack/svp/engine/pack"
)

// Service is what svp must know of a pack, in one of its plans, to run an image
// without the pack's folder. It is recorded in a label of every image.
type Service struct {
	Pack        string        `json:"-"`
	Version     string        `json:"-"`
	Description string        `json:"-"`
	Digest      string        `json:"-"`
	Contract    int           `json:"-"`
	Tags        []string      `json:"tags,omitempty"`
	Components  []string      `json:"components,omitempty"`
	Ports       []driver.Port `json:"ports,omitempty"`
	Volumes     []string      `json:"volumes,omitempty"`
	Scripts     []string      `json:"scripts,omitempty"`
	Plan        string        `json:"plan"`
	Limits      driver.Limits `json:"limits"`
	// Parameters are those of the plan and, over them, the given ones.
	Parameters map[string]string `json:"parameters,omitempty"`
	// Given are the parameters that the user gave, to be kept when the plan changes.
	Given map[string]string `json:"given,omitempty"`
}

// UnknownPlanError tells that a pack has no plan of that name.
type UnknownPlanError struct {
	Plan  string
	Plans []string // those that it has
}

// Error names the plan and those that there are.
func (e *UnknownPlanError) Error() string {
	return fmt.Sprintf("no plan %q; the pack has: %s", e.Plan, strings.Join(e.Plans, ", "))
}

// NewService takes from a pack's description what a service in that plan needs.
// An empty name means the pack's first plan; an unknown one is an
// *UnknownPlanError.
func NewService(d pack.Descriptor, planName string) (Service, error) {
	chosen, err := choosePlan(d.Plans, planName)
	if err != nil {
		return Service{}, err
	}
	service := Service{
		Pack: d.Name, Version: d.Version, Description: d.Description, Digest: d.Digest, Contract: d.Contract,
		Tags: d.Tags, Components: d.Components, Volumes: d.Volumes, Plan: chosen.Name,
		Limits: driver.Limits{
			MemoryBytes: chosen.Limits.MemoryBytes, CPUs: chosen.Limits.CPUs,
			ShmBytes: chosen.Limits.ShmBytes, StorageBytes: chosen.Limits.StorageBytes,
		},
		Parameters: chosen.Parameters,
	}
	if service.Limits.ShmBytes == 0 {
		service.Limits.ShmBytes = d.ShmBytes
	}
	for _, port := range d.Ports {
		service.Ports = append(service.Ports, driver.Port{Number: port.Number, Protocol: port.Protocol})
	}
	for _, script := range slices.Sorted(maps.Keys(d.Scripts)) {
		if d.Scripts[script] {
			service.Scripts = append(service.Scripts, script)
		}
	}
	return service, nil
}

func choosePlan(plans []pack.Plan, name string) (pack.Plan, error) {
	if name == "" && len(plans) > 0 {
		return plans[0], nil
	}
	names := make([]string, 0, len(plans))
	for _, candidate := range plans {
		if candidate.Name == name {
			return candidate, nil
		}
		names = append(names, candidate.Name)
	}
	return pack.Plan{}, &UnknownPlanError{Plan: name, Plans: names}
}

// SamePlan tells that containers of both services are alike in what a plan decides.
func (s Service) SamePlan(other Service) bool {
	return s.Plan == other.Plan && s.Limits == other.Limits && maps.Equal(s.Parameters, other.Parameters)
}

// Has tells whether the pack has the optional script.
func (s Service) Has(script string) bool { return slices.Contains(s.Scripts, script) }

// ComponentNames are the components, where a pack with one unnamed component
// has the one empty name.
func (s Service) ComponentNames() []string {
	if len(s.Components) == 0 {
		return []string{""}
	}
	return s.Components
}

// Labels are the labels that tell of the pack.
func (s Service) Labels() (driver.Labels, error) {
	descriptor, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("describe pack %s in a label: %w", s.Pack, err)
	}
	labels := driver.Labels{
		driver.LabelPack:       s.Pack,
		driver.LabelPackDigest: s.Digest,
		driver.LabelContract:   strconv.Itoa(s.Contract),
		driver.LabelDescriptor: string(descriptor),
	}
	return labels.With(driver.Labels{driver.LabelPackVersion: s.Version}), nil
}

// imageLabels adds the labels that everybody expects on an image.
func (s Service) imageLabels() (driver.Labels, error) {
	labels, err := s.Labels()
	if err != nil {
		return nil, err
	}
	return labels.With(driver.Labels{
		driver.LabelTitle: s.Pack, driver.LabelVersion: s.Version, driver.LabelDescription: s.Description,
	}), nil
}

// ServiceFromLabels reads back what Labels wrote.
func ServiceFromLabels(labels driver.Labels) (Service, error) {
	var service Service
	if err := json.Unmarshal([]byte(labels[driver.LabelDescriptor]), &service); err != nil {
		return Service{}, fmt.Errorf("read label %s: %w", driver.LabelDescriptor, err)
	}
	contract, err := strconv.Atoi(labels[driver.LabelContract])
	if err != nil {
		return Service{}, fmt.Errorf("read label %s: %w", driver.LabelContract, err)
	}
	service.Pack, service.Digest = labels[driver.LabelPack], labels[driver.LabelPackDigest]
	service.Version, service.Contract = labels[driver.LabelPackVersion], contract
	service.Description = labels[driver.LabelDescription]
	return service, nil
}

// WithParameters returns the service with the parameters given over those of its
// plan. Names that differ in case only mean the same parameter, as scripts see
// them in upper case.
func (s Service) WithParameters(given map[string]string) (Service, error) {
	effective := maps.Clone(s.Parameters)
	all := maps.Clone(s.Given)
	if effective == nil {
		effective = map[string]string{}
	}
	if all == nil {
		all = map[string]string{}
	}
	seen := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if err := pack.CheckParameter(name, given[name]); err != nil {
			return Service{}, &ParameterError{Name: name, Reason: err.Error()}
		}
		if other, twice := seen[strings.ToUpper(name)]; twice {
			return Service{}, &ParameterError{Name: name, Reason: "it is the same as " + other}
		}
		seen[strings.ToUpper(name)] = name
		set(effective, name, given[name])
		set(all, name, given[name])
	}
	if len(effective) > 0 {
		s.Parameters = effective
	}
	if len(all) > 0 {
		s.Given = all
	}
	return s, nil
}

// set replaces what has the name, in whatever case, where it has it.
func set(parameters map[string]string, name, value string) {
	for known := range parameters {
		if strings.EqualFold(known, name) {
			name = known
			break
		}
	}
	parameters[name] = value
}

// ParameterError tells that a parameter cannot reach a pack's scripts.
type ParameterError struct {
	Name   string
	Reason string
}

// Error names the parameter.
func (e *ParameterError) Error() string {
	return fmt.Sprintf("parameter %.80q: %s", e.Name, e.Reason)
}

// Variables gives the plan and its parameters as scripts see them, NAME=VALUE.
func (s Service) Variables() []string {
	variables := []string{"SVP_PLAN=" + s.Plan}
	for _, name := range slices.Sorted(maps.Keys(s.Parameters)) {
		variables = append(variables, "PLAN_"+strings.ToUpper(name)+"="+s.Parameters[name])
	}
	return variables
}
