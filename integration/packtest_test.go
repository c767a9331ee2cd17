package integration

import (
	"encoding/json"
	"encoding/xml"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/servicepack/svp/integration/svptest"
)

// upright is a pack that passes all checks: a file of lines stands for the data, and
// whoever knows the token for somebody who has logged in.
var upright = map[string]string{
	"bin/query": uprightQuery("TOKEN"),
	"bin/build": `#!/bin/sh
set -e
case $1 in
base) mkdir -p /srv/data ;;
setup) (umask 077 && printf %s "$TOKEN" >/srv/token) ;;
esac
`,
	"bin/run": `#!/bin/sh
touch /srv/data/lines /run/tiny
` + idle,
	"bin/health": `#!/bin/sh
test -e /run/tiny && printf %s "$TOKEN" | cmp -s - /srv/token
`,
	"bin/client": `#!/bin/sh
bin/health && cat
`,
	"bin/extra": `#!/bin/sh
case $1 in
sample) cat /proc/sys/kernel/random/uuid >>/srv/data/lines ;;
*) echo 'sample: add a line' ;;
esac
`,
	"bin/fingerprint": `#!/bin/sh
sha256sum </srv/data/lines
`,
	"bin/backup": `#!/bin/sh
cat /srv/data/lines && echo end
`,
	"bin/restore": `#!/bin/sh
cat >/srv/data/new && [ "$(tail -n 1 /srv/data/new)" = end ] || exit 1
head -n -1 /srv/data/new >/srv/data/lines
`,
	"bin/bind": `#!/bin/sh
umask 077
[ -e "/srv/data/bind_$1" ] || cat /proc/sys/kernel/random/uuid >"/srv/data/bind_$1"
echo "TOKEN=$(cat "/srv/data/bind_$1")"
`,
	"bin/unbind": `#!/bin/sh
rm -f "/srv/data/bind_$1"
`,
	"bin/usage": `#!/bin/sh
stat -c %s /srv/data/lines
`,
}

func uprightQuery(secrets string, more ...string) string {
	return query("version) echo 1 ;; secrets) echo " + secrets + " ;; volumes) echo /srv/data ;;" + strings.Join(more, ""))["bin/query"]
}

// packReport is what svp pack test prints as JSON.
type packReport struct {
	Pack    string   `json:"pack"`
	Failed  int      `json:"failed"`
	Kept    []string `json:"kept"`
	Passed  int      `json:"passed"`
	Skipped int      `json:"skipped"`
	Checks  []struct {
		Name, Outcome, Seen, Mend string
	} `json:"checks"`
}

func (r packReport) having(outcome string) []string {
	var names []string
	for _, check := range r.Checks {
		if check.Outcome == outcome {
			names = append(names, check.Name)
		}
	}
	return names
}

func uprightPack(t *testing.T, changed map[string]string) string {
	t.Helper()
	files := maps.Clone(upright)
	maps.Copy(files, changed)
	maps.DeleteFunc(files, func(_, content string) bool { return content == "" })
	return writePack(t, files)
}

// testPack runs the checks, which must leave nothing but the base image.
func testPack(t *testing.T, status int, pack string, args ...string) packReport {
	t.Helper()
	report := reportOn(t, status, pack, args...)
	nothingLeft(t, pack, pack, "base")
	return report
}

func reportOn(t *testing.T, status int, pack string, args ...string) packReport {
	t.Helper()
	result := svpCall(t, svptest.Call{
		Args: append([]string{"pack", "test", pack, "--json"}, args...), Deadline: coldDeadline,
	}).Require(t, status)
	var report packReport
	if err := json.Unmarshal([]byte(result.Stdout), &report); err != nil {
		t.Fatalf("%v: %s", err, result)
	}
	return report
}

