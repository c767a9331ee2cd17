package integration

import (
	"encoding/json"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// serve is a command that answers every connection to the port with what the
// Perl expression says.
func serve(address, answer string) string {
	return `exec perl -MIO::Socket::INET -e '
$SIG{TERM} = sub { exit 0 };
my $server = IO::Socket::INET->new(LocalAddr => "` + address + `", Listen => 9, ReuseAddr => 1) or die "listen: $@";
while (my $client = $server->accept) { print $client ` + answer + `; close $client }
'
`
}

// ask connects and returns what it is told, or why it is told nothing.
func ask(t *testing.T, address string) string {
	t.Helper()
	connection, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(t.Context(), "tcp", address)
	if err != nil {
		return err.Error()
	}
	defer connection.Close()
	change(t, connection.SetDeadline(time.Now().Add(10*time.Second)))
	answer, err := io.ReadAll(connection)
	if err != nil {
		return err.Error()
	}
	return string(answer)
}

// server is a pack of version 0 with one component, which listens.
var server = map[string]string{
	"bin/query": `#!/bin/bash
case $1 in
os) echo ubuntu >/dev/null; printf 'debian/12' ;;
secrets) printf 'TOKEN\r\n\nOTHER  \n' ;;
ports) echo 8080; echo 9999/udp ;;
env) cat <<'END'
ADDRESS=%IP:%PORT_8080
HOST=%HOSTNAME
SERVICE=%NAME
PERCENT=100%%
ENCODED=a%20b
WORD=%IPX-%IP_-%NAMES
DOUBLE="in quotes"
SINGLE='in quotes'
EQUALS=a=b=c
END
echo "URL=http://app:$TOKEN@%IP:8080/" ;;
no-such-key) exit 1 ;;
esac
`,
	"bin/build": "#!/bin/sh\nset -e\n" +
		"[ \"$PWD\" = /service ] && [ \"$(id -u)\" = 0 ]\n" +
		"case $1 in\n" +
		"base) [ -z \"$TOKEN\" ]; env >/srv/base.env; : >\"$SVP_CACHE_DIR/cached\" ;;\n" +
		"setup) [ -n \"$TOKEN\" ]; env >/srv/setup.env ;;\n" +
		"*) exit 1 ;;\nesac\n",
	"bin/run": "#!/bin/sh\nenv >/srv/run.env\n" +
		"perl -MIO::Socket::INET -e 'my $s = IO::Socket::INET->new(LocalPort => 9999, Proto => \"udp\"); sleep 60 while 1' &\n" +
		serve("0.0.0.0:8080", `"I am $ENV{TOKEN}\n"`),
	"bin/health": "",
}

func TestSingleComponent(t *testing.T) {
	t.Parallel()
	pack, name := tinyPack(t, server), newName(t)
	printed := up(t, pack, name)
	env := printed.Env(t)
	var order []string
	for line := range strings.Lines(printed.Stdout) {
		key, _, _ := strings.Cut(line, "=")
		order = append(order, key)
	}
	if want := strings.Fields("TOKEN OTHER ADDRESS HOST SERVICE PERCENT ENCODED WORD DOUBLE SINGLE EQUALS URL"); !slices.Equal(order, want) {
		t.Errorf("the environment's order is %v, want %v", order, want)
	}
	address, _, _ := strings.Cut(env["ADDRESS"], ":")
	for key, want := range map[string]string{
		"ADDRESS": address + ":8080", "HOST": name, "SERVICE": name, "PERCENT": "100%", "ENCODED": "a%20b",
		"WORD": "%IPX-%IP_-%NAMES", "DOUBLE": "in quotes", "SINGLE": "in quotes", "EQUALS": "a=b=c",
		"URL": "http://app:" + env["TOKEN"] + "@" + address + ":8080/",
	} {
		if env[key] != want {
			t.Errorf("%s=%s, want %s", key, env[key], want)
		}
	}
	if net.ParseIP(address) == nil {
		t.Errorf("no address: %q", address)
	}
	answers := func(when string) {
		t.Helper()
		if answer := ask(t, env["ADDRESS"]); answer != "I am "+env["TOKEN"]+"\n" {
			t.Errorf("%s it answers %q", when, answer)
		}
	}
	answers("after up")
	for _, verbs := range [][]string{{"restart"}, {"stop", "start"}, {"down", "start"}} {
		for _, verb := range verbs {
			svp(t, verb, name).Require(t, 0)
		}
		answers("after " + strings.Join(verbs, " and "))
	}
	again := svp(t, "up", pack, name).Require(t, 0)
	if again.Stdout != printed.Stdout {
		t.Errorf("up, the second time, prints another environment:\n%s\n%s", again, printed)
	}
	onlyInstance(t, pack, name, 1, 0)

	script := func(file string) map[string]string {
		return lines(svp(t, "shell", name, "--", "cat", file).Require(t, 0).Stdout)
	}
	if base := script("/srv/base.env"); base["SVP_PHASE"] != "base" || base["SVP_INSTANCE"] != "" || base["SVP_PLAN"] != "default" {
		t.Errorf("the base build saw %v", base)
	}
	if setup := script("/srv/setup.env"); setup["SVP_PHASE"] != "setup" || setup["SVP_INSTANCE"] != name || setup["TOKEN"] != env["TOKEN"] {
		t.Errorf("the set-up saw %v", setup)
	}
	run := script("/srv/run.env")
	for key, want := range env {
		if run[key] != want {
			t.Errorf("bin/run saw %s=%s, want %s", key, run[key], want)
		}
	}
	if cached := svp(t, "shell", name, "--", "ls", "-A", "/var/cache/servicepack"); strings.Contains(cached.Stdout, "cached") {
		t.Errorf("the build cache is part of the image: %s", cached)
	}
}

// lines reads variables as env writes them.
func lines(text string) map[string]string {
	return nulSeparated(strings.ReplaceAll(text, "\n", "\x00"))
}

func TestPorts(t *testing.T) {
	t.Parallel()
	if ports := svp(t, "ports", "-b", tinyPack(t, server)).Require(t, 0); ports.Stdout != "8080\n9999/udp\n" {
		t.Errorf("ports: %s", ports)
	}
}

// chatter is a pack of several components that talk to each other on localhost.
var chatter = map[string]string{
	"bin/query": query("components) echo web; echo worker ;; ports) echo 8080 ;; secrets) echo TOKEN ;; " +
		"env) echo ADDRESS=%IP:8080 ;;")["bin/query"],
	"bin/run": "#!/bin/sh\necho \"this is $1\"\ncase $1 in\n" +
		"web) " + serve("0.0.0.0:8080", `"web and ", (IO::Socket::INET->new("127.0.0.1:9090") or next)->getlines, "\n"`) + ";;\n" +
		"worker) " + serve("127.0.0.1:9090", `"worker"`) + ";;\nesac\n",
	"bin/health": "#!/bin/bash\ndeclare -A port=([web]=8080 [worker]=9090)\nexec 3<>\"/dev/tcp/127.0.0.1/${port[$1]}\"\n",
}

func TestSeveralComponents(t *testing.T) {
	t.Parallel()
	pack, name := tinyPack(t, chatter), newName(t)
	env := up(t, pack, name).Env(t)
	answers := func(when string) {
		t.Helper()
		eventually(t, 10*time.Second, "it answers "+when, func() bool { return ask(t, env["ADDRESS"]) == "web and worker\n" })
	}
	answers("after up")
	onlyInstance(t, pack, name, 3, 0)

	before := components(t, name)
	svp(t, "shell", name, "--component", "worker", "--", "sh", "-c", "kill 1") // it may take the shell with it
	eventually(t, 20*time.Second, "the worker restarts", func() bool {
		now := components(t, name)
		return now["worker"].State == "running" && now["worker"].Started != before["worker"].Started
	})
	if now := components(t, name); now["web"].Started != before["web"].Started {
		t.Errorf("web restarted too: %v, then %v", before, now)
	}
	answers("after the worker was killed")
	svp(t, "restart", name).Require(t, 0)
	answers("after restart")
	svp(t, "down", name).Require(t, 0)
	svp(t, "up", pack, name).Require(t, 0)
	answers("after down and up")

	logs := svp(t, "logs", name).Require(t, 0)
	for _, line := range []string{"web | this is web\n", "worker | this is worker\n"} {
		if !strings.Contains(logs.Stdout, line) {
			t.Errorf("logs lack %q: %s", line, logs)
		}
	}
	if one := svp(t, "logs", name, "worker").Require(t, 0); one.Stdout != "this is worker\n" {
		t.Errorf("logs of one component: %s", one)
	}
	complaint(t, svp(t, "logs", name, "nobody"), 4, "nobody")
	complaint(t, svp(t, "shell", name, "--component", "nobody", "--", "true"), 125, "nobody")
}

type component struct{ Name, Container, State, Started string }

// components are the instance's components by their names.
func components(t *testing.T, name string) map[string]component {
	t.Helper()
	var info struct{ Components []component }
	decode(t, svp(t, "info", name, "--json"), &info)
	byName := map[string]component{}
	for _, component := range info.Components {
		byName[component.Name] = component
	}
	return byName
}

func TestVolumes(t *testing.T) {
	t.Parallel()
	pack, name := tinyPack(t, map[string]string{
		"bin/query": query("version) echo 1 ;; volumes) echo /srv/data ;; secrets) echo TOKEN ;;")["bin/query"],
		"bin/build": "#!/bin/sh\ncase $1 in\nbase) mkdir -m 750 /srv/data; echo base >/srv/data/base ;;\n" +
			"setup) echo \"$TOKEN\" >/srv/data/setup ;;\nesac\n",
	}), newName(t)
	env := up(t, pack, name).Env(t)
	run := func(script string) string {
		t.Helper()
		return svp(t, "shell", name, "--", "sh", "-c", script).Require(t, 0).Stdout
	}
	if data := run("cat /srv/data/base /srv/data/setup; stat -c %a /srv/data"); data != "base\n"+env["TOKEN"]+"\n750\n" {
		t.Errorf("the new volume holds %q", data)
	}
	run("echo kept >/srv/data/mine; echo lost >/srv/other")
	for _, verbs := range [][]string{{"restart"}, {"down", "start"}} {
		for _, verb := range verbs {
			svp(t, verb, name).Require(t, 0)
		}
		if data := run("cat /srv/data/base /srv/data/mine"); data != "base\nkept\n" {
			t.Errorf("after %v the volume holds %q", verbs, data)
		}
	}
	svp(t, "down", name).Require(t, 0)
	kinds := map[string]int{}
	for _, object := range suite.List(t, name) {
		kinds[object.Kind]++
	}
	if kinds["container"] != 0 || kinds["volume"] != 1 || kinds["image"] != 1 {
		t.Errorf("an instance that is down has %v", kinds)
	}
	if down := svp(t, "env", name).Env(t); down["TOKEN"] != env["TOKEN"] {
		t.Errorf("the environment of an instance that is down is %v, was %v", down, env)
	}
	complaint(t, svp(t, "client", name), 125, name)

	// No service starts on an empty volume where a full one should be.
	for _, object := range suite.List(t, name) {
		if object.Kind == "volume" {
			change(t, suite.Host.API.VolumeRemove(t.Context(), object.ID, false))
		}
	}
	complaint(t, svp(t, "start", name), 5, name, "/srv/data")
	svp(t, "destroy", name, "--yes").Require(t, 0)
	nothingLeft(t, pack, name, "base")
	fresh := up(t, pack, name).Env(t)
	if data := run("ls /srv/data"); data != "base\nsetup\n" || fresh["TOKEN"] == env["TOKEN"] {
		t.Errorf("a new instance of the old name has the old one's: %q, %v", data, fresh)
	}
}

func TestStepsMakeWhatUpMakes(t *testing.T) {
	t.Parallel()
	for kind, files := range map[string]map[string]string{"single": server, "several": chatter, "volume": withVolume} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			pack, direct, stepped := tinyPack(t, files), newName(t), newName(t)
			suite.DestroyAfter(t, stepped)
			whole := up(t, pack, direct, "--secret", "TOKEN=same").Env(t)
			base, image := newName(t), newName(t)+":1"
			svp(t, "build", "-b", pack, "-t", base).Require(t, 0)
			unfilled := svp(t, "setup", "-b", pack, "-i", base, "-t", image, "--secret", "TOKEN=same").Env(t)
			if unfilled["TOKEN"] != "same" || files["bin/query"] == server["bin/query"] && unfilled["ADDRESS"] != "%IP:%PORT_8080" {
				t.Errorf("setup prints %v", unfilled)
			}
			env := svp(t, "run", "-i", image, "-n", stepped).Env(t)
			if len(env) != len(whole) {
				t.Errorf("the environments are %v and %v", env, whole)
			}
			for key := range whole {
				if _, ok := env[key]; !ok {
					t.Errorf("run's environment lacks %s", key)
				}
			}
			if kind == "single" {
				if answer := ask(t, env["ADDRESS"]); answer != "I am same\n" {
					t.Errorf("it answers %q", answer)
				}
			}
			one, other := described(t, direct), described(t, stepped)
			if one != other {
				t.Errorf("up makes\n%s\nbuild, setup and run make\n%s", one, other)
			}
			svp(t, "down", stepped).Require(t, 0)
			if again := svp(t, "env", stepped).Env(t); again["TOKEN"] != "same" {
				t.Errorf("down, its environment is %v", again)
			}
			svp(t, "start", stepped).Require(t, 0)
			// The image that setup made is the user's, who is told that it stays.
			destroyed := svp(t, "destroy", stepped, "--yes").Require(t, 0)
			if !strings.Contains(destroyed.Stderr, image) {
				t.Errorf("destroy does not tell of %s: %s", image, destroyed)
			}
			svp(t, "run", "-i", image, "-n", stepped).Require(t, 0)
		})
	}
}

