package integration

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/servicepack/svp/integration/svptest"
)

func TestRedis(t *testing.T) {
	testService(t, service{
		pack:      "redis",
		secret:    "REDIS_PASSWORD",
		url:       "REDIS_URL",
		uninvited: []string{"redis://%s:6379/0", "redis://default@%s:6379/0"},
		processes: []string{"redis-server"},
		client:    redisCLI,
		extra: map[string]extraUse{
			"stats":   {want: "redis_version"},
			"bigkeys": {want: "Biggest string"},
			"clients": {want: "addr="},
			"slowlog": {args: []string{"1"}},
			"monitor": {test: testMonitor},
			"compact": {},
			"sample":  {},
			"flush":   {test: testFlush},
		},
		connect: connectRedis,
		refused: refusedByRedis,
	})
}

var redisCLI = clientUse{
	program: "redis-cli",
	args:    []string{"echo", "from arguments"}, wantArgs: "from arguments\n",
	stdin: "echo 'from a pipe'\n", wantStdin: "from a pipe",
	failing: []string{"get"}, wantStatus: 1,
}

type redisSession struct{ client *redis.Client }

func connectRedis(ctx context.Context, env map[string]string) (session, error) {
	client, err := newRedisClient(ctx, env)
	if err != nil {
		return nil, err
	}
	return redisSession{client}, nil
}

func newRedisClient(ctx context.Context, env map[string]string) (*redis.Client, error) {
	options, err := redis.ParseURL(env["REDIS_URL"])
	if err != nil {
		return nil, err
	}
	options.MaxRetries = -1
	client := redis.NewClient(options)
	if err := client.Ping(ctx).Err(); err != nil {
		return nil, errors.Join(err, client.Close())
	}
	return client, nil
}

func refusedByRedis(err error) bool {
	return oneOf(err, func(e redis.Error) bool {
		return strings.HasPrefix(e.Error(), "NOAUTH ") || strings.HasPrefix(e.Error(), "WRONGPASS ")
	})
}

// write returns when the kernel has the value: Redis answers before that while the
// disk is busy with what came earlier.
func (s redisSession) write(ctx context.Context, key, value string) error {
	if err := s.client.Set(ctx, key, value, 0).Err(); err != nil {
		return err
	}
	for {
		info, err := s.client.Info(ctx, "persistence").Result()
		if err != nil || strings.Contains(info, "aof_buffer_length:0\r\n") {
			return err
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s redisSession) read(ctx context.Context, key string) (value string, found bool, err error) {
	value, err = s.client.Get(ctx, key).Result()
	if errors.Is(err, redis.Nil) {
		return "", false, nil
	}
	return value, err == nil, err
}

func (s redisSession) wipe(ctx context.Context, _ ...string) error {
	return s.client.FlushAll(ctx).Err()
}

func (s redisSession) close() {
	_ = s.client.Close() // what was to be done is done
}

// testMonitor shows commands as they come, until it is interrupted; then it is
// gone from the container.
func testMonitor(t *testing.T, i *serviceInstance) {
	before := len(i.arguments(t))
	monitor := suite.Start(t, svptest.Call{Args: []string{"extra", i.name, "monitor"}})
	eventually(t, startDeadline, "a command in the monitor", func() bool {
		i.write(t, kept, "seen by the monitor")
		i.requireNoSecret(t, i.arguments(t))
		return strings.Contains(monitor.Stdout(), "seen by the monitor")
	})
	monitor.Signal(syscall.SIGINT)
	monitor.Wait().Require(t, 130)
	eventually(t, startDeadline, "the end of the monitor's processes", func() bool { return len(i.arguments(t)) == before })
}

// testFlush drops everything, when it is said clearly enough.
func testFlush(t *testing.T, i *serviceInstance) {
	i.write(t, kept, "to be dropped")
	svp(t, "extra", i.name, "flush").Require(t, 2)
	i.requireValue(t, kept, "to be dropped")
	svp(t, "extra", i.name, "flush", "--yes").Require(t, 0)
	i.requireNothing(t, kept)
}
