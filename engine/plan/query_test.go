package plan_test

import (
	"testing"

	"github.com/servicepack/svp/engine/plan"
)

func TestAPackIsAskedWhereItCanDoNoHarm(t *testing.T) {
	spec := plan.PlanQuery(plan.QueryInput{
		Pack: "database", Image: "sha256:05", Questions: []string{"version", "os"}, Limit: 64 << 10, Messages: 2 << 10,
		Size: 1 << 20, Files: 12, Operation: operation(),
	})
	golden(t, "query", spec)
	if !spec.Isolated || spec.Limits.MemoryBytes == 0 {
		t.Errorf("it can do harm: %+v", spec)
	}
}

func TestQueryNote(t *testing.T) {
	for line, want := range map[string]struct {
		begin, ok bool
		question  int
	}{
		"asking":          {begin: true, ok: true},
		" 3\r":            {ok: true, question: 3},
		"-1":              {question: -1},
		"":                {},
		"tar: short read": {},
	} {
		begin, question, ok := plan.QueryNote(line)
		if begin != want.begin || question != want.question || ok != want.ok {
			t.Errorf("%q: %v, %d, %v", line, begin, question, ok)
		}
	}
}