// described is what svp tells of an instance, apart from who it is.
func described(t *testing.T, name string) string {
	t.Helper()
	var info map[string]any
	decode(t, svp(t, "info", name, "--json"), &info)
	for _, own := range []string{"name", "id", "image", "address", "created", "components", "volumes"} {
		delete(info, own)
	}
	info["containers"], info["files"] = len(components(t, name)), svp(t, "shell", name, "--", "ls", "-A", "/srv", "/srv/tiny").Stdout
	text, err := json.MarshalIndent(info, "", "  ")
	change(t, err)
	return string(text)
}

func TestListAndInfo(t *testing.T) {
	t.Parallel()
	pack, name := tinyPack(t, server), newName(t)
	env := up(t, pack, name).Env(t)
	if ids := instances(t, name); len(ids) != 1 || ids[0] == "" {
		t.Errorf("list --json: %v", ids)
	}
	if list := svp(t, "list").Require(t, 0); !strings.Contains(list.Stdout, name) {
		t.Errorf("list: %s", list)
	}
	info := svp(t, "info", name, "--json")
	for key, want := range map[string]string{
		"name": name, "state": "running", "pack": filepath.Base(pack), "plan": "default", "contract": "0",
		"network": suite.Network(), "address": strings.TrimSuffix(env["ADDRESS"], ":8080"),
	} {
		if got := field(t, info, key); got != want {
			t.Errorf("info --json: %s is %q, want %q", key, got, want)
		}
	}
	for verb, state := range map[string]string{"stop": "stopped", "down": "down"} {
		svp(t, "start", name).Require(t, 0)
		svp(t, verb, name).Require(t, 0)
		if got := field(t, svp(t, "info", name, "--json"), "state"); got != state {
			t.Errorf("after %s the state is %q", verb, got)
		}
		if off := svp(t, "env", name).Env(t); off["TOKEN"] != env["TOKEN"] {
			t.Errorf("after %s the environment is %v", verb, off)
		}
		complaint(t, svp(t, "client", name), 125, name)
		svp(t, verb, name).Require(t, 0)
	}
}
