package pack_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/servicepack/svp/engine/pack"
)

// answers returns a bin/query that prints the answer to a key, and the OS in
// any case.
func answers(key, answer string) string {
	return "#!/bin/sh\ncase \"$1\" in\n" + key + ") printf '" + answer + "' ;;\nos) echo debian/12 ;;\nesac\n"
}

func TestDescribe(t *testing.T) {
	dir := newPack(t, `#!/bin/bash
case $1 in
version) printf 1 ;;
os) printf 'ubuntu/24.04\r\n' ;;
secrets) printf 'ROOT_PASSWORD  \n\n  \nAPP_PASSWORD' ;;
components) printf 'server\nworker-2\n' ;;
ports) printf '5432\n53/udp\n53/tcp\n' ;;
volumes) printf '/var/lib/demo\n/var/lib/demo2\n' ;;
shm) echo 256m ;;
esac
`, map[string]string{
		"bin/client":  "#!/bin/sh\n",
		"bin/restore": "\x7fELF",
		"bin/other":   "#!/bin/sh\n",
		"servicepack.yaml": `group: org.servicepack
name: example
version: 1.10
`,
	})

	d := open(t, dir)
	got, err := d.Describe(t.Context())
	check(t, err)
	digest, err := d.Digest()
	check(t, err)
	want := pack.Descriptor{
		Name:       "example",
		Group:      "org.servicepack",
		Version:    "1.10",
		Contract:   1,
		OS:         pack.OS{Name: "ubuntu", Version: "24.04"},
		Secrets:    []string{"ROOT_PASSWORD", "APP_PASSWORD"},
		Components: []string{"server", "worker-2"},
		Ports:      []pack.Port{{Number: 5432, Protocol: "tcp"}, {Number: 53, Protocol: "udp"}, {Number: 53, Protocol: "tcp"}},
		Volumes:    []string{"/var/lib/demo", "/var/lib/demo2"},
		ShmBytes:   256 << 20,
		Plans:      []pack.Plan{{Name: "default"}},
		Bindable:   true,
		Scripts:    map[string]bool{pack.ScriptClient: true, pack.ScriptRestore: true},
		Digest:     digest,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the descriptor differs (-want +got):\n%s", diff)
	}
}

// A pack of version 0 answers what it knows, and may refuse the rest.
func TestDescribeVersion0(t *testing.T) {
	for name, fallback := range map[string]string{
		"prints nothing": "",
		"exits 1":        `*) echo "unknown key $1" >&2; exit 1 ;;`,
	} {
		t.Run(name, func(t *testing.T) {
			dir := newPack(t, `#!/bin/sh
case "$1" in
os) echo debian/12 ;;
secrets|components|ports|env) ;;
`+fallback+`
esac
`, nil)
			got, err := open(t, dir).Describe(t.Context())
			check(t, err)
			if got.Contract != 0 || got.OS.Image() != "debian:12" || got.Volumes != nil || got.ShmBytes != 0 {
				t.Errorf("the descriptor is %+v", got)
			}
		})
	}
}

