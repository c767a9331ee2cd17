package engine

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/servicepack/svp/engine/driver"
	"github.com/servicepack/svp/engine/envvar"
	"github.com/servicepack/svp/engine/plan"
	"github.com/servicepack/svp/engine/secrets"
)

// storedVariable is a variable in plan.InstanceFile. Its value is written as
// base64, since it may hold bytes that are no text.
type storedVariable struct {
	Name   string `json:"name"`
	Value  []byte `json:"value"`
	Secret bool   `json:"secret"`
}

// environmentFiles are the files that bring an instance its secrets and its
// environment: the template, and what its scripts are to see. Root alone can
// read them.
func environmentFiles(template, seen envvar.Set) ([]plan.File, error) {
	var shell bytes.Buffer
	if err := envvar.Write(&shell, envvar.Shell, seen, envvar.Service{}); err != nil {
		return nil, fmt.Errorf("write the environment: %w", err)
	}
	stored := make([]storedVariable, 0, len(template))
	for _, variable := range template {
		stored = append(stored, storedVariable{variable.Name, []byte(variable.Value.Reveal()), variable.Secret})
	}
	instance, err := json.Marshal(stored)
	if err != nil {
		return nil, fmt.Errorf("write the environment: %w", err)
	}
	return append(plan.EntrypointFiles(),
		plan.File{Path: plan.EnvironmentFile, Mode: 0o600, Content: shell.String()},
		plan.File{Path: plan.InstanceFile, Mode: 0o600, Content: string(instance)},
	), nil
}

// planVariables tell the scripts of an instance, beside its environment, in which
// plan it is. They are not in what consumers are given.
func planVariables(service plan.Service) envvar.Set {
	var set envvar.Set
	for _, variable := range service.Variables() {
		name, value, _ := strings.Cut(variable, "=")
		set = append(set, envvar.Var{Name: name, Value: secrets.New(value)})
	}
	return set
}

// parseTemplate reads back what environmentFiles wrote.
func parseTemplate(content []byte) (envvar.Set, error) {
	var stored []storedVariable
	if err := json.Unmarshal(content, &stored); err != nil {
		return nil, fmt.Errorf("read %s: %w", plan.InstanceFile, err)
	}
	template := make(envvar.Set, 0, len(stored))
	for _, variable := range stored {
		template = append(template, envvar.Var{
			Name: variable.Name, Value: secrets.New(string(variable.Value)), Secret: variable.Secret,
		})
	}
	return template, nil
}

// onNetwork is how an instance is seen from its own network.
func onNetwork(identity plan.Identity) envvar.Placeholders {
	return envvar.Placeholders{
		IP: identity.Address.String(), Hostname: identity.Name, Name: identity.Name,
		Port: func(port int) (int, bool) { return port, true },
	}
}

// fromHost is how an instance is seen from where svp runs: at its own address
// where that can be reached, else at its published ports.
func fromHost(identity plan.Identity, reach driver.Reach) envvar.Placeholders {
	if reach.Reachable {
		return onNetwork(identity)
	}
	return envvar.Placeholders{
		IP: reach.PublishedAt, Hostname: reach.PublishedAt, Name: identity.Name,
		Port: func(port int) (int, bool) {
			for _, published := range identity.Publish {
				if published.Container.Number == port {
					return published.HostPort, true
				}
			}
			return port, false
		},
	}
}

// describe tells the formats of the environment about the service.
func describe(name string, service plan.Service) envvar.Service {
	return envvar.Service{
		Name: name, Label: service.Pack, Plan: service.Plan, Tags: service.Tags, Provider: "svp",
	}
}
