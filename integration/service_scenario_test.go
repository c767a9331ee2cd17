package integration

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/servicepack/svp/integration/svptest"
)

// session is a consumer's connection, made with a client library of the
// service's kind. Every service is seen as a store of values under keys.
type session interface {
	// write has stored the value for good when it returns.
	write(ctx context.Context, key, value string) error
	// read returns the value, and false when there is none.
	read(ctx context.Context, key string) (value string, found bool, err error)
	// wipe destroys all data; keys are all that was written.
	wipe(ctx context.Context, keys ...string) error
	close()
}

// service is what the scenario has to know of one kind of service.
type service struct {
	pack   string
	secret string // the variable of the password
	url    string // the variable of the URL with the password in it
	// uninvited are URLs, with %s for the host, of those who know no password.
	uninvited []string
	// textPasswords says that the client library takes a password for text in
	// UTF-8, and cannot log in with other bytes.
	textPasswords bool
	// volatile services lose their data when they stop, and are meant to.
	volatile bool
	// processes are the names of the service's processes, one a component.
	processes []string
	client    clientUse
	extra     map[string]extraUse

	// connect logs in with what the variables say.
	connect func(ctx context.Context, env map[string]string) (session, error)
	// refused tells whether the error of connect means that the service does
	// not take the credentials.
	refused func(err error) bool
	// also tests what is particular to the service; nil: nothing.
	also func(t *testing.T, i *serviceInstance)
}

// clientUse is how the pack's client is used with arguments and in a pipe.
type clientUse struct {
	program    string // part of the command line of the client's process
	args       []string
	wantArgs   string
	stdin      string
	wantStdin  string
	failing    []string
	wantStatus int
}

// extraUse is a use of one of the pack's own commands: arguments and a part of the
// output, or a test of its own.
type extraUse struct {
	args []string
	want string
	test func(t *testing.T, i *serviceInstance)
}

// What the scenario writes.
const (
	kept  = "kept"
	later = "later"
)

// chosenSecrets are passwords that users bring.
var chosenSecrets = []struct{ name, value string }{
	{"punctuation", `a'b"c d$e#f%g\h:/@`},
	{"utf-8", "zoë$(€) 日本"},
	{"latin-1", "caf\xe9 \xff\x80'"},
}

// labelRole tells containers of a service from the holder of their network.
const labelRole = "org.servicepack.role"

// killed is the status of a process that was not given the time to end.
const killed = 137

const (
	// startDeadline is for a service to be back after somebody has killed it.
	startDeadline = time.Minute
	// stopDeadline is under the 30 s after which Docker kills.
	stopDeadline = 25 * time.Second
	// coldDeadline is for an instance whose base image is to be built first.
	coldDeadline = 8 * time.Minute
)

// testService puts a service to the use that it is made for.
func testService(t *testing.T, s service) {
	t.Helper()
	t.Parallel()
	i := s.bringUp(t, newName(t))
	i.write(t, kept, "from the beginning")

	t.Run("restart", i.testRestart)
	t.Run("wrong password", i.testWrongPassword)
	t.Run("client", i.testClient)
	t.Run("client leaks no secret", i.testClientArguments)
	t.Run("backup and restore", i.testBackup)
	t.Run("restore of garbage", i.testGarbage)
	t.Run("clean stop", i.testCleanStop)
	t.Run("kill", i.testKill)
	if len(s.processes) > 1 {
		t.Run("kill the holder", i.testKillHolder)
	}
	t.Run("down and up", i.testDownAndUp)
	t.Run("volume", i.testVolume)
	if s.also != nil {
		t.Run("also", func(t *testing.T) { s.also(t, i) })
	}
	for _, secret := range chosenSecrets {
		t.Run("neighbour with secret in "+secret.name, func(t *testing.T) { i.testNeighbour(t, secret.value) })
	}
	t.Run("extra", i.testExtra)
}

// bringUp brings up an instance while somebody tries all the time to get in
// without a password.
func (s service) bringUp(t *testing.T, name string, flags ...string) *serviceInstance {
	t.Helper()
	suite.DestroyAfter(t, name)
	intruder := s.intrude(t, name)
	result := svpCall(t, svptest.Call{Args: append([]string{"up", s.pack, name}, flags...), Deadline: coldDeadline})
	intruder.stop()
	i := &serviceInstance{service: s, name: name, env: result.Env(t)}
	i.requireNoEntry(t)
	return i
}

func (i *serviceInstance) testRestart(t *testing.T) {
	svp(t, "restart", i.name).Require(t, 0)
	i.requireKept(t)
	i.requireSameEnv(t, svp(t, "env", i.name))
}

