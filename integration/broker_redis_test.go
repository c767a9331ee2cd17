package integration

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/servicepack/svp/integration/svptest"
)

// A reference pack from the catalog to the end, as a platform and its application
// see it.
func TestBrokerRedis(t *testing.T) {
	t.Parallel()
	folder, ctx := t.TempDir(), t.Context()
	p := startPlatform(t, svptest.BrokerOptions{Packs: []string{"../packs/redis"}, Store: filepath.Join(folder, "broker.db")})
	service := p.service(t, "redis")
	plan := service.Plans[0].Name
	id := newName(t)
	path := instancePath(id)
	task := operation(t, p.async(t, http.MethodPut, path, nil, service.provisionBody(t, plan)))
	if state, description := p.await(t, path, task); state != succeeded {
		t.Fatalf("the instance is %s: %s", state, description)
	}
	connect := func(credentials map[string]any) *redis.Client {
		t.Helper()
		options, err := redis.ParseURL(fmt.Sprint(credentials["uri"]))
		change(t, err)
		options.MaxRetries = -1
		client := redis.NewClient(options)
		t.Cleanup(func() { _ = client.Close() }) // all was done with it
		return client
	}
	first, firstCredentials := p.bind(t, service, plan, id)
	p.secret(fmt.Sprint(firstCredentials["password"]))
	one := connect(firstCredentials)
	change(t, one.Set(ctx, "key", "value", 0).Err())
	next := newName(t)
	answer := p.put(t, bindingPath(id, next), fields{"predecessor_binding_id": first}).Require(t, http.StatusCreated)
	two := connect(p.credentials(t, answer))
	if got, err := two.Get(ctx, "key").Result(); err != nil || got != "value" {
		t.Errorf("with the successor's credentials: %q, %v", got, err)
	}
	change(t, one.Get(ctx, "key").Err())
	p.delete(t, bindingPath(id, first), service.ids(t, plan)).Require(t, http.StatusOK)
	if err := connect(firstCredentials).Ping(ctx).Err(); !refusedByRedis(err) {
		t.Errorf("the login that was unbound: %v", err)
	}
	if err := one.Get(ctx, "key").Err(); err == nil {
		t.Error("the connection of the login that was unbound goes on")
	}
	change(t, two.Get(ctx, "key").Err())

	p.delete(t, bindingPath(id, next), service.ids(t, plan)).Require(t, http.StatusOK)
	p.delete(t, path, service.ids(t, plan)).Require(t, http.StatusOK)
	if err := two.Ping(ctx).Err(); err == nil {
		t.Error("the instance still answers")
	}
	p.requireSilence(t)
	requireNotStored(t, folder, fmt.Sprint(firstCredentials["password"]))
}

// requireNotStored checks that no file of the store holds the secret.
func requireNotStored(t *testing.T, folder, secret string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "broker.db*"))
	change(t, err)
	if len(files) < 2 {
		t.Errorf("the files of the store: %s", strings.Join(files, ", "))
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		change(t, err)
		if bytes.Contains(content, []byte(secret)) {
			t.Errorf("%s holds a password in clear text", file)
		}
	}
}
