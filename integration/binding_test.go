package integration

import (
	"context"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/servicepack/svp/integration/svptest"
)

// consumer is an application with a binding. Its environment is the binding's in
// place of the instance's.
type consumer struct {
	*serviceInstance
	id string
}

// What the consumers of the scenario are called: the second name has all
// characters that there may be, and as many.
const (
	webID    = "web"
	workerID = "worker-2.of_many-0123456789012345678901234567890"
)

// endDeadline is for the connections of an unbound consumer to end.
const endDeadline = 5 * time.Second

// boundInstance is an instance in the scenario of bindings.
type boundInstance struct {
	owner       *serviceInstance
	web, worker consumer
	// Backups from before anybody was bound, and from when both were.
	early, late string
}

// testBindings gives consumers of a service credentials of their own, and takes
// them away.
func testBindings(t *testing.T, s service) {
	t.Helper()
	t.Parallel()
	b := &boundInstance{owner: &serviceInstance{service: s, name: newName(t)}}
	suite.DestroyAfter(t, b.owner.name)
	b.owner.env = svpCall(t, svptest.Call{Args: []string{"up", s.pack, b.owner.name}, Deadline: coldDeadline}).Env(t)
	b.owner.write(t, kept, "from the beginning")
	b.early = svp(t, "backup", b.owner.name).Require(t, 0).Stdout

	if !t.Run("bind", b.testBind) {
		return // the others need both consumers
	}
	t.Run("formats", func(t *testing.T) { b.worker.testFormats(t) })
	t.Run("shared data", b.testSharedData)
	t.Run("usage", b.testUsage)
	t.Run("wrong use", b.testWrongUse)
	if s.also != nil {
		t.Run("also", func(t *testing.T) { s.also(t, b.owner) })
	}
	t.Run("unbind", b.testUnbind)
	t.Run("restore", b.testRestore)
	t.Run("restart", b.testRestart)
	t.Run("kill", b.testKill)
	t.Run("down and up", b.testDownAndUp)
	t.Run("bind again", b.testBindAgain)
}

// testBind binds each consumer several times at once.
func (b *boundInstance) testBind(t *testing.T) {
	bound := b.owner.bind(t, webID, workerID)
	b.web, b.worker = bound[0], bound[1]
	if b.web.password() == b.worker.password() {
		t.Error("both consumers have the same password")
	}
	for _, c := range bound {
		if again := svp(t, "bind", b.owner.name, c.id).Env(t); !maps.Equal(again, c.env) {
			t.Errorf("bound again, %s has %q in place of %q", c.id, again, c.env)
		}
		c.requireRefused(t, c.withPassword(t, b.owner.password()), c.withPassword(t, "wrong"), c.withPassword(t, ""))
	}
	b.owner.requireRefused(t, b.owner.withPassword(t, b.web.password()))
}

// bind binds each consumer twice at the same time, while somebody looks for its
// password in argument lists and afterwards in logs.
func (i *serviceInstance) bind(t *testing.T, ids ...string) []consumer {
	t.Helper()
	var consumers []consumer
	var calls []*svptest.Process
	for _, id := range ids {
		c := consumer{&serviceInstance{service: i.service, name: i.name}, id}
		defer c.watchArguments(t).stop()
		consumers = append(consumers, c)
		for range 2 {
			calls = append(calls, suite.Start(t, svptest.Call{Args: []string{"bind", i.name, id}}))
		}
	}
	for n, c := range consumers {
		result := calls[2*n].Wait()
		c.env = result.Env(t)
		if other := calls[2*n+1].Wait().Env(t); !maps.Equal(c.env, other) {
			t.Errorf("bound twice at once, %s has %q and %q", c.id, c.env, other)
		}
		c.requireOwnEnv(t, i)
		c.requireUnlogged(t)
		t.Logf("bind of %s took %v", c.id, result.Elapsed)
	}
	return consumers
}

var madePassword = regexp.MustCompile(`^[A-Za-z0-9]{32}$`)

// requireOwnEnv wants the variables of the instance, with a user and a password
// of the consumer's own.
func (c consumer) requireOwnEnv(t *testing.T, owner *serviceInstance) {
	t.Helper()
	want, got := slices.Sorted(maps.Keys(owner.env)), slices.Sorted(maps.Keys(c.env))
	if !slices.Equal(got, want) {
		t.Errorf("the variables of %s are %q, want the instance's, %q", c.id, got, want)
	}
	if c.password() == owner.password() || !madePassword.MatchString(c.password()) {
		t.Errorf("the password of %s is %q, want one of its own", c.id, c.password())
	}
	address, err := url.Parse(c.env[c.service.url])
	if err != nil {
		t.Fatal(err)
	}
	password, _ := address.User.Password()
	if user := address.User.Username(); user != "bind_"+c.id || password != c.password() {
		t.Errorf("%s is %q, want the user bind_%s and its password", c.service.url, address, c.id)
	}
	for name, value := range c.env {
		if strings.Contains(value, owner.password()) {
			t.Errorf("%s of %s has the instance's own password", name, c.id)
		}
	}
}

// requireUnlogged wants the password in no log.
func (c consumer) requireUnlogged(t *testing.T) {
	t.Helper()
	for _, container := range c.containers(t) {
		if log := suite.Host.Logs(t.Context(), container.ID); strings.Contains(log, c.password()) {
			t.Errorf("the password of %s is in the log of %v", c.id, container)
		}
	}
}

