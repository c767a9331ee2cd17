package plan

import (
	"time"

	"github.com/servicepack/svp/engine/driver"
)

// Operation is one running command; everything that it makes carries its
// labels, so that what a killed command left behind can be told from what a
// running one is working on.
type Operation struct {
	ID       string
	Owner    string    // the process, as "machine/pid/start time"
	Deadline time.Time // when the operation has ended in any case
}

// Labels are the labels of what the operation makes.
func (o Operation) Labels() driver.Labels {
	return driver.Labels{
		driver.LabelOperation:         o.ID,
		driver.LabelOperationOwner:    o.Owner,
		driver.LabelOperationDeadline: o.Deadline.UTC().Format(time.RFC3339),
	}
}

// OperationFromLabels reads back what Labels wrote; ok is false where there is
// no operation.
func OperationFromLabels(labels driver.Labels) (operation Operation, ok bool) {
	operation.ID, ok = labels[driver.LabelOperation]
	operation.Owner = labels[driver.LabelOperationOwner]
	// A deadline that cannot be read has passed.
	operation.Deadline, _ = time.Parse(time.RFC3339, labels[driver.LabelOperationDeadline])
	return operation, ok
}
