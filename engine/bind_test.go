package engine

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/servicepack/svp/engine/driver"
	"github.com/servicepack/svp/engine/envvar"
	"github.com/servicepack/svp/engine/plan"
	"github.com/servicepack/svp/engine/secrets"
)

func TestCredentialsHaveTheConventionalNames(t *testing.T) {
	result := BindResult{Env: envvar.Set{
		{Name: "DATABASE_URL", Value: secrets.New("postgres://app:p%40ss@10.0.0.7:5432/main")},
		{Name: "host", Value: secrets.New("mine")},
	}}
	want := map[string]string{
		"DATABASE_URL": "postgres://app:p%40ss@10.0.0.7:5432/main", "uri": "postgres://app:p%40ss@10.0.0.7:5432/main",
		"host": "mine", "port": "5432", "username": "app", "password": "p@ss", "database": "main",
	}
	if diff := cmp.Diff(want, result.Credentials()); diff != "" {
		t.Error(diff)
	}
}

func TestEndpointsAreAsTheConsumerSeesThem(t *testing.T) {
	found := &instance{
		identity: plan.Identity{
			Name: "shop", Address: netip.MustParseAddr("172.20.0.7"),
			Publish: []driver.PublishedPort{{HostIP: "127.0.0.1", HostPort: 15432, Container: driver.Port{Number: 5432, Protocol: "tcp"}}},
		},
		service: plan.Service{Ports: []driver.Port{{Number: 5432, Protocol: "tcp"}, {Number: 53, Protocol: "udp"}, {Number: 9187, Protocol: "tcp"}}},
	}
	everywhere := []Endpoint{
		{Host: "172.20.0.7", Ports: []string{"5432", "9187"}, Protocol: "tcp"}, {Host: "172.20.0.7", Ports: []string{"53"}, Protocol: "udp"},
	}
	for name, test := range map[string]struct {
		place envvar.Placeholders
		want  []Endpoint
	}{
		"on the network":      {onNetwork(found.identity), everywhere},
		"on the same machine": {fromHost(found.identity, driver.Reach{Reachable: true}), everywhere},
		"on another machine":  {fromHost(found.identity, driver.Reach{PublishedAt: "vm"}), []Endpoint{{Host: "vm", Ports: []string{"15432"}, Protocol: "tcp"}}},
	} {
		if diff := cmp.Diff(test.want, endpoints(found, test.place)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