func (i *serviceInstance) testWrongPassword(t *testing.T) {
	i.requireRefused(t,
		i.withPassword(t, "wrong"), i.withPassword(t, i.password()+"x"), i.withPassword(t, i.password()[1:]), i.withPassword(t, ""))
	i.requireNoEntry(t)
}

func (i *serviceInstance) testClient(t *testing.T) {
	use := i.service.client
	result := svp(t, append([]string{"client", i.name, "--"}, use.args...)...).Require(t, 0)
	if !strings.Contains(result.Stdout, use.wantArgs) {
		t.Errorf("output lacks %q: %s", use.wantArgs, result)
	}
	result = svpCall(t, svptest.Call{Args: []string{"client", i.name}, Stdin: strings.NewReader(use.stdin)}).Require(t, 0)
	if !strings.Contains(result.Stdout, use.wantStdin) {
		t.Errorf("output lacks %q: %s", use.wantStdin, result)
	}
	svp(t, append([]string{"client", i.name, "--"}, use.failing...)...).Require(t, use.wantStatus)
}

// testClientArguments looks at the client's process, which waits for input.
func (i *serviceInstance) testClientArguments(t *testing.T) {
	stdin, input, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	defer input.Close()
	client := suite.Start(t, svptest.Call{Args: []string{"client", i.name}, Stdin: stdin})
	eventually(t, startDeadline, "the client's process", func() bool {
		lines := i.arguments(t)
		i.requireNoSecret(t, lines)
		return slices.ContainsFunc(lines, func(line string) bool { return strings.Contains(line, i.service.client.program) })
	})
	if err := input.Close(); err != nil {
		t.Fatal(err)
	}
	client.Wait().Require(t, 0)
}

// testBackup takes backups, destroys or changes the data, and has it back.
func (i *serviceInstance) testBackup(t *testing.T) {
	i.testBackupOnce(t)

	// Onto data that is there, through pipes.
	i.write(t, kept, "worth keeping")
	backup := svp(t, "backup", i.name).Require(t, 0).Stdout
	i.write(t, kept, "changed")
	i.write(t, later, "not in the backup")
	i.restore(t, backup).Require(t, 0)
	i.requireValue(t, kept, "worth keeping")
	i.requireNothing(t, later)

	svp(t, "restart", i.name).Require(t, 0)
	i.requireDurable(t, kept, "worth keeping")
	i.write(t, kept, "from the beginning")
}

// testBackupOnce restores from a file what was wiped out.
func (i *serviceInstance) testBackupOnce(t *testing.T) {
	watch := i.watchArguments(t)
	defer watch.stop()
	file := filepath.Join(t.TempDir(), "backup")
	i.write(t, kept, "worth keeping")
	svp(t, "backup", i.name, "-o", file).Require(t, 0)
	i.write(t, kept, "changed")
	i.write(t, later, "not in the backup")
	i.wipe(t)
	i.requireNothing(t, kept)
	svp(t, "restore", i.name, "-i", file).Require(t, 0)
	i.requireValue(t, kept, "worth keeping")
	i.requireNothing(t, later)
}

// testGarbage restores what is no backup, or not all of one.
func (i *serviceInstance) testGarbage(t *testing.T) {
	i.write(t, kept, "from the beginning")
	backup := svp(t, "backup", i.name).Require(t, 0).Stdout
	for name, garbage := range map[string]string{
		"nothing":        "",
		"garbage":        strings.Repeat("no backup at all\n", 1000),
		"half a backup":  backup[:len(backup)/2],
		"without an end": backup[:len(backup)-2],
	} {
		result := i.restore(t, garbage)
		if result.Status == 0 || result.Status == 125 || strings.TrimSpace(result.Stderr) == "" {
			t.Errorf("%s is restored, or nobody says why not: %s", name, result)
		}
		i.requireKept(t)
	}
}

// testCleanStop stops the service right behind a write.
func (i *serviceInstance) testCleanStop(t *testing.T) {
	i.write(t, kept, "just before the stop")
	result := svp(t, "stop", i.name).Require(t, 0)
	if result.Elapsed > stopDeadline {
		t.Errorf("the stop takes %v, want less than %v", result.Elapsed, stopDeadline)
	}
	for _, container := range i.containers(t) {
		state := i.inspect(t, container.ID).State
		if state.Running || container.Labels[labelRole] == "service" && state.ExitCode == killed {
			t.Errorf("%v was killed, or runs still: %s, status %d", container, state.Status, state.ExitCode)
		}
	}
	started := svp(t, "start", i.name).Require(t, 0)
	if started.Stdout != "" {
		i.requireSameEnv(t, started)
	}
	i.requireDurable(t, kept, "just before the stop")
	i.requireNoEntry(t)
}

