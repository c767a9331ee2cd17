package integration

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/servicepack/svp/integration/svptest"
)

// An invalid pack is refused before anything happens in Docker.
func TestInvalidPack(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		files   map[string]string
		prepare func(t *testing.T, pack string)
		words   []string
	}{
		{name: "no query", files: map[string]string{"bin/query": ""}, words: []string{"bin/query", "missing"}},
		{name: "no build", files: map[string]string{"bin/build": ""}, words: []string{"bin/build", "missing"}},
		{name: "no run", files: map[string]string{"bin/run": ""}, words: []string{"bin/run", "missing"}},
		{name: "not executable", prepare: func(t *testing.T, pack string) {
			change(t, os.Chmod(filepath.Join(pack, "bin/query"), 0o644))
		}, words: []string{"bin/query", "not executable"}},
		{name: "build not executable", prepare: func(t *testing.T, pack string) {
			change(t, os.Chmod(filepath.Join(pack, "bin/build"), 0o644))
		}, words: []string{"bin/build", "not executable"}},
		{name: "no shebang", files: map[string]string{"bin/query": "echo debian/12\n"}, words: []string{"bin/query", "#!"}},
		{name: "no interpreter", files: map[string]string{"bin/query": "#!/no/such/shell\n"},
			words: []string{"bin/query", "/no/such/shell"}},
		{name: "query floods", files: query("secrets) yes SECRET ;;"),
			words: []string{"bin/query secrets", "longer than 64KiB"}},
		{name: "query fails", files: query("ports) echo out of luck >&2; exit 1 ;;"),
			words: []string{"bin/query ports", "exit status 1", "out of luck"}},
		{name: "query answers binary", files: query(`secrets) printf 'A\n\377\376\000\001\n' ;;`),
			words: []string{"bin/query secrets, line 2", "binary"}},
		{name: "env answers binary", files: query(`env) printf 'A=1\nB=\000\n' ;;`),
			words: []string{"bin/query env, line 2", "binary"}},
		{name: "no OS", files: query("os) ;;"), words: []string{"bin/query os", "debian/12"}},
		{name: "malformed OS", files: query("os) echo 'debian/12; rm -rf /' ;;"),
			words: []string{"bin/query os", `"debian/12; rm -rf /"`, "NAME/VERSION"}},
		{name: "bad secret name", files: query("secrets) echo GOOD; echo BAD-NAME ;;"),
			words: []string{"bin/query secrets, line 2", `"BAD-NAME"`}},
		{name: "duplicate secret", files: query("secrets) echo TWICE; echo ONCE; echo TWICE ;;"),
			words: []string{"bin/query secrets, line 3", `"TWICE"`}},
		{name: "bad component", files: query("components) echo web; echo ../x ;;"),
			words: []string{"bin/query components, line 2", `"../x"`}},
		{name: "bad port", files: query("ports) echo 65536 ;;"), words: []string{"bin/query ports, line 1", `"65536"`}},
		{name: "bad volume", files: query("version) echo 1 ;; volumes) echo data ;;"),
			words: []string{"bin/query volumes, line 1", `"data"`}},
		{name: "contract 99", files: query("version) echo 99 ;;"), words: []string{"bin/query version", "99", "0 and 1"}},
		{name: "env without equals sign", files: query("env) echo A=1; echo SOLITARY ;;"),
			words: []string{"bin/query env, line 2"}},
		{name: "env with empty key", files: query("env) echo =value ;;"), words: []string{"bin/query env, line 1"}},
		{name: "env with invalid key", files: query("env) echo 'A B=1' ;;"), words: []string{"bin/query env, line 1"}},
		{name: "2 GB", prepare: func(t *testing.T, pack string) {
			change(t, os.WriteFile(filepath.Join(pack, "big"), nil, 0o600))
			change(t, os.Truncate(filepath.Join(pack, "big"), 2<<30))
		}, words: []string{"big", "2GiB", "larger than"}},
		{name: "symlink to elsewhere", prepare: func(t *testing.T, pack string) {
			change(t, os.Symlink("../../etc/passwd", filepath.Join(pack, "leaves")))
		}, words: []string{"leaves", "outside"}},
		{name: "absolute symlink", prepare: func(t *testing.T, pack string) {
			change(t, os.Symlink("/etc/passwd", filepath.Join(pack, "bin/client")))
		}, words: []string{"bin/client", "outside"}},
		{name: "unknown field", files: map[string]string{"servicepack.yaml": "description: fine\nnonsense: 1\n"},
			words: []string{"servicepack.yaml", "line 2", "nonsense"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			pack, name := tinyPack(t, test.files), newName(t)
			if test.prepare != nil {
				test.prepare(t, pack)
			}
			result := up(t, pack, name)
			complaint(t, result, 3, append(test.words, pack)...)
			if result.Elapsed > 30*time.Second {
				t.Errorf("it took %v to notice", result.Elapsed)
			}
			nothingLeft(t, pack, name)
		})
	}
}