func TestDescribeRefuses(t *testing.T) {
	tests := []struct {
		name, query, want string
	}{
		{"every query exits 1", "#!/bin/sh\necho 'no such file: conf' >&2\nexit 1\n", `pack demo: bin/query os: exit status 1: no such file: conf`},
		{"a key exits 3 without a word", "#!/bin/sh\n[ $1 = secrets ] && exit 3\necho\n[ $1 != os ] || echo debian/12\n", `pack demo: bin/query secrets: exit status 3`},
		{"a version-1 key of a version-1 pack exits 1", "#!/bin/sh\ncase $1 in version) echo 1;; os) echo debian/12;; volumes) exit 1;; esac\n", `pack demo: bin/query volumes: exit status 1`},
		{"killed by a signal", "#!/bin/sh\nkill -SEGV $$\n", `pack demo: bin/query os: exit status 139`},
		{"messages with escapes", "#!/bin/sh\nprintf 'one\\n\\033[31mtwo\\n' >&2\nexit 1\n", `pack demo: bin/query os: exit status 1: one\n\x1b[31mtwo`},
		{"no OS", "#!/bin/sh\n", `pack demo: bin/query os: no answer; it has to print NAME/VERSION, such as debian/12`},
		{"OS with a command", answers("os", "debian/12; rm -rf /"), `pack demo: bin/query os: "debian/12; rm -rf /" is not of the form NAME/VERSION, such as debian/12`},
		{"OS that is a path", answers("os", "../.."), `pack demo: bin/query os: "../.." is not of the form NAME/VERSION, such as debian/12`},
		{"two OSes", answers("os", `debian/12\n\ndebian/13\n`), `pack demo: bin/query os, line 3: one line too many: the answer is a single line`},
		{"a long OS", answers("os", strings.Repeat("x", 100)), `pack demo: bin/query os: "` + strings.Repeat("x", 80) + `"… is not of the form NAME/VERSION, such as debian/12`},
		{"version 99", answers("version", "99"), `pack demo: bin/query version: speaks contract version 99, this svp speaks 0 and 1`},
		{"version of words", answers("version", "usage: query KEY"), `pack demo: bin/query version: speaks contract version "usage: query KEY", this svp speaks 0 and 1`},
		{"secret with a dash", answers("secrets", `A\nDB-PASSWORD\n`), `pack demo: bin/query secrets, line 2: "DB-PASSWORD" is not a secret's name; it is letters, digits and "_", and begins with no digit`},
		{"secret with attributes", answers("secrets", "root_password length=12"), `pack demo: bin/query secrets, line 1: "root_password length=12" is not a secret's name; it is letters, digits and "_", and begins with no digit`},
		{"secret twice", answers("secrets", `A\nB\n\nA\n`), `pack demo: bin/query secrets, line 4: "A" is on line 1 already`},
		{"PATH as a secret", answers("secrets", `A\nPATH\n`), `pack demo: bin/query secrets, line 2: "PATH" cannot be a secret: the variable decides how every script runs; choose another name`},
		{"HOME as a secret", answers("secrets", "HOME"), `pack demo: bin/query secrets, line 1: "HOME" cannot be a secret: the variable decides how every script runs; choose another name`},
		{"secret of the engine", answers("secrets", "SVP_PHASE"), `pack demo: bin/query secrets, line 1: "SVP_PHASE" cannot be a secret: names that begin with SVP_ are the engine's`},
		{"secret of the plan", answers("secrets", "PLAN_SIZE"), `pack demo: bin/query secrets, line 1: "PLAN_SIZE" cannot be a secret: names that begin with PLAN_ are the engine's`},
		{"component that is a path", answers("components", "../x"), `pack demo: bin/query components, line 1: "../x" is not a component's name; it is lower-case letters, digits, "_" and "-", and begins with a letter or digit`},
		{"component twice", answers("components", `a\na`), `pack demo: bin/query components, line 2: "a" is on line 1 already`},
		{"port 0", answers("ports", "0"), `pack demo: bin/query ports, line 1: "0" is not a port, such as 5432 or 53/udp`},
		{"port 65536", answers("ports", "65536"), `pack demo: bin/query ports, line 1: "65536" is not a port: the highest number is 65535`},
		{"port of another protocol", answers("ports", "80/http"), `pack demo: bin/query ports, line 1: "80/http" is not a port, such as 5432 or 53/udp`},
		{"port twice", answers("ports", `80\n80/tcp`), `pack demo: bin/query ports, line 2: "80/tcp" is on line 1 already`},
		{"relative volume", answers("volumes", "data"), `pack demo: bin/query volumes, line 1: "data" is not an absolute path`},
		{"volume with ..", answers("volumes", "/data/../etc"), `pack demo: bin/query volumes, line 1: "/data/../etc" is not a plain path; write "/etc"`},
		{"root as volume", answers("volumes", "/"), `pack demo: bin/query volumes, line 1: "/" cannot be a volume: it is the whole system`},
		{"the pack as volume", answers("volumes", "/service/data"), `pack demo: bin/query volumes, line 1: "/service/data" cannot be a volume: /service is not the pack's`},
		{"volume over the secrets", answers("volumes", "/etc"), `pack demo: bin/query volumes, line 1: "/etc" cannot be a volume: /etc/servicepack is not the pack's`},
		{"volume twice", answers("volumes", `/a\n/a`), `pack demo: bin/query volumes, line 2: "/a" is on line 1 already`},
		{"volume in a volume", answers("volumes", `/data/log\n/data`), `pack demo: bin/query volumes, line 1: "/data/log" lies in the volume "/data"; name the outer one only`},
		{"shm without a size", answers("shm", "much"), `pack demo: bin/query shm: "much" is not a size, such as 256m or 1g`},
		{"shm of nothing", answers("shm", "0"), `pack demo: bin/query shm: "0" is not a size that anything can have`},
		{"shm of two lines", answers("shm", `1m\n2m\n`), `pack demo: bin/query shm, line 2: one line too many: the answer is a single line`},
		{"NUL", answers("secrets", `A\000B`), `pack demo: bin/query secrets, line 1: binary data: it holds the control character '\x00'`},
		{"terminal escapes", answers("components", `a\nb\033[2J`), `pack demo: bin/query components, line 2: binary data: it holds the control character '\x1b'`},
		{"not UTF-8", answers("secrets", `\377\376`), `pack demo: bin/query secrets, line 1: binary data, not text in UTF-8`},
		{"interpreter that is not there", "#!/nosuch/bash -e\n", `pack demo: bin/query version: its interpreter "/nosuch/bash -e" is not on this machine`},
		{"damaged program", "\x7fELF and no more", `pack demo: bin/query version: not a program for this machine: exec format error`},
		{"left a process", "#!/bin/sh\nsleep 1000 &\necho debian/12\n", `pack demo: bin/query version: it ended but left a process running that keeps its output open; that was killed`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := newPack(t, test.query, nil)
			_, err := open(t, dir).Describe(t.Context())
			wantInvalid(t, dir, err, test.want)
			invalid := asInvalid(t, err)
			if invalid.File != "bin/query" || invalid.Key == "" {
				t.Errorf("the error names the file %q and the key %q", invalid.File, invalid.Key)
			}
		})
	}
}

