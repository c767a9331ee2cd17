package engine

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/servicepack/svp/engine/driver"
	"github.com/servicepack/svp/engine/plan"
)

// Consumption is what an instance uses of its host, all its components together.
type Consumption struct {
	MemoryBytes int64
	// Processor is the time that processors have spent since the instance was
	// started, and Taken when that was read: two samples tell of the load.
	Processor time.Duration
	Taken     time.Time
}

// Consumption tells what a running instance uses.
func (e *Engine) Consumption(ctx context.Context, name string) (Consumption, error) {
	used, err := e.consumption(ctx, name)
	return used, fail("consumption", name, causeOf(ctx, err))
}

func (e *Engine) consumption(ctx context.Context, name string) (Consumption, error) {
	found, err := e.lookUp(ctx, name)
	if err != nil {
		return Consumption{}, err
	}
	services := found.services()
	if len(services) == 0 {
		return Consumption{}, fmt.Errorf("%w: it is %s", ErrNotRunning, found.state())
	}
	var mu sync.Mutex
	total := Consumption{Taken: e.now()}
	questions := make([]func() error, 0, len(services))
	for _, container := range services {
		questions = append(questions, func() error {
			memory, processor, err := e.consumptionOf(ctx, container)
			mu.Lock()
			defer mu.Unlock()
			total.MemoryBytes += memory
			total.Processor += processor
			return err
		})
	}
	return total, parallel(questions...)
}

// readConsumption prints the bytes of memory and the nanoseconds of processors
// that a container uses, from its control group, of either version. The statistics
// of the host's API would say the same, but not every host keeps them. What the
// kernel takes back first is left out, as `docker stats` does.
const readConsumption = `cd /sys/fs/cgroup || exit
if [ -r memory.current ]; then
	memory=memory.current stat=memory.stat inactive=inactive_file
	while read -r key value; do
		[ "$key" != usage_usec ] || processor=${value}000
	done <cpu.stat
else
	memory=memory/memory.usage_in_bytes stat=memory/memory.stat inactive=total_inactive_file
	read -r processor <cpuacct/cpuacct.usage
fi
read -r used <"$memory" || exit
while read -r key value; do
	[ "$key" != "$inactive" ] || used=$((used - value))
done <"$stat"
echo "$used ${processor:-0}"
`

func (e *Engine) consumptionOf(ctx context.Context, container driver.Container) (memory int64, processor time.Duration, err error) {
	if container.State != driver.Running {
		return 0, 0, fmt.Errorf("%w: it is %s", ErrNotRunning, container.State)
	}
	d, err := e.driver(ctx)
	if err != nil {
		return 0, 0, err
	}
	var stdout, stderr bytes.Buffer
	status, err := d.Exec(ctx, container.ID, driver.ExecSpec{
		Command: []string{"/bin/sh", "-c", readConsumption}, WorkingDir: plan.ServiceDir, Stdout: &stdout, Stderr: &stderr,
	})
	if err != nil {
		return 0, 0, err
	}
	if _, err := fmt.Sscan(stdout.String(), &memory, &processor); err != nil {
		return 0, 0, fmt.Errorf("read the control group of container %s: status %d: %s", container.Name, status, bytes.TrimSpace(stderr.Bytes()))
	}
	return memory, processor, nil
}
