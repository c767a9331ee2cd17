package plan

import (
	"strconv"

	"github.com/servicepack/svp/engine/driver"
)

// PlanKill decides how the first process of a container is ended from outside: by
// another one of the same image, which sees the processes of the host.
func PlanKill(victim driver.Container, operation Operation) driver.ContainerSpec {
	return driver.ContainerSpec{
		Image: victim.Image, HostProcesses: true,
		Entrypoint: []string{"/bin/sh", "-c", `kill -9 "$1"`, "sh"}, Command: []string{strconv.Itoa(victim.Process)},
		Labels: operation.Labels().With(driver.Labels{
			driver.LabelPhase: driver.PhaseInstance, driver.LabelRole: driver.RoleScratch,
		}),
	}
}
