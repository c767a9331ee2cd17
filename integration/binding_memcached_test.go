package integration

import "testing"

func TestMemcachedBindings(t *testing.T) {
	testBindings(t, service{
		pack: "memcached", secret: "MEMCACHED_PASSWORD", url: "MEMCACHED_URL", volatile: true, processes: []string{"memcached"},
		connect: connectMemcached, refused: refusedByMemcached,
	})
}