func TestQueryOpenForWriting(t *testing.T) {
	dir := newPack(t, plainQuery, nil)
	script, err := os.OpenFile(filepath.Join(dir, "bin/query"), os.O_RDWR, 0)
	check(t, err)
	defer script.Close()
	_, err = open(t, dir).Describe(t.Context())
	wantInvalid(t, dir, err, `pack demo: bin/query version: another program has it open for writing; close it there: text file busy`)
}

func TestQueryVanished(t *testing.T) {
	dir := newPack(t, plainQuery, nil)
	d := open(t, dir)
	remove(t, dir, "bin/query")
	_, err := d.Describe(t.Context())
	wantInvalid(t, dir, err, `pack demo: bin/query version: it is no longer there`)
}

func TestQueryEnvironment(t *testing.T) {
	t.Setenv("HOME", "/home/somebody")
	t.Setenv("SVP_TEST_OF_QUERY", "1")
	dir := newPack(t, `#!/bin/bash
[ "$1" = os ] || exit 0
{
	env | grep -vE '^(_|SHLVL)=' | sort
	echo "in: $(cat | wc -c)"
	echo "group: $(( $(ps -o pgid= -p $$) == $$ ))"
	echo "arguments: $*"
} >environment
echo debian/12
`, nil)
	_, err := open(t, dir).Describe(t.Context())
	check(t, err)
	got, err := os.ReadFile(filepath.Join(dir, "environment"))
	check(t, err)
	want := "HOME=/home/somebody\nLANG=C.UTF-8\nPATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\nPWD=" + dir +
		"\nin: 0\ngroup: 1\narguments: os\n"
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("what a query sees differs (-want +got):\n%s", diff)
	}
}