func TestPackTestOfAnUprightPack(t *testing.T) {
	t.Parallel()
	pack, junit := uprightPack(t, nil), filepath.Join(t.TempDir(), "report.xml")
	report := testPack(t, 0, pack, "--junit", junit)
	if skipped := report.having("skipped"); !slices.Equal(skipped, []string{"components"}) || report.Failed != 0 {
		t.Errorf("failed: %q, skipped: %q: %+v", report.having("failed"), skipped, report)
	}
	content, err := os.ReadFile(junit)
	change(t, err)
	var document struct {
		Suite struct {
			Tests    int `xml:"tests,attr"`
			Failures int `xml:"failures,attr"`
			Skipped  int `xml:"skipped,attr"`
			Cases    []struct {
				Name string `xml:"name,attr"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(content, &document); err != nil {
		t.Fatal(err)
	}
	if s := document.Suite; s.Tests != len(report.Checks) || s.Failures != 0 || s.Skipped != 1 || len(s.Cases) != s.Tests || s.Cases[0].Name != "queries" {
		t.Errorf("the JUnit report: %s", content)
	}
}

// Of the reference packs one is tested here; make pack-test tests all.
func TestPackTestOfRedis(t *testing.T) {
	t.Parallel()
	report := reportOn(t, 0, "redis")
	if skipped := report.having("skipped"); !slices.Equal(skipped, []string{"components"}) || report.Failed != 0 {
		t.Errorf("failed: %q, skipped: %q: %+v", report.having("failed"), skipped, report)
	}
}

// Every fault of a pack fails the check that is there for it, and no other one.
func TestPackTestFindsFaults(t *testing.T) {
	t.Parallel()
	const script = "#!/bin/sh\n"
	for name, test := range map[string]struct {
		changed map[string]string
		failing string
		only    string // empty: all
		seen    string
	}{
		"a restore that does nothing": {
			changed: map[string]string{"bin/restore": script + "cat >/dev/null\n"}, failing: "restore",
			seen: "the data is that of an empty instance",
		},
		"a restore that believes everything": {
			changed: map[string]string{"bin/restore": script + "cat >/srv/data/new; grep -v end /srv/data/new >/srv/data/lines\n"},
			failing: "truncated-backup", only: "restore,truncated-backup", seen: "status 0 on the first",
		},
		"an empty backup": {
			changed: map[string]string{"bin/backup": script}, failing: "backup", only: "backup,restore", seen: "wrote nothing",
		},
		"a secret among the arguments of the service": {
			changed: map[string]string{"bin/run": script + "touch /srv/data/lines /run/tiny\n" + strings.TrimSuffix(idle, "\n") + ` "$TOKEN"` + "\n"},
			failing: "leaks", only: "ready,client,leaks", seen: "among the arguments of perl",
		},
		"a secret among the arguments of the client": {
			changed: map[string]string{"bin/client": script + "bin/health && sh -c 'sleep 0.3; cat' sh \"$TOKEN\"\n"},
			failing: "leaks", only: "ready,client,leaks", seen: "among the arguments of sh",
		},
		"a secret in the log": {
			changed: map[string]string{"bin/run": script + "echo \"token $TOKEN\"\ntouch /srv/data/lines /run/tiny\n" + idle},
			failing: "leaks", only: "ready,leaks", seen: "the log of container",
		},
		"a secret in a file for everybody": {
			changed: map[string]string{"bin/build": script + "[ $1 = base ] && mkdir -p /srv/data || printf %s \"$TOKEN\" >/srv/token\n"},
			failing: "leaks", only: "ready,leaks", seen: "/srv/token",
		},
		"data that is gone after a restart": {
			changed: map[string]string{"bin/run": script + ": >/srv/data/lines\ntouch /run/tiny\n" + idle},
			failing: "restart", only: "restart,kill,stop", seen: "its data is not what it was",
		},
		"data in no volume": {
			changed: map[string]string{"bin/query": query("version) echo 1 ;; secrets) echo TOKEN ;;")["bin/query"], "bin/run": script + "mkdir -p /srv/data; touch /srv/data/lines /run/tiny\n" + idle},
			failing: "stop", only: "restart,stop,backup", seen: "after svp down and svp start its data is not what it was",
		},
		"a lock that a killed service leaves": {
			changed: map[string]string{"bin/run": script + "mkdir /run/lock/tiny || exit 1\ntouch /srv/data/lines /run/tiny\n" +
				`exec perl -e '$SIG{TERM} = sub { rmdir "/run/lock/tiny"; exit 0 }; sleep 60 while 1'` + "\n"},
			failing: "kill", only: "restart,kill,stop", seen: "bin/run ended with status 1",
		},
		"any password": {
			changed: map[string]string{"bin/health": script + "test -e /run/tiny\n"},
			failing: "wrong-password", only: "client,wrong-password", seen: "succeeds also when TOKEN has another value",
		},
		"the same password for all": {
			changed: map[string]string{"bin/query": uprightQuery("TOKEN", "env) echo ADMIN_PASSWORD=admin ;;"), "bin/bind": ""},
			failing: "two-instances", only: "isolation", seen: "ADMIN_PASSWORD",
		},
		"a secret that is not quoted": {
			changed: map[string]string{"bin/build": script + "[ $1 = base ] && mkdir -p /srv/data && exit\numask 077\neval \"printf %s $TOKEN\" >/srv/token\n"},
			failing: "odd-secrets", only: "two-instances,odd-secrets", seen: "with the secret a'b",
		},
		"a secret that is not encoded": {
			changed: map[string]string{"bin/query": uprightQuery("TOKEN", `env) printf 'URL=x://app:%s@%%IP/\n' "$TOKEN" ;;`), "bin/bind": ""},
			failing: "odd-secrets", only: "two-instances,odd-secrets", seen: "does not come out of URL again",
		},
		"a password that changes": {
			changed: map[string]string{"bin/bind": script + "echo \"TOKEN=$(cat /proc/sys/kernel/random/uuid)\"\n"},
			failing: "bind", only: "bind,client", seen: "printed other lines",
		},
		"no list of commands": {
			changed: map[string]string{"bin/extra": script}, failing: "extra", only: "extra,client", seen: "lists no command",
		},
		"no number of bytes": {
			changed: map[string]string{"bin/usage": script + "echo 4k\n"}, failing: "usage", only: "usage,client", seen: `"4k\n"`,
		},
		"a fingerprint that sees nothing": {
			changed: map[string]string{"bin/fingerprint": script + "echo 1\n"},
			failing: "fingerprint", only: "client,fingerprint,restart", seen: "before and after bin/extra sample",
		},
		"a client that cannot connect": {
			changed: map[string]string{"bin/client": script + "echo 'no route' >&2; exit 1\n"},
			failing: "client", only: "client,fingerprint", seen: "no route",
		},
		"a key in the base image": {
			changed: map[string]string{"bin/build": script + "[ $1 = setup ] || printf -- '-----BEGIN PRIVATE KEY-----\\nAAAA\\n' >/srv/key.pem\n"},
			failing: "base", seen: "/srv/key.pem",
		},
		"a set-up that fails": {
			changed: map[string]string{"bin/build": script + "[ $1 = base ] || { echo 'no room' >&2; exit 9; }\n"},
			failing: "setup", seen: "no room",
		},
		"a port that only the container itself reaches": {
			changed: map[string]string{
				"bin/query": uprightQuery("TOKEN", "ports) echo 7000 ;;"),
				"bin/run": script + "touch /srv/data/lines /run/tiny\nexec perl -MIO::Socket::INET -e '$SIG{TERM} = sub { exit 0 }; " +
					`my $s = IO::Socket::INET->new(LocalAddr => "127.0.0.1", LocalPort => 7000, Listen => 1) or die; sleep 60 while 1'` + "\n",
				"bin/health": script + "grep -q 0100007F:1B58 /proc/net/tcp && printf %s \"$TOKEN\" | cmp -s - /srv/token\n",
			},
			failing: "ready", seen: "loopback alone",
		},
		"a service that ends": {
			changed: map[string]string{"bin/run": script + "echo 'cannot bind' >&2; exit 8\n"}, failing: "ready", seen: "cannot bind",
		},
		"a question that is not answered": {
			changed: map[string]string{"bin/query": script}, failing: "queries", seen: "os",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var args []string
			if test.only != "" {
				args = []string{"--only", test.only}
			}
			report := testPack(t, 3, uprightPack(t, test.changed), args...)
			if failed := report.having("failed"); !slices.Equal(failed, []string{test.failing}) {
				t.Fatalf("failed: %q, want %s: %+v", failed, test.failing, report)
			}
			for _, check := range report.Checks {
				if check.Name == test.failing && (!strings.Contains(check.Seen, test.seen) || check.Mend == "") {
					t.Errorf("seen: %q, lacks %q; mend: %q", check.Seen, test.seen, check.Mend)
				}
			}
		})
	}
}