// testSharedData lets everybody change what another one wrote.
func (b *boundInstance) testSharedData(t *testing.T) {
	b.worker.requireValue(t, kept, "from the beginning")
	writers := []*serviceInstance{b.web.serviceInstance, b.worker.serviceInstance, b.owner}
	for n, writer := range writers {
		value := []string{"by the one", "by the other", "by the owner"}[n]
		writer.write(t, kept, value)
		for _, reader := range writers {
			reader.requireValue(t, kept, value)
		}
	}
	// Made by one who will be gone.
	b.owner.wipe(t)
	b.web.write(t, kept, "worth keeping")
	b.late = svp(t, "backup", b.owner.name).Require(t, 0).Stdout
}

var decimalLine = regexp.MustCompile(`^[1-9][0-9]*\n$`)

// testUsage wants to be told how much the data takes.
func (b *boundInstance) testUsage(t *testing.T) {
	if usage := svp(t, "shell", b.owner.name, "--", "bin/usage").Require(t, 0); !decimalLine.MatchString(usage.Stdout) {
		t.Errorf("no number of bytes: %s", usage)
	}
}

// testWrongUse wants each mistake to be told in one line.
func (b *boundInstance) testWrongUse(t *testing.T) {
	complaint(t, svp(t, "bind", b.owner.name, "No Name"), 2, "No Name")
	complaint(t, svp(t, "unbind", b.owner.name, "nobody"), 4, "nobody")
	complaint(t, svp(t, "bind", b.owner.name+"-not", webID), 4, b.owner.name+"-not")
	svp(t, "shell", b.owner.name, "--", "bin/unbind", "nobody").Require(t, 0)
	svp(t, "stop", b.owner.name).Require(t, 0)
	complaint(t, svp(t, "bind", b.owner.name, "late-comer"), 5, "not running")
	complaint(t, svp(t, "unbind", b.owner.name, webID), 5, "not running")
	svp(t, "start", b.owner.name).Require(t, 0)
	if listed := svp(t, "bindings", b.owner.name, "--quiet").Require(t, 0); listed.Stdout != webID+"\n"+workerID+"\n" {
		t.Errorf("the bindings are others: %s", listed)
	}
	b.owner.write(t, kept, "worth keeping")
}

// testUnbind unbinds one consumer while both are connected.
func (b *boundInstance) testUnbind(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), startDeadline)
	defer cancel()
	open := func(c consumer) session {
		s, err := c.service.connect(ctx, c.env)
		if err != nil {
			t.Fatalf("%s: log in: %v", c.id, err)
		}
		t.Cleanup(s.close)
		if err := s.write(ctx, later, "while connected"); err != nil {
			t.Fatalf("%s: %v", c.id, err)
		}
		return s
	}
	gone, stays := open(b.web), open(b.worker)

	watch := b.owner.watchArguments(t)
	unbound := svp(t, "unbind", b.owner.name, webID).Require(t, 0)
	watch.stop()
	if strings.Count(unbound.Stderr, " started\n") != 1 {
		t.Errorf("not one step:\n%s", unbound.Stderr)
	}
	b.web.requireRefused(t, b.web.env)
	eventually(t, endDeadline, "the end of an unbound consumer's connection", func() bool {
		return gone.write(ctx, later, "by nobody") != nil
	})
	if err := stays.write(ctx, later, "still connected"); err != nil {
		t.Errorf("the connection of a consumer that is bound: %v", err)
	}
	b.requireUnbound(t)
	b.worker.requireValue(t, kept, "worth keeping")
	b.owner.requireValue(t, kept, "worth keeping")
	b.worker.wipe(t)
	complaint(t, svp(t, "unbind", b.owner.name, webID), 4, webID)
	svp(t, "shell", b.owner.name, "--", "bin/unbind", webID).Require(t, 0)
}

// testRestore restores backups from before the bindings, and with one that is
// gone.
func (b *boundInstance) testRestore(t *testing.T) {
	b.owner.restore(t, b.early).Require(t, 0)
	b.requireUnbound(t)
	b.worker.requireValue(t, kept, "from the beginning")
	b.owner.restore(t, b.late).Require(t, 0)
	b.requireUnbound(t)
	b.worker.requireValue(t, kept, "worth keeping")
	b.worker.write(t, kept, "from the beginning")
	b.owner.requireKept(t)
}

func (b *boundInstance) testRestart(t *testing.T) {
	svp(t, "restart", b.owner.name).Require(t, 0)
	b.requireUnbound(t)
	b.worker.requireKept(t)
}

// testKill kills every process of the service, which then starts again.
func (b *boundInstance) testKill(t *testing.T) {
	b.worker.testKill(t)
	b.requireUnbound(t)
	b.worker.write(t, kept, "from the beginning")
}

func (b *boundInstance) testDownAndUp(t *testing.T) {
	svp(t, "down", b.owner.name).Require(t, 0)
	b.owner.requireSameEnv(t, svp(t, "up", b.owner.service.pack, b.owner.name))
	b.requireUnbound(t)
	b.worker.requireKept(t)
	b.worker.requireSameEnv(t, svp(t, "bind", b.owner.name, workerID))
}

// testBindAgain binds who was unbound, with new credentials.
func (b *boundInstance) testBindAgain(t *testing.T) {
	again := b.owner.bind(t, webID)[0]
	again.requireKept(t)
	if again.password() == b.web.password() {
		t.Error("an unbound consumer has its old password again")
	}
	again.requireRefused(t, b.web.env)
	svp(t, "unbind", b.owner.name, webID).Require(t, 0)
	svp(t, "unbind", b.owner.name, workerID).Require(t, 0)
	b.worker.requireRefused(t, again.env, b.worker.env)
	b.owner.requireKept(t)
}

// requireUnbound wants one consumer refused, and the other one let in.
func (b *boundInstance) requireUnbound(t *testing.T) {
	t.Helper()
	b.web.requireRefused(t, b.web.env)
	b.worker.use(t, func(ctx context.Context, s session) error { return s.write(ctx, later, "by the other") })
}
