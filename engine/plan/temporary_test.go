package plan_test

import (
	"testing"

	"github.com/servicepack/svp/engine/driver"
	"github.com/servicepack/svp/engine/plan"
)

func TestTemporaryInstancesSaySo(t *testing.T) {
	for _, temporary := range []bool{true, false} {
		planned, err := plan.PlanInstance(plan.InstanceInput{
			Service: plan.Service{Pack: "demo"}, Identity: plan.Identity{Name: "shop", ID: "0123456789ab"},
			Operation: plan.Operation{ID: "op", Owner: "machine/1/2"}, Temporary: temporary,
		})
		if err != nil {
			t.Fatal(err)
		}
		for what, labels := range map[string]driver.Labels{"container": planned.Primary.Labels, "image": planned.Commit.Labels} {
			if _, marked := labels[driver.LabelTemporary]; marked != temporary {
				t.Errorf("temporary %t: the labels of the %s are %v", temporary, what, labels)
			}
		}
	}
}