// testKill kills every process of the service in turn, right behind a write.
func (i *serviceInstance) testKill(t *testing.T) {
	for _, process := range i.service.processes {
		i.kill(t, process, func() { i.write(t, kept, "just before the kill of "+process) })
		i.awaitService(t)
		i.requireDurable(t, kept, "just before the kill of "+process)
	}
}

// testKillHolder kills what holds the network of several components. Docker starts it
// again; svp brings the components back to it.
func (i *serviceInstance) testKillHolder(t *testing.T) {
	for _, container := range i.containers(t) {
		if container.Labels[labelRole] != "holder" {
			continue
		}
		before := i.inspect(t, container.ID).State
		i.write(t, kept, "just before the kill")
		killOnHost(t, strconv.Itoa(before.Pid))
		eventually(t, startDeadline, "a restart of the holder", func() bool {
			state := i.inspect(t, container.ID).State
			return state.Running && state.StartedAt != before.StartedAt
		})
		i.requireSameEnv(t, svp(t, "up", i.service.pack, i.name))
		i.requireDurable(t, kept, "just before the kill")
		return
	}
	t.Errorf("no container of %s holds its network", i.name)
}

func (i *serviceInstance) testDownAndUp(t *testing.T) {
	i.write(t, kept, "before down")
	svp(t, "down", i.name).Require(t, 0)
	if left := i.containers(t); len(left) > 0 {
		t.Errorf("left after down: %v", left)
	}
	i.requireSameEnv(t, svp(t, "up", i.service.pack, i.name))
	i.requireDurable(t, kept, "before down")
	i.requireSameEnv(t, svp(t, "up", i.service.pack, i.name))
}

// testVolume looks where the data is.
func (i *serviceInstance) testVolume(t *testing.T) {
	volumes := slices.DeleteFunc(suite.List(t, i.name), func(o svptest.Object) bool { return o.Kind != "volume" })
	if len(volumes) == 0 { // without data, it is for the passwords of bindings
		t.Error("the instance has no volume")
	}
	for _, container := range i.containers(t) {
		for _, mount := range i.inspect(t, container.ID).Mounts {
			named := slices.ContainsFunc(volumes, func(o svptest.Object) bool { return o.Name == mount.Name })
			if mount.Type == "volume" && !named {
				t.Errorf("%v has a volume that is not the instance's: %+v", container, mount)
			}
		}
	}
}

// testNeighbour brings up another instance, with a secret of the user's choice.
func (i *serviceInstance) testNeighbour(t *testing.T, secret string) {
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
	neighbour := i.service.bringUp(t, newName(t), "--secret", i.service.secret+"=@"+file)
	if got := neighbour.password(); got != secret {
		t.Fatalf("the secret became %q, want %q", got, secret)
	}
	if i.service.textPasswords && !utf8.ValidString(secret) {
		neighbour.testClient(t)
		return
	}
	i.write(t, kept, "mine")
	neighbour.requireNothing(t, kept)
	neighbour.write(t, kept, "worth keeping")
	i.requireValue(t, kept, "mine")
	i.requireRefused(t, i.withPassword(t, neighbour.password()), neighbour.withPassword(t, i.password()))
	neighbour.testClient(t)
	neighbour.testBackupOnce(t)
	i.requireValue(t, kept, "mine")
}

// testExtra uses every command that the pack lists.
func (i *serviceInstance) testExtra(t *testing.T) {
	i.write(t, kept, "for the commands")
	listed := i.extraCommands(t)
	want := slices.Sorted(maps.Keys(i.service.extra))
	if got := slices.Sorted(slices.Values(listed)); len(got) < 3 || !slices.Equal(got, want) {
		t.Errorf("listed commands: %q, want %q", got, want)
	}
	for _, command := range listed {
		use, known := i.service.extra[command]
		if !known {
			continue
		}
		t.Run(command, func(t *testing.T) {
			if use.test != nil {
				use.test(t, i)
				return
			}
			watch := i.watchArguments(t)
			defer watch.stop()
			result := svp(t, append([]string{"extra", i.name, command}, use.args...)...).Require(t, 0)
			if !strings.Contains(result.Stdout, use.want) {
				t.Errorf("output lacks %q: %s", use.want, result)
			}
		})
	}
	unknown := svp(t, "extra", i.name, "no-such-command")
	if unknown.Status == 0 || unknown.Status == 125 {
		t.Errorf("a command that does not exist: %s", unknown)
	}
}

// extraCommands are the names in the pack's list, apart from the list itself.
func (i *serviceInstance) extraCommands(t *testing.T) []string {
	t.Helper()
	var names []string
	help := svp(t, "extra", i.name, "help").Require(t, 0)
	for line := range strings.Lines(help.Stdout) {
		use, _, described := strings.Cut(strings.TrimSpace(line), ": ")
		if name, _, _ := strings.Cut(use, " "); described && name != "help" {
			names = append(names, name)
		}
	}
	return names
}
