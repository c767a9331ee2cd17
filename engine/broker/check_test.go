package broker_test

import (
	"strings"
	"testing"

	"github.com/servicepack/svp/engine/broker"
)

// A folder of zip files offers nothing, which whoever looks at the catalog is told.
func TestAFolderWithoutPacksIsToldOf(t *testing.T) {
	empty, packs := t.TempDir(), packFolder(t, "tiny")
	offered, broken, err := broker.Check(t.Context(), newFakeEngine(), []string{empty, packs})
	if err != nil || len(offered) != 1 || len(broken) != 1 {
		t.Fatalf("offered %v, broken %v, %v", offered, broken, err)
	}
	if broken[0].Path != empty || !strings.Contains(broken[0].Err.Error(), "no folder in it is a pack") {
		t.Errorf("broken: %v", broken[0])
	}
}