// change fails the test when something could not be prepared.
func change(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestQueryHangs(t *testing.T) {
	t.Parallel()
	pids := filepath.Join(t.TempDir(), "pids")
	pack := tinyPack(t, query("secrets)\n"+
		"	trap '' TERM INT HUP\n"+
		"	sleep 3600 & first=$!; (sleep 3600; sleep 3600) & echo $$ $first $! >"+pids+"\n"+
		"	sleep 3600 ;;"))
	name := newName(t)
	result := up(t, pack, name)
	complaint(t, result, 3, pack, "bin/query secrets", "10s", "killed")
	if result.Elapsed < 9*time.Second || result.Elapsed > 25*time.Second {
		t.Errorf("a query has 10 s; svp gave up after %v", result.Elapsed)
	}
	content, err := os.ReadFile(pids)
	if err != nil {
		t.Fatal(err)
	}
	for _, pid := range strings.Fields(string(content)) {
		eventually(t, 2*time.Second, "process "+pid+" of the query is gone", func() bool { return !alive(pid) })
	}
	nothingLeft(t, pack, name)
}

// alive tells whether a process runs; one that nobody has waited for yet does not.
func alive(pid string) bool {
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return false
	}
	_, state, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(state, "Z")
}

func TestNoSuchPack(t *testing.T) {
	t.Parallel()
	for _, pack := range []string{"./no-such-folder", "/no/such/folder", "no-such-pack"} {
		for _, args := range [][]string{
			{"up", pack, newName(t)},
			{"build", "-b", pack, "-t", newName(t)},
			{"ports", "-b", pack},
			{"pack", "inspect", pack},
		} {
			complaint(t, svp(t, args...), 4, pack)
		}
	}
}

func TestOSNotObtainable(t *testing.T) {
	t.Parallel()
	pack, name := tinyPack(t, query("os) echo nosuch/1 ;;")), newName(t)
	result := up(t, pack, name)
	complaint(t, result, 1, "nosuch/1", "nosuch:1")
	nothingLeft(t, pack, name)
}

func TestNoWayToBootstrap(t *testing.T) {
	t.Parallel()
	complaint(t, svp(t, "os", "bootstrap", "nosuch/1"), 2, "nosuch/1")
	complaint(t, svp(t, "os", "pull", "debian/12; rm -rf /"), 2, "debian/12; rm -rf /")
}

func TestSecretThatIsNone(t *testing.T) {
	t.Parallel()
	pack := tinyPack(t, nil)
	for _, test := range []struct {
		name   string
		secret []string
		words  []string
	}{
		{"unknown", []string{"OTHER=1"}, []string{"OTHER"}},
		{"twice", []string{"TOKEN=1", "TOKEN=2"}, []string{"TOKEN", "twice"}},
		{"no value", []string{"hush"}, []string{"NAME=VALUE"}},
		{"newline", []string{"TOKEN=hush\nhush"}, []string{"TOKEN"}},
		{"no file", []string{"TOKEN=@hush"}, []string{"TOKEN", "no such file"}},
		{"bad name", []string{"NO-NAME=1"}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			name := newName(t)
			var flags []string
			for _, secret := range test.secret {
				flags = append(flags, "--secret", secret)
			}
			result := up(t, pack, name, flags...)
			line := complaint(t, result, 2, test.words...)
			if strings.Contains(line, "hush") {
				t.Errorf("the value is shown: %s", line)
			}
			nothingLeft(t, pack, name)
		})
	}
}

