package engine

import (
	"errors"
	"testing"

	"github.com/servicepack/svp/engine/pack"
)

func TestUsageIsANumberOfBytes(t *testing.T) {
	for answer, want := range map[string]int64{"0\n": 0, "1073741824\n": 1 << 30, "7 \r\n": 7} {
		if got, err := parseUsage("shop", answer); err != nil || got != want {
			t.Errorf("%q: %d, %v", answer, got, err)
		}
	}
	for _, answer := range []string{"", "-1\n", "1.5\n", "1 GB\n", "1\n2\n", "99999999999999999999\n"} {
		_, err := parseUsage("shop", answer)
		var invalid *pack.Error
		if !errors.As(err, &invalid) || invalid.Hint == "" {
			t.Errorf("%q: %v", answer, err)
		}
	}
}
