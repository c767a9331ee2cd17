package integration

import (
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/servicepack/svp/integration/svptest"
)

// writeKey writes a new key for the credentials in a store.
func writeKey(t *testing.T) string {
	t.Helper()
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	file := filepath.Join(t.TempDir(), "broker.key")
	change(t, os.WriteFile(file, []byte(hex.EncodeToString(key)+"\n"), 0o600))
	return file
}

// Two brokers on one PostgreSQL keep the rules of "Blocking Operations" and
// "Provisioning" together, and when one is killed the other carries on.
func TestBrokerTwo(t *testing.T) {
	t.Parallel()
	database := newName(t)
	location := up(t, "../packs/postgresql", database).Env(t)["DATABASE_URL"]
	pack, key := brokerPack(t, brokerTiny), writeKey(t)
	options := svptest.BrokerOptions{
		Packs: []string{pack}, Store: strings.Replace(location, "postgresql://", "postgres://", 1), Flags: []string{"--key-file", key},
	}
	a, b := startPlatform(t, options), startPlatform(t, options)
	service := a.service(t, pack)
	if b.service(t, pack).ID != service.ID {
		t.Error("two brokers have two ids for one service")
	}

	t.Run("one operation at a time", func(t *testing.T) { testTwoAtOnce(t, a, b, pack) })
	t.Run("bindings", func(t *testing.T) {
		id := a.instance(t, service, "small")
		binding, _ := b.bind(t, service, "small", id)
		a.credentials(t, a.get(t, bindingPath(id, binding)).Require(t, http.StatusOK))
		a.put(t, bindingPath(id, binding), service.bindBody(t, "small")).Require(t, http.StatusOK)
		refused(t, a.put(t, bindingPath(id, binding), service.bindBody(t, "small").with(fields{"parameters": fields{"note": "x"}})), http.StatusConflict, "")
		a.delete(t, bindingPath(id, binding), service.ids(t, "small")).Require(t, http.StatusOK)
		b.delete(t, bindingPath(id, binding), service.ids(t, "small")).Require(t, http.StatusGone)
		b.delete(t, instancePath(id), service.ids(t, "small")).Require(t, http.StatusOK)
		a.delete(t, instancePath(id), service.ids(t, "small")).Require(t, http.StatusGone)
	})
	t.Run("another key", func(t *testing.T) {
		result := svpCall(t, svptest.Call{
			Args: []string{"broker", "--packs", pack, "--listen", "127.0.0.1:0", "--store", options.Store, "--key-file", writeKey(t)},
			Env:  []string{"SVP_BROKER_USERNAME=a", "SVP_BROKER_PASSWORD=b"},
		})
		if result.Status == 0 || !strings.Contains(result.Stderr, "key") {
			t.Errorf("a broker with another key: %s", result)
		}
	})
	t.Run("no store", func(t *testing.T) { testStoreAway(t, a, pack, database) })
	t.Run("one is stopped", func(t *testing.T) { testOneIsStopped(t, a, b, pack) })
	t.Run("one is killed", func(t *testing.T) { testOneIsKilled(t, a, b, pack) })
	onlyBase(t, pack)
	a.requireSilence(t)
	b.requireSilence(t)
}

func testTwoAtOnce(t *testing.T, a, b *platform, pack string) {
	service, path := a.service(t, pack), instancePath(newName(t))
	held, release := hold(t, pack)
	body := service.provisionBody(t, "small").with(held)
	tasks := make([]string, 6)
	var group sync.WaitGroup
	for i := range tasks {
		group.Go(func() { tasks[i] = operation(t, []*platform{a, b}[i%2].async(t, http.MethodPut, path, nil, body)) })
	}
	group.Wait()
	for _, task := range tasks {
		if task != tasks[0] {
			t.Fatalf("one request has several operations: %v", tasks)
		}
	}
	for _, broker := range []*platform{a, b} {
		refused(t, broker.async(t, http.MethodPut, path, nil, body.with(fields{"space_guid": "other"})), http.StatusConflict, "")
		refused(t, broker.async(t, http.MethodPut, path+"/service_bindings/x", nil, service.bindBody(t, "small")),
			http.StatusUnprocessableEntity, "ConcurrencyError")
		eventually(t, startDeadline, "both describe the step", func() bool {
			state, description := lastOperation(t, broker.poll(t, path, tasks[0]))
			return state == inProgress && strings.Contains(strings.ToLower(description), "ready")
		})
	}
	// A client that waits is answered by both.
	for _, broker := range []*platform{a, b} {
		group.Go(func() { broker.put(t, path, body).Require(t, http.StatusCreated, http.StatusOK) })
	}
	release()
	group.Wait()
	for _, broker := range []*platform{a, b} {
		if state, description := broker.await(t, path, tasks[0]); state != succeeded {
			t.Errorf("it is %s: %s", state, description)
		}
		broker.get(t, path).Require(t, http.StatusOK)
	}
	a.delete(t, path, service.ids(t, "small")).Require(t, http.StatusOK)
}

