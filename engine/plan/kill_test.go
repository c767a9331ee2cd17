package plan_test

import (
	"testing"

	"github.com/servicepack/svp/engine/driver"
	"github.com/servicepack/svp/engine/plan"
)

func TestAProcessIsEndedFromOutside(t *testing.T) {
	golden(t, "kill", plan.PlanKill(driver.Container{Image: "sha256:05", Process: 4711}, operation()))
}