// A query that hangs is killed together with its children, also those that
// ignore polite signals and keep its output open.
func TestQueryHangs(t *testing.T) {
	dir := newPack(t, `#!/bin/bash
[ "$1" != os ] || echo debian/12
[ "$1" = ports ] || exit 0
(trap '' HUP TERM; exec sleep 1000) & echo $! >child
wait
`, nil)
	start := time.Now()
	_, err := open(t, dir, pack.WithQueryTimeout(5*time.Second)).Describe(t.Context())
	wantInvalid(t, dir, err, `pack demo: bin/query ports: no answer within 5s; it was killed`)
	var timeout *pack.TimeoutError
	if !errors.As(err, &timeout) {
		t.Errorf("the error %v is not a *pack.TimeoutError", err)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		t.Error("the error looks as if the caller's time had been up")
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
	waitGone(t, filepath.Join(dir, "child"))
}

func TestQueryFloods(t *testing.T) {
	dir := newPack(t, `#!/bin/bash
[ "$1" = os ] || exit 0
sleep 1000 & echo $! >child
while :; do echo debian/12; done
`, nil)
	_, err := open(t, dir).Describe(t.Context())
	wantInvalid(t, dir, err, `pack demo: bin/query os: the answer is longer than 64KiB; it was killed`)
	waitGone(t, filepath.Join(dir, "child"))

	dir = newPack(t, plainQuery, nil)
	_, err = open(t, dir, pack.WithQueryLimit(9)).Describe(t.Context())
	wantInvalid(t, dir, err, `pack demo: bin/query os: the answer is longer than 9B; it was killed`)
	_, err = open(t, dir, pack.WithQueryLimit(64)).Describe(t.Context())
	check(t, err)
}

func TestQueryCancelled(t *testing.T) {
	dir := newPack(t, `#!/bin/bash
[ "$1" = os ] || exit 0
sleep 1000 & echo $! >new; mv new child
wait
`, nil)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	d := open(t, dir)
	go func() {
		_, err := d.Describe(ctx)
		done <- err
	}()
	poll(t, "the query has started", func() bool {
		_, err := os.Stat(filepath.Join(dir, "child"))
		return err == nil
	})
	cancel()
	err := <-done
	wantError(t, dir, err, `pack demo: query: context canceled`)
	var invalid *pack.Error
	if errors.As(err, &invalid) || !errors.Is(err, context.Canceled) {
		t.Errorf("cancelling makes a %T", err)
	}
	waitGone(t, filepath.Join(dir, "child"))
}

// fakeQuerier answers in place of a script.
type fakeQuerier map[string]string

func (f fakeQuerier) Query(_ context.Context, questions []pack.Question) []pack.Reply {
	replies := make([]pack.Reply, len(questions))
	for i, question := range questions {
		replies[i].Answer = []byte(f[question.Key])
	}
	return replies
}

// silentQuerier cannot ask.
type silentQuerier struct{}

var errNobody = errors.New("nobody is at home")

func (silentQuerier) Query(_ context.Context, questions []pack.Question) []pack.Reply {
	replies := make([]pack.Reply, len(questions))
	for i := range replies {
		replies[i].Err = &pack.UnaskedError{Err: errNobody}
	}
	return replies
}

func TestPackThatCannotBeAskedIsNotInvalid(t *testing.T) {
	d := open(t, newPack(t, plainQuery, nil), pack.WithQuerier(silentQuerier{}))
	_, describeErr := d.Describe(t.Context())
	_, envErr := d.Env(t.Context(), pack.Descriptor{}, nil)
	for _, err := range []error{describeErr, envErr} {
		var invalid *pack.Error
		if !errors.Is(err, errNobody) || errors.As(err, &invalid) {
			t.Errorf("the error is %v, a %T", err, err)
		}
	}
}

func TestQuerierOfTheCaller(t *testing.T) {
	dir := newPack(t, "#!/bin/sh\nexit 1\n", nil)
	got, err := open(t, dir, pack.WithQuerier(fakeQuerier{"os": "alpine/3.20"})).Describe(t.Context())
	check(t, err)
	if got.OS.String() != "alpine/3.20" {
		t.Errorf("the OS is %v", got.OS)
	}
}

// waitGone waits until the process whose id is in the file has ended.
func waitGone(t *testing.T, file string) {
	t.Helper()
	content, err := os.ReadFile(file)
	check(t, err)
	id := strings.TrimSpace(string(content))
	poll(t, "process "+id+" is gone", func() bool {
		stat, err := os.ReadFile("/proc/" + id + "/stat")
		// Where nobody reaps orphans, one that was killed stays a zombie.
		return err != nil || strings.Contains(string(stat), ") Z ")
	})
}

func poll(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-deadline:
			t.Fatalf("waited 10s in vain until %s", what)
		case <-tick.C:
		}
	}
}

func BenchmarkOpenDescribe(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "demo")
	check := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	check(os.MkdirAll(filepath.Join(dir, "bin"), 0o755))
	for _, name := range []string{"query", "build", "run"} {
		check(os.WriteFile(filepath.Join(dir, "bin", name), []byte(strings.Replace(plainQuery, "/bin/sh", "/bin/bash", 1)), 0o755))
	}
	for b.Loop() {
		d, err := pack.Open(dir)
		check(err)
		_, err = d.Describe(b.Context())
		check(err)
	}
}