// testStoreAway stops the database for a while: the broker says that it is not
// ready, fails what it is asked, and then goes on where it was.
func testStoreAway(t *testing.T, p *platform, pack, database string) {
	service, path := p.service(t, pack), instancePath(newName(t))
	held, release := hold(t, pack)
	task := operation(t, p.async(t, http.MethodPut, path, nil, service.provisionBody(t, "small").with(held)))
	eventually(t, startDeadline, "that it waits to be ready", func() bool {
		_, description := lastOperation(t, p.poll(t, path, task))
		return strings.Contains(strings.ToLower(description), "ready")
	})
	svp(t, "stop", database).Require(t, 0)
	release()
	for route, anonymous := range map[string]bool{"/readyz": true, path: false} {
		answer, err := p.TryDo(t.Context(), svptest.Request{Method: http.MethodGet, Path: route, Anonymous: anonymous})
		if err != nil || answer.Status < 500 {
			t.Errorf("%s without a store: %v %s", route, err, answer)
		}
		if !anonymous && answer.Fields(t)["description"] == "" {
			t.Errorf("an error without a description: %s", answer)
		}
	}
	svp(t, "start", database).Require(t, 0)
	eventually(t, startDeadline, "the broker is ready again", func() bool {
		answer, err := p.TryDo(t.Context(), svptest.Request{Method: http.MethodGet, Path: "/readyz"})
		return err == nil && answer.Status == http.StatusOK
	})
	if state, description := p.await(t, path, task); state != succeeded {
		t.Errorf("what was in progress is %s: %s", state, description)
	}
	p.get(t, path).Require(t, http.StatusOK)
	p.delete(t, path, service.ids(t, "small")).Require(t, http.StatusOK)
}

// testOneIsStopped lets the broker that provisions stand still for longer than the
// other waits. When it goes on it must not touch what is the other's by now.
func testOneIsStopped(t *testing.T, a, b *platform, pack string) {
	service, id := a.service(t, pack), newName(t)
	path := instancePath(id)
	held, release := hold(t, pack)
	task := operation(t, a.async(t, http.MethodPut, path, nil, service.provisionBody(t, "small").with(held)))
	eventually(t, startDeadline, "that it waits to be ready", func() bool {
		_, description := lastOperation(t, a.poll(t, path, task))
		return strings.Contains(strings.ToLower(description), "ready")
	})
	a.Signal(syscall.SIGSTOP)
	eventually(t, startDeadline, "the other broker takes the operation over", func() bool {
		return strings.Contains(b.Stderr(), task)
	})
	a.Signal(syscall.SIGCONT)
	eventually(t, startDeadline, "the operation's end", func() bool {
		release()
		state, description := lastOperation(t, b.poll(t, path, task))
		if state == failed {
			t.Fatalf("it failed: %s", description)
		}
		return state == succeeded
	})
	binding, credentials := b.bind(t, service, "small", id)
	ended := regexp.MustCompile(`msg="operation (succeeded|failed)" operation=` + task)
	eventually(t, startDeadline, "the broker that stood still is done with it", func() bool {
		return ended.MatchString(a.Stderr())
	})
	inside(t, credentials, "true")
	a.get(t, path).Require(t, http.StatusOK)
	a.delete(t, bindingPath(id, binding), service.ids(t, "small")).Require(t, http.StatusOK)
	a.delete(t, path, service.ids(t, "small")).Require(t, http.StatusOK)
}

// testOneIsKilled kills the broker that provisions; the other ends it.
func testOneIsKilled(t *testing.T, a, b *platform, pack string) {
	service, path := a.service(t, pack), instancePath(newName(t))
	held, release := hold(t, pack)
	task := operation(t, a.async(t, http.MethodPut, path, nil, service.provisionBody(t, "small").with(held)))
	eventually(t, startDeadline, "that it waits to be ready", func() bool {
		_, description := lastOperation(t, a.poll(t, path, task))
		return strings.Contains(strings.ToLower(description), "ready")
	})
	a.Kill()
	if state, description := lastOperation(t, b.poll(t, path, task)); state != inProgress {
		t.Errorf("an operation whose broker was just killed is %s: %s", state, description)
	}
	state, description := "", ""
	eventually(t, 2*startDeadline, "the other broker ends the operation", func() bool {
		release() // also what the other broker may make anew
		state, description = lastOperation(t, b.poll(t, path, task))
		return state != inProgress
	})
	if state != succeeded {
		t.Errorf("what the other broker carried on is %s: %s", state, description)
	}
	b.get(t, path).Require(t, http.StatusOK)
	b.delete(t, path, service.ids(t, "small")).Require(t, http.StatusOK)
}
