package engine

import (
	"errors"
	"strings"
	"testing"

	"github.com/servicepack/svp/engine/driver"
)

func TestWhatCannotNameAnImageIsRefusedFirst(t *testing.T) {
	for _, good := range []string{"shop", "shop:1", "team/shop:1.0_x", "registry.example:5000/team/shop:2", "localhost/shop"} {
		if err := checkReference(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	digest := "@sha256:" + strings.Repeat("0", 64)
	for _, bad := range []string{"", "Shop", "shop:", "shop:-", ":1", "a b", "shop//db", "shop" + digest, "shop:1" + digest, strings.Repeat("0", 64)} {
		if err := checkReference(bad); !errors.Is(err, driver.ErrInvalidReference) {
			t.Errorf("%q: %v, want ErrInvalidReference", bad, err)
		}
	}
}
