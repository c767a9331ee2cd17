package plan_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/servicepack/svp/engine/plan"
)

func serviceIn(t *testing.T, planName string, given map[string]string) plan.Service {
	t.Helper()
	chosen, err := plan.NewService(database(), planName)
	if err == nil {
		chosen, err = chosen.WithParameters(given)
	}
	if err != nil {
		t.Fatal(err)
	}
	return chosen
}

func TestParametersGivenAreOverThoseOfThePlan(t *testing.T) {
	first := serviceIn(t, "small", map[string]string{"CONNECTIONS": "50", "Colour": "blue"})
	if diff := cmp.Diff([]string{"SVP_PLAN=small", "PLAN_COLOUR=blue", "PLAN_CONNECTIONS=50"}, first.Variables()); diff != "" {
		t.Error(diff)
	}
	second, err := first.WithParameters(map[string]string{"colour": ""})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"SVP_PLAN=small", "PLAN_COLOUR=", "PLAN_CONNECTIONS=50"}, second.Variables()); diff != "" {
		t.Error(diff)
	}
	if first.Parameters["Colour"] != "blue" || database().Plans[0].Parameters["connections"] != "20" {
		t.Error("an operand was changed")
	}
	labels, err := second.Labels()
	if err != nil {
		t.Fatal(err)
	}
	again, err := plan.ServiceFromLabels(labels)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(second.Given, again.Given); diff != "" {
		t.Errorf("what was given is not remembered: %s", diff)
	}
}

func TestParametersThatNoScriptCouldGet(t *testing.T) {
	for name, given := range map[string]map[string]string{
		"name":       {"max-size": "1"},
		"empty name": {"": "1"},
		"two lines":  {"size": "1\n2"},
		"control":    {"size": "\x1b[2J"},
		"binary":     {"size": "\xff"},
		"long":       {"size": strings.Repeat("x", 8<<10+1)},
		"alike":      {"size": "1", "SIZE": "2"},
	} {
		_, err := serviceIn(t, "small", nil).WithParameters(given)
		var refused *plan.ParameterError
		if !errors.As(err, &refused) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSamePlan(t *testing.T) {
	small := serviceIn(t, "small", nil)
	for name, other := range map[string]plan.Service{
		"another plan":      serviceIn(t, "large", nil),
		"another parameter": serviceIn(t, "small", map[string]string{"connections": "21"}),
	} {
		if small.SamePlan(other) {
			t.Errorf("%s is the same plan", name)
		}
	}
	if !small.SamePlan(serviceIn(t, "small", map[string]string{"connections": "20"})) {
		t.Error("what comes to the same is another plan")
	}
}
