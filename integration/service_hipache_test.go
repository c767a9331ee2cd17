package integration

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
)

func TestHipache(t *testing.T) {
	sites := &sites{t: t}
	testService(t, service{
		pack:      "hipache",
		secret:    "REDIS_PASSWORD",
		url:       "REDIS_URL",
		uninvited: []string{"redis://%s:6379/0", "redis://default@%s:6379/0"},
		processes: []string{"redis-server", "nginx"},
		client:    redisCLI,
		extra: map[string]extraUse{
			"routes": {want: kept},
			"add":    {args: []string{"added.example", "http://127.0.0.1:9"}},
			"check":  {args: []string{kept}, want: "HTTP/1.1 200 OK"},
			"remove": {args: []string{"added.example"}},
			"sample": {},
			"dead":   {},
		},
		connect: sites.connect,
		refused: refusedByRedis,
	})
}

// sites are web servers behind the proxy; each answers with a value. They
// serve until the test ends.
type sites struct{ t *testing.T }

// hipacheSession keeps a value as a route, under the key as the host's name, to a
// site that answers with it. Routes are written by way of Redis and read by way
// of the proxy.
type hipacheSession struct {
	redisSession
	sites *sites
	proxy string
}

func (s *sites) connect(ctx context.Context, env map[string]string) (session, error) {
	client, err := newRedisClient(ctx, env)
	if err != nil {
		return nil, err
	}
	return hipacheSession{redisSession{client}, s, env["HIPACHE_URL"]}, nil
}

// serve starts a site on the address that the proxy reaches this machine at.
func (s *sites) serve(ctx context.Context, proxy, answer string) (string, error) {
	address, err := url.Parse(proxy)
	if err != nil {
		return "", err
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address.Host)
	if err != nil {
		return "", err
	}
	host, _, err := net.SplitHostPort(conn.LocalAddr().String())
	if err := errors.Join(err, conn.Close()); err != nil {
		return "", err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return "", err
	}
	site := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, answer)
	}))
	if err := site.Listener.Close(); err != nil {
		return "", err
	}
	site.Listener = listener
	site.Start()
	s.t.Cleanup(site.Close)
	return site.URL, nil
}

func (s hipacheSession) write(ctx context.Context, key, value string) error {
	backend, err := s.sites.serve(ctx, s.proxy, value)
	if err != nil {
		return err
	}
	route := s.client.TxPipeline()
	route.Del(ctx, "frontend:"+key)
	route.RPush(ctx, "frontend:"+key, key, backend)
	_, err = route.Exec(ctx)
	return err
}

// wipe deletes the routes of the keys: not everybody may delete more.
func (s hipacheSession) wipe(ctx context.Context, keys ...string) error {
	for _, key := range keys {
		if err := s.client.Del(ctx, "frontend:"+key).Err(); err != nil {
			return err
		}
	}
	return nil
}

func (s hipacheSession) read(ctx context.Context, key string) (value string, found bool, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.proxy, http.NoBody)
	if err != nil {
		return "", false, err
	}
	request.Host, request.Close = key, true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", false, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return "", false, err
	}
	switch response.StatusCode {
	case http.StatusOK:
		return string(body), true, nil
	case http.StatusBadRequest:
		return "", false, nil
	}
	return "", false, fmt.Errorf("the proxy answers %s: %s", response.Status, body)
}
