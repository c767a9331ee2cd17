package integration

import (
	"context"
	"errors"
	"net/url"
	"testing"
	"time"

	"github.com/memcachier/mc/v3"
)

func TestMemcached(t *testing.T) {
	testService(t, service{
		pack:      "memcached",
		secret:    "MEMCACHED_PASSWORD",
		url:       "MEMCACHED_URL",
		uninvited: []string{"memcached://%s:11211", "memcached://memcached@%s:11211"},
		volatile:  true,
		processes: []string{"memcached"},
		client: clientUse{
			program: "bin/client",
			args:    []string{"set", "greeting", "hello world"}, wantArgs: "STORED",
			stdin: "set piped 0 0 11\nfrom a pipe\nget piped\n", wantStdin: "from a pipe",
			failing: []string{"get", "no-such-key"}, wantStatus: 1,
		},
		extra: map[string]extraUse{
			"stats":    {want: "STAT curr_items"},
			"keys":     {want: kept + " 0"},
			"slabs":    {want: "chunk_size"},
			"settings": {want: "maxbytes"},
			"sample":   {},
			"flush":    {test: testFlush},
		},
		connect: connectMemcached,
		refused: refusedByMemcached,
	})
}

type memcachedSession struct{ client *mc.Client }

func connectMemcached(ctx context.Context, env map[string]string) (session, error) {
	address, err := url.Parse(env["MEMCACHED_URL"])
	if err != nil {
		return nil, err
	}
	config := mc.DefaultConfig()
	config.Retries, config.Failover = 1, false
	if deadline, ok := ctx.Deadline(); ok {
		config.ConnectionTimeout = time.Until(deadline)
	}
	password, _ := address.User.Password()
	s := memcachedSession{mc.NewMCwithConfig(address.Host, address.User.Username(), password, config)}
	// The client logs in with its first request. It takes it for success when
	// there is no login, so the request is one that needs it.
	if _, _, err := s.read(ctx, kept); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func refusedByMemcached(err error) bool {
	return oneOf(err, func(e *mc.Error) bool { return e.Status == mc.StatusAuthRequired })
}

func (s memcachedSession) write(_ context.Context, key, value string) error {
	_, err := s.client.Set(key, value, 0, 0, 0)
	return err
}

func (s memcachedSession) read(_ context.Context, key string) (value string, found bool, err error) {
	value, _, _, err = s.client.Get(key)
	if errors.Is(err, mc.ErrNotFound) {
		return "", false, nil
	}
	return value, err == nil, err
}

func (s memcachedSession) wipe(context.Context, ...string) error { return s.client.Flush(0) }

func (s memcachedSession) close() { s.client.Quit() }
