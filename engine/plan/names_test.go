package plan_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/servicepack/svp/engine/driver"
	"github.com/servicepack/svp/engine/plan"
)

func TestInstanceReferencesComeBack(t *testing.T) {
	for _, name := range []string{"a", "shop-db", "a..b", "x_", strings.Repeat("a", 63)} {
		id, got, ok := plan.ParseInstanceReference(plan.InstanceReference("0123456789ab", name))
		if !ok || id != "0123456789ab" || got != name {
			t.Errorf("%s came back as %q, %q, %v", name, id, got, ok)
		}
	}
	for _, other := range []string{"debian:12", "svp-instance/x", "svp-instance/:shop", "svp-instance/1:UPPER"} {
		if _, _, ok := plan.ParseInstanceReference(other); ok {
			t.Errorf("%s was taken for an instance", other)
		}
	}
}

func TestInstanceNames(t *testing.T) {
	for name, want := range map[string]bool{
		"a": true, "0a": true, "shop-db.2_x": true, strings.Repeat("a", 63): true,
		"": false, "-a": false, ".a": false, "A": false, "a b": false, "a/b": false, "ä": false,
		strings.Repeat("a", 64): false, "a\n": false,
	} {
		if got := plan.ValidInstanceName(name); got != want {
			t.Errorf("ValidInstanceName(%q) = %v", name, got)
		}
	}
}

func TestAnInstanceIsNamedAfterItsImage(t *testing.T) {
	for image, want := range map[string]string{
		"shop": "shop", "shop:2": "shop", "registry:5000/team/shop:2": "shop", "team/shop@sha256:0": "shop", "UPPER": "",
		"svp-instance/0123456789ab:shop": "shop",
	} {
		if got := plan.InstanceNameOf(image); got != want {
			t.Errorf("InstanceNameOf(%q) = %q, want %q", image, got, want)
		}
	}
}

func TestVolumesOfSimilarPathsHaveDifferentNames(t *testing.T) {
	names := []string{plan.VolumeName("1d", "/a-b"), plan.VolumeName("1d", "/a/b"), plan.VolumeName("1d", "/ä"), plan.VolumeName("2d", "/a-b")}
	slices.Sort(names)
	if len(slices.Compact(names)) != 4 {
		t.Errorf("volume names clash: %v", names)
	}
}

func network(prefix string, taken ...string) driver.Network {
	n := driver.Network{Name: "svp", Subnet: netip.MustParsePrefix(prefix)}
	n.Gateway = n.Subnet.Addr().Next()
	for _, address := range taken {
		n.Taken = append(n.Taken, netip.MustParseAddr(address))
	}
	return n
}

func TestAddressesAreFreeAndStable(t *testing.T) {
	small := network("10.1.2.0/29", "10.1.2.3")
	reserved := []netip.Addr{netip.MustParseAddr("10.1.2.4")}
	seen := map[netip.Addr]bool{}
	for range 3 { // .2, .5 and .6 are left: .0 is the network, .1 the gateway, .7 broadcast
		address, err := plan.ChooseAddress(small, reserved, "id")
		if err != nil {
			t.Fatal(err)
		}
		if again, _ := plan.ChooseAddress(small, reserved, "id"); again != address {
			t.Errorf("the same id got %s, then %s", address, again)
		}
		seen[address] = true
		reserved = append(reserved, address)
	}
	for _, want := range []string{"10.1.2.2", "10.1.2.5", "10.1.2.6"} {
		if !seen[netip.MustParseAddr(want)] {
			t.Errorf("addresses %v, want %s among them", seen, want)
		}
	}
	if address, err := plan.ChooseAddress(small, reserved, "id"); err == nil {
		t.Errorf("a full network gave %s", address)
	}
}

func TestPublishedPortsAreChosenApartAndNamedOnesKept(t *testing.T) {
	tcp := func(n int) driver.Port { return driver.Port{Number: n, Protocol: "tcp"} }
	in := plan.PublishInput{
		ID: "id", Requests: []plan.PublishRequest{{HostPort: 15432, Container: tcp(5432)}, {Container: tcp(80)}, {Container: tcp(81)}},
	}
	first := plan.ChoosePublished(in)
	if first[0].HostPort != 15432 || first[0].HostIP != "127.0.0.1" {
		t.Errorf("named port: %+v", first[0])
	}
	if first[1].HostPort == first[2].HostPort || first[1].HostPort < 1024 {
		t.Errorf("chosen ports: %+v", first)
	}
	in.Taken = []int{first[1].HostPort}
	if next := plan.ChoosePublished(in); next[1].HostPort == first[1].HostPort {
		t.Errorf("a taken port was chosen: %+v", next)
	}
	in.Taken, in.Attempt = nil, 1
	if next := plan.ChoosePublished(in); next[1].HostPort == first[1].HostPort {
		t.Errorf("the second attempt chose the same port: %+v", next)
	}
	in.SamePort, in.Attempt, in.Public = true, 0, true
	if same := plan.ChoosePublished(in); same[1].HostPort != 80 || same[1].HostIP != "0.0.0.0" {
		t.Errorf("same port, public: %+v", same)
	}
	text := plan.FormatPublish(first)
	if back, err := plan.ParsePublish(text); err != nil || !slices.Equal(back, first) {
		t.Errorf("%q came back as %+v, %v", text, back, err)
	}
}

func FuzzParsePublish(f *testing.F) {
	f.Add("127.0.0.1:15432:5432/tcp 0.0.0.0:53:53/udp")
	f.Add("::1:2:3")
	f.Fuzz(func(t *testing.T, text string) {
		published, err := plan.ParsePublish(text)
		if err != nil {
			return
		}
		back, err := plan.ParsePublish(plan.FormatPublish(published))
		if err != nil || !slices.Equal(back, published) {
			t.Errorf("%q: %+v came back as %+v, %v", text, published, back, err)
		}
	})
}

func FuzzParsePort(f *testing.F) {
	f.Add("5432/tcp")
	f.Add("70000")
	f.Fuzz(func(t *testing.T, text string) {
		port, err := plan.ParsePort(text)
		if err != nil {
			return
		}
		if port.Number < 1 || port.Number > 65535 || port.Protocol != "tcp" && port.Protocol != "udp" {
			t.Errorf("%q is %+v", text, port)
		}
	})
}

func TestImagesThatAreBeingRemovedHaveNoNameToLast(t *testing.T) {
	garbage := plan.GarbageReference("sha256:0123")
	for _, test := range []struct {
		references []string
		want       bool
	}{
		{nil, false}, {[]string{garbage}, false}, {[]string{garbage, "svp-base:redis-1"}, true}, {[]string{"svp-garbage-of-others:1"}, true},
	} {
		if got := plan.IsNamed(test.references); got != test.want {
			t.Errorf("IsNamed(%q) = %v", test.references, got)
		}
	}
}
