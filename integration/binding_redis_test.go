package integration

import (
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

func TestRedisBindings(t *testing.T) {
	testBindings(t, service{
		pack: "redis", secret: "REDIS_PASSWORD", url: "REDIS_URL", processes: []string{"redis-server"},
		connect: connectRedis, refused: refusedByRedis, also: testRedisRights,
	})
}

// testRedisRights wants a consumer to have its way with the data, and not with the
// server.
func testRedisRights(t *testing.T, i *serviceInstance) {
	env := svp(t, "bind", i.name, "rights").Env(t)
	client, err := newRedisClient(t.Context(), env)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for _, command := range [][]any{
		{"INFO"}, {"ROLE"}, {"KEYS", "nothing*"}, {"SORT", "no-list"}, {"EVAL", "return redis.call('SET', KEYS[1], 1)", 1, "scripted"},
		{"DEL", "scripted"}, {"PUBLISH", "channel", "message"}, {"XADD", "stream", "*", "a", "b"}, {"DEL", "stream"}, {"ACL", "WHOAMI"},
	} {
		if err := client.Do(t.Context(), command...).Err(); err != nil {
			t.Errorf("%v: %v", command, err)
		}
	}
	requireForbidden(t, client, [][]any{
		{"ACL", "LIST"}, {"ACL", "SETUSER", "intruder"}, {"CONFIG", "GET", "*"}, {"MONITOR"}, {"SHUTDOWN"}, {"REPLICAOF", "NO", "ONE"},
		{"CLIENT", "KILL", "USER", "default"}, {"MODULE", "LIST"}, {"SLOWLOG", "GET"},
	})
	// As a command that was killed leaves it.
	svp(t, "client", i.name, "--", "ACL", "DELUSER", "bind_rights").Require(t, 0)
	svp(t, "unbind", i.name, "rights").Require(t, 0)
	if users := svp(t, "client", i.name, "--", "ACL", "USERS").Require(t, 0); strings.Contains(users.Stdout, "bind_rights") {
		t.Errorf("an unbound consumer's user is left: %s", users)
	}
}

func requireForbidden(t *testing.T, client *redis.Client, commands [][]any) {
	t.Helper()
	for _, command := range commands {
		err := client.Do(t.Context(), command...).Err()
		if !redis.HasErrorPrefix(err, "NOPERM") {
			t.Errorf("%v: %v, want it forbidden", command, err)
		}
	}
}
