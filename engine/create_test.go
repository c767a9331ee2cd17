package engine

import (
	"errors"
	"fmt"
	"testing"

	"github.com/servicepack/svp/engine/driver"
)

func TestPortsToPublish(t *testing.T) {
	for text, want := range map[string]PublishOption{
		"5432":         {Container: driver.Port{Number: 5432, Protocol: "tcp"}},
		"15432:5432":   {HostPort: 15432, Container: driver.Port{Number: 5432, Protocol: "tcp"}},
		"5353:53/udp":  {HostPort: 5353, Container: driver.Port{Number: 53, Protocol: "udp"}},
		"1:65535/tcp":  {HostPort: 1, Container: driver.Port{Number: 65535, Protocol: "tcp"}},
		"65535:1":      {HostPort: 65535, Container: driver.Port{Number: 1, Protocol: "tcp"}},
		"00080:000080": {HostPort: 80, Container: driver.Port{Number: 80, Protocol: "tcp"}},
	} {
		if got, err := ParsePublish(text); err != nil || got != want {
			t.Errorf("%s is %+v, %v; want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", ":", "80:", ":80", "0:80", "65536:80", "80:0", "80:65536", "-1:80", "a:80", "80:b", "80/sctp", "80:80/", "127.0.0.1:80:80", "1:2:3",
	} {
		_, err := ParsePublish(text)
		var failure *Error
		if !errors.As(err, &failure) || failure.Kind != Usage || failure.Hint == "" {
			t.Errorf("%q: %v, want a usage error with a hint", text, err)
		}
	}
}

func TestOnlyAPortThatSvpChoseIsChosenAnew(t *testing.T) {
	taken := fmt.Errorf("start container: %w", driver.ErrPortInUse)
	chosen := []PublishOption{{Container: driver.Port{Number: 80, Protocol: "tcp"}}}
	named := []PublishOption{chosen[0], {HostPort: 8080, Container: driver.Port{Number: 80, Protocol: "tcp"}}}
	if portWasNamed(taken, chosen) || !portWasNamed(taken, named) || portWasNamed(driver.ErrAddressInUse, named) {
		t.Error("a named port is chosen anew, or a chosen one is not")
	}
}