func TestBadNames(t *testing.T) {
	t.Parallel()
	pack := tinyPack(t, nil)
	long := strings.Repeat("n", 64)
	for i, call := range []struct {
		args  []string
		words []string
	}{
		{[]string{"up", pack, "Upper"}, []string{"Upper"}},
		{[]string{"up", pack, "a/b"}, []string{"a/b"}},
		{[]string{"up", pack, "../x"}, []string{"../x"}},
		{[]string{"up", pack, "x y"}, []string{"x y"}},
		{[]string{"up", pack, long}, []string{long}},
		{[]string{"destroy", "Upper", "--yes"}, []string{"Upper"}},
		{[]string{"build", "-b", pack, "-t", "Upper/case"}, []string{"Upper/case"}},
		{[]string{"build", "-b", pack, "-t", "two:tags:here"}, []string{"two:tags:here"}},
		{[]string{"build", "-b", pack, "-t", "with blank"}, []string{"with blank"}},
		{[]string{"setup", "-b", pack, "-i", "Upper/case", "-t", "fine"}, []string{"Upper/case"}},
		{[]string{"setup", "-b", pack, "-i", suite.Name(t), "-t", "Upper/case"}, []string{"Upper/case"}},
		{[]string{"run", "-i", "Upper/case", "-n", suite.Name(t)}, []string{"Upper/case"}},
		{[]string{"run", "-i", suite.Name(t), "-n", "Upper"}, []string{"Upper"}},
		{[]string{"up", pack, suite.Name(t), "-p", "99999"}, []string{"99999"}},
		{[]string{"up", pack, suite.Name(t), "-p", "0:80"}, []string{"0"}},
		{[]string{"up", pack, suite.Name(t), "-p", "eighty"}, []string{"eighty"}},
		{[]string{"up", pack, suite.Name(t), "--plan", "enormous"}, []string{"enormous"}},
		{[]string{"up", pack, suite.Name(t), "--timeout", "soon"}, []string{"soon"}},
		{[]string{"up", pack, suite.Name(t), "surplus"}, []string{"surplus"}},
		{[]string{"up", pack, suite.Name(t), "--no-such-flag"}, []string{"no-such-flag"}},
		{[]string{"up", pack, suite.Name(t), "--network", "a b"}, []string{"a b"}},
		{[]string{"up", pack, suite.Name(t), "--network", "../x"}, []string{"../x"}},
		{[]string{"up", pack, suite.Name(t), "--network", "host"}, []string{"host"}},
		{[]string{"client", "-c", "../images/json"}, []string{"../images/json"}},
		{[]string{"run", "-i", "Upper/case"}, []string{"Upper/case"}},
		{[]string{"no-such-command"}, []string{"no-such-command"}},
	} {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			t.Parallel()
			complaint(t, svp(t, call.args...), 2, call.words...)
		})
	}
	t.Cleanup(func() { nothingLeft(t, pack, filepath.Base(pack)) })
}

func TestNothingOfThatName(t *testing.T) {
	t.Parallel()
	pack, name := tinyPack(t, nil), newName(t)
	for _, verb := range []string{"info", "env", "start", "stop", "restart", "down", "logs"} {
		complaint(t, svp(t, verb, name), 4, verb, name, "no such instance")
	}
	complaint(t, svp(t, "destroy", name, "--yes"), 4, name, "no such instance")
	complaint(t, svp(t, "destroy", name), 4, name, "no such instance")
	for _, args := range [][]string{{"client", name}, {"shell", name}, {"extra", name, "help"}, {"backup", name}, {"restore", name}} {
		complaint(t, svp(t, args...), 125, args[0], name, "no such instance")
		complaint(t, svp(t, append([]string{args[0], "-c", name}, args[2:]...)...), 125, args[0], name)
	}
	complaint(t, svp(t, "setup", "-b", pack, "-i", name, "-t", newName(t)), 4, name)
	complaint(t, svp(t, "run", "-i", name), 4, name)
	nothingLeft(t, pack, name)
}

func TestRunOfForeignImage(t *testing.T) {
	t.Parallel()
	pack, name := tinyPack(t, nil), newName(t)
	suite.DestroyAfter(t, name)
	for _, args := range [][]string{
		{"run", "-i", svptest.OSImage, "-n", name},
		{"setup", "-b", pack, "-i", svptest.OSImage, "-t", newName(t)},
	} {
		result := svp(t, args...)
		if result.Status == 0 || result.Status == 1 {
			t.Errorf("an image that svp has not made is the user's mistake: %s", result)
		}
		complaint(t, result, result.Status, svptest.OSImage)
	}
	nothingLeft(t, pack, name)
}