// A cache may forget, when it says so.
func TestPackTestOfAVolatilePack(t *testing.T) {
	t.Parallel()
	report := testPack(t, 0, uprightPack(t, map[string]string{
		"bin/run":          "#!/bin/sh\n: >/srv/data/lines\ntouch /run/tiny\n" + idle,
		"servicepack.yaml": "volatile: true\n",
	}), "--only", "restart,kill,stop,restore")
	if report.Failed != 0 || len(report.having("skipped")) != 0 {
		t.Errorf("%+v", report)
	}
}

func TestPackTestUsage(t *testing.T) {
	t.Parallel()
	complaint(t, svp(t, "pack", "test", "/no/such/pack"), 4, "/no/such/pack")
	complaint(t, svp(t, "pack", "test", uprightPack(t, nil), "--only", "restor"), 2, `no check "restor"`)
	shown := svp(t, "pack", "test", uprightPack(t, map[string]string{"bin/query": "#!/bin/sh\n"})).Require(t, 3)
	for _, want := range []string{"queries", "failed", "times ", "not looked at, because of queries", "mend: ", "0 passed, 1 failed, 22 skipped"} {
		if !strings.Contains(shown.Stdout, want) {
			t.Errorf("the table lacks %q: %s", want, shown)
		}
	}
}

