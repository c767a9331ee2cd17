package docker

import (
	"net"
	"testing"

	"github.com/docker/docker/api/types/network"
)

func TestABridgeIsHereWhereItsGatewayIs(t *testing.T) {
	own := []net.Addr{
		&net.IPNet{IP: net.ParseIP("127.0.0.1"), Mask: net.CIDRMask(8, 32)},
		&net.IPNet{IP: net.ParseIP("172.18.0.1"), Mask: net.CIDRMask(16, 32)},
		&net.IPNet{IP: net.ParseIP("fe80::1"), Mask: net.CIDRMask(64, 128)},
	}
	for name, test := range map[string]struct {
		networks []network.IPAMConfig
		want     bool
	}{
		"the bridge":                  {[]network.IPAMConfig{{Subnet: "172.18.0.0/16", Gateway: "172.18.0.1"}}, true},
		"one of two":                  {[]network.IPAMConfig{{Subnet: "fd00::/64", Gateway: "fd00::1"}, {Gateway: "172.18.0.1"}}, true},
		"our address is in its range": {[]network.IPAMConfig{{Subnet: "172.18.0.0/15", Gateway: "172.18.0.2"}}, false},
		"no gateway is named":         {[]network.IPAMConfig{{Subnet: "172.18.0.0/16"}}, false},
		"a network without addresses": {nil, false},
		"another machine's bridge":    {[]network.IPAMConfig{{Subnet: "172.19.0.0/16", Gateway: "172.19.0.1"}}, false},
		"what is no address":          {[]network.IPAMConfig{{Gateway: "172.18.0.1/16"}}, false},
	} {
		if got := hasGateway(own, test.networks); got != test.want {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}
