package integration

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/servicepack/svp/integration/svptest"
)

const natsPack = "../examples/nats-pack"

// TestExampleNATS uses the pack of the tutorial with a usual client.
func TestExampleNATS(t *testing.T) {
	t.Parallel()
	name := newName(t)
	suite.DestroyAfter(t, name)
	env := svpCall(t, svptest.Call{Args: []string{"up", natsPack, name}, Deadline: coldDeadline}).Env(t)

	app := connectNATS(t, env["NATS_URL"])
	received, err := app.SubscribeSync("news.>")
	if err != nil {
		t.Fatal(err)
	}
	if err := app.Flush(); err != nil {
		t.Fatal(err)
	}
	svp(t, "client", name, "--", "pub", "news.today", "hello").Require(t, 0)
	message, err := received.NextMsg(time.Minute)
	if err != nil || string(message.Data) != "hello" || message.Subject != "news.today" {
		t.Errorf("received %+v: %v", message, err)
	}
	for _, address := range []string{
		"nats://" + env["NATS_HOST"] + ":4222", "nats://app:wrong@" + env["NATS_HOST"] + ":4222", "nats://bind_web@" + env["NATS_HOST"] + ":4222",
	} {
		requireRefusedByNATS(t, address)
	}

	// A consumer's connection ends with its binding; that of others stays.
	bound := svp(t, "bind", name, "web").Env(t)
	if again := svp(t, "bind", name, "web").Env(t); again["NATS_URL"] != bound["NATS_URL"] || again["NATS_USER"] != "bind_web" {
		t.Errorf("bound again: %q in place of %q", again, bound)
	}
	web := connectNATS(t, bound["NATS_URL"])
	svp(t, "unbind", name, "web").Require(t, 0)
	eventually(t, endDeadline, "the consumer's connection has ended", web.IsClosed)
	requireRefusedByNATS(t, bound["NATS_URL"])
	if err := app.Publish("news.today", []byte("still here")); err != nil || app.Flush() != nil {
		t.Errorf("the other connection: %v", err)
	}
	if stats := svp(t, "extra", name, "stats").Require(t, 0); !strings.Contains(stats.Stdout, `"connections"`) {
		t.Errorf("stats: %s", stats)
	}

	// Who is told of a login can use it: a server that did not take it over is no success.
	svp(t, "shell", name, "--", "bash", "-c", "echo '}}' >> etc/nats.conf").Require(t, 0)
	if unread := svp(t, "bind", name, "late"); unread.Status == 0 || !strings.Contains(unread.Stderr, "did not read /run/nats/nats.conf again") {
		t.Errorf("bound to a server that cannot read its configuration: %s", unread)
	}
}

func connectNATS(t *testing.T, url string) *nats.Conn {
	t.Helper()
	connection, err := nats.Connect(url, nats.NoReconnect())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(connection.Close)
	return connection
}

func requireRefusedByNATS(t *testing.T, url string) {
	t.Helper()
	connection, err := nats.Connect(url, nats.NoReconnect())
	if err == nil {
		connection.Close()
	}
	if !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("a wrong login: %v, want it refused", err)
	}
}

// TestNewPackEndsConnections uses a connection right after its login was taken away.
func TestNewPackEndsConnections(t *testing.T) {
	t.Parallel()
	name := newName(t)
	pack := t.TempDir() + "/" + name
	svp(t, "pack", "init", "shop", "-o", pack).Require(t, 0)
	suite.DestroyAfter(t, name)
	svpCall(t, svptest.Call{Args: []string{"up", pack, name}, Deadline: coldDeadline}).Require(t, 0)
	env := svp(t, "bind", name, "web").Env(t)
	const script = `exec 3<> /dev/tcp/127.0.0.1/7000
read -r login
echo "AUTH $login" >&3
read -r reply <&3
bin/unbind web
echo 'SET key value' >&3
read -r after <&3
echo "$reply, then $after"`
	asked := svpCall(t, svptest.Call{
		Args:  []string{"shell", name, "--", "bash", "-c", script},
		Stdin: strings.NewReader(env["SHOP_USER"] + " " + env["SHOP_PASSWORD"] + "\n"),
	}).Require(t, 0)
	if asked.Stdout != "OK, then \n" {
		t.Errorf("who was unbound is answered: %s", asked)
	}
}

// TestNewPackWorksAsItIs lives a part of the life of a pack that nobody has changed.
// The rest is seen with one of a single component, in less time.
func TestNewPackWorksAsItIs(t *testing.T) {
	t.Parallel()
	pack := t.TempDir() + "/" + newName(t)
	svp(t, "pack", "init", "shop", "--components", "db,web", "-o", pack).Require(t, 0)
	const checks = "client,wrong-password,fingerprint,components,stop,restore,truncated-backup,odd-secrets"
	result := svpCall(t, svptest.Call{Args: []string{"pack", "test", pack, "--only", checks}, Deadline: coldDeadline})
	result.Require(t, 0)
	if !strings.Contains(result.Stdout, ", 0 failed, 0 skipped") {
		t.Errorf("not everything was looked at:\n%s", result.Stdout)
	}
}