// What is interrupted is cleaned up by itself, and what is killed by the next who
// comes.
func TestPackTestEndsEarly(t *testing.T) {
	t.Parallel()
	for signal, status := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGKILL: -1} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			pack := uprightPack(t, nil)
			process := suite.Start(t, svptest.Call{Args: []string{"pack", "test", pack}, Deadline: coldDeadline})
			eventually(t, coldDeadline, "the check restart begins", func() bool {
				return strings.Contains(process.Stderr(), "check restart started")
			})
			process.Signal(signal)
			result := process.Wait()
			if signal != syscall.SIGKILL {
				result.Require(t, status)
				nothingLeft(t, pack, pack, "base")
				return
			}
			// The host may still be making what the killed command asked for.
			eventually(t, time.Minute, "gc leaves nothing", func() bool {
				svp(t, "gc").Require(t, 0)
				return len(leftBehind(t, pack, pack, "base")) == 0
			})
		})
	}
}

// Instances that are kept are told of, and work.
func TestPackTestKeepsInstances(t *testing.T) {
	t.Parallel()
	report := reportOn(t, 0, uprightPack(t, nil), "--only", "ready", "--keep")
	if len(report.Kept) != 1 {
		t.Fatalf("kept: %q", report.Kept)
	}
	suite.DestroyAfter(t, report.Kept[0])
	svp(t, "gc").Require(t, 0)
	svp(t, "client", report.Kept[0]).Require(t, 0)
}
