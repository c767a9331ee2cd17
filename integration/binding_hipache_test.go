package integration

import "testing"

func TestHipacheBindings(t *testing.T) {
	sites := &sites{t: t}
	testBindings(t, service{
		pack: "hipache", secret: "REDIS_PASSWORD", url: "REDIS_URL", processes: []string{"redis-server", "nginx"},
		connect: sites.connect, refused: refusedByRedis, also: testRouteRights,
	})
}

// testRouteRights wants a consumer to change routes, and nothing else.
func testRouteRights(t *testing.T, i *serviceInstance) {
	env := svp(t, "bind", i.name, "rights").Env(t)
	client, err := newRedisClient(t.Context(), env)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for _, command := range [][]any{
		{"RPUSH", "frontend:mine.example", "mine", "http://127.0.0.1:9"}, {"KEYS", "frontend:*"}, {"SMEMBERS", "dead:mine.example"},
		{"DEL", "frontend:mine.example"}, {"PUBLISH", "dead", "mine.example;http://127.0.0.1:9;0;2"}, {"INFO"},
	} {
		if err := client.Do(t.Context(), command...).Err(); err != nil {
			t.Errorf("%v: %v", command, err)
		}
	}
	requireForbidden(t, client, [][]any{
		{"SET", "other", "value"}, {"GET", "other"}, {"PUBLISH", "other", "message"}, {"FLUSHALL"}, {"ACL", "LIST"}, {"CONFIG", "GET", "*"},
		{"SHUTDOWN"},
	})
	svp(t, "unbind", i.name, "rights").Require(t, 0)
}
