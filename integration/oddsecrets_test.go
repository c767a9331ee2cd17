package integration

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/servicepack/svp/integration/svptest"
)

// oddSecrets are values that quoting, expansion or placeholders could spoil.
var oddSecrets = []string{
	`a'b"c d$e#f%g\h:/@%IPäö`, `%IP`, `%%`, `100%`, `%20`, `%NAME%HOSTNAME`, `  blanks  `, `'`, `"`, `''`, `"quoted"`,
	`'quoted'`, `$HOME`, `${HOME}`, "$(id)", "`id`", `\n`, `\`, `\\`, `ends in \`, `# no comment`, `a #b`, `a=b`, `*`, `~`,
	`!bang`, "tab\tinside", "carriage\rreturn", `-n`, `;exit 1`, `&& false`, "\x01\x7f", "\xff\xfe", `{"json":1}`, `日本語`,
}

// A secret that the user gives comes back exactly wherever it is to be seen.
func TestOddSecrets(t *testing.T) {
	t.Parallel()
	var names, given []string
	values := map[string]string{}
	for i, value := range oddSecrets {
		name := fmt.Sprintf("ODD_%d", i)
		names, values[name], given = append(names, name), value, append(given, "--secret", name+"="+value)
	}
	values["URL"] = "x://" + oddSecrets[0] + "/y"
	// The set-up script and the run script each write down what they see.
	pack, name := tinyPack(t, map[string]string{
		"bin/query": query("secrets) echo " + strings.Join(names, "; echo ") + ` ;; env) printf 'URL=x://%s/y\n' "$ODD_0" ;;`)["bin/query"],
		"bin/build": "#!/bin/sh\n[ $1 = setup ] || exit 0\nenv -0 >/srv/setup\n",
		"bin/run":   "#!/bin/sh\nenv -0 >/srv/run\ntouch /run/tiny\n" + idle,
	}), newName(t)
	printed := up(t, pack, name, given...).Require(t, 0)

	same := func(where string, seen map[string]string) {
		t.Helper()
		for name, value := range values {
			if got, ok := seen[name]; !ok || got != value {
				t.Errorf("%s: %s is %q, want %q", where, name, got, value)
			}
		}
	}
	inContainer := func(command ...string) map[string]string {
		t.Helper()
		return nulSeparated(svp(t, append([]string{"shell", name, "--"}, command...)...).Require(t, 0).Stdout)
	}
	same("set-up", inContainer("cat", "/srv/setup"))
	same("run", inContainer("cat", "/srv/run"))
	same("shell", inContainer("env", "-0"))

	same("dotenv", printed.Env(t))
	file := filepath.Join(t.TempDir(), "environment")
	for _, format := range []string{"dotenv", "shell"} {
		svp(t, "env", name, "--format", format, "-o", file).Require(t, 0)
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the file with the environment: %v, %v", info, err)
		}
		for _, read := range []string{`. "$0"`, `eval "$(cat "$0")"`} {
			same(format+", "+read, inShell(t, read, file))
		}
	}
	// JSON can say nothing that is no text, and must not say something else.
	complaint(t, svp(t, "env", name, "--format", "json"), 1, "ODD_", "UTF-8")

	svp(t, "down", name).Require(t, 0)
	if after := svp(t, "env", name).Require(t, 0); after.Stdout != printed.Stdout {
		t.Errorf("the environment of an instance that is down is another:\n%s\n%s", after, printed)
	}
	svp(t, "up", pack, name).Require(t, 0)
	same("run after down and up", inContainer("cat", "/srv/run"))
}

// An environment may be as large as an answer, which is more than a connection
// holds.
func TestLargeEnvironment(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("ä'\\ $", 60<<10/len("ä'\\ $")) + "."
	pack, name := tinyPack(t, map[string]string{
		"bin/query": query("env) cat lib/answer ;;")["bin/query"], "lib/answer": "LARGE=" + large + "\n",
		"bin/build": "#!/bin/sh\n[ $1 = setup ] || exit 0\n[ ${#LARGE} -gt 50000 ]\n",
	}), newName(t)
	same := func(what string, result svptest.Result) {
		t.Helper()
		if got := result.Require(t, 0).Env(t)["LARGE"]; got != large {
			t.Errorf("%s: %d bytes are not the %d of the pack", what, len(got), len(large))
		}
	}
	same("up", up(t, pack, name))
	if inside := svp(t, "shell", name, "--", "printenv", "LARGE").Require(t, 0).Stdout; inside != large+"\n" {
		t.Errorf("inside, %d bytes are not the %d of the pack", len(inside)-1, len(large))
	}
	base, image := newName(t), newName(t)
	svp(t, "build", "-b", pack, "-t", base).Require(t, 0)
	same("setup", svp(t, "setup", "-b", pack, "-i", base, "-t", image))
	same("run", svp(t, "run", "-i", image, "-n", newName(t)))
}

// nulSeparated reads variables as `env -0` writes them.
func nulSeparated(text string) map[string]string {
	variables := map[string]string{}
	for _, variable := range strings.Split(text, "\x00") {
		name, value, _ := strings.Cut(variable, "=")
		variables[name] = value
	}
	return variables
}

// inShell lets a real shell read the file, and returns its variables.
func inShell(t *testing.T, read, file string) map[string]string {
	t.Helper()
	shell := exec.CommandContext(t.Context(), "sh", "-c", "set -ea\n"+read+"\nenv -0", file)
	shell.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=/wrong"}
	output, err := shell.Output()
	if err != nil {
		t.Errorf("the shell cannot read the environment: %v", err)
	}
	return nulSeparated(string(output))
}

func TestOddSecretsAsJSON(t *testing.T) {
	t.Parallel()
	pack, name, odd := tinyPack(t, nil), newName(t), oddSecrets[0]
	up(t, pack, name, "--secret", "TOKEN="+odd).Require(t, 0)
	var document map[string]string
	shown := svp(t, "env", name, "--format", "json").Require(t, 0)
	if err := json.Unmarshal([]byte(shown.Stdout), &document); err != nil || document["TOKEN"] != odd {
		t.Errorf("--format json: %v: %s", err, shown)
	}
}

func TestGeneratedSecrets(t *testing.T) {
	t.Parallel()
	pack := tinyPack(t, query("secrets) echo ONE; echo TWO ;;"))
	alphanumeric := regexp.MustCompile(`^[A-Za-z0-9]{32}$`)
	seen := map[string]bool{}
	for range 2 {
		env := up(t, pack, newName(t)).Env(t)
		for _, name := range []string{"ONE", "TWO"} {
			if !alphanumeric.MatchString(env[name]) {
				t.Errorf("%s=%s", name, env[name])
			}
			if seen[env[name]] {
				t.Errorf("%s is a secret twice", name)
			}
			seen[env[name]] = true
		}
	}
}

// What a pack's scripts print of their secrets is kept out of what svp shows and
// writes down.
func TestSecretsThatScriptsPrint(t *testing.T) {
	t.Parallel()
	pack, name := tinyPack(t, map[string]string{
		"bin/build":  "#!/bin/sh\nset -x\n[ $1 = base ] || printf 'token %s, url %s\\n' \"$TOKEN\" \"$URL\"\n",
		"bin/health": "#!/bin/sh\necho \"$TOKEN\"\nexit 1\n",
		"bin/run":    "#!/bin/sh\necho \"$TOKEN\"\necho \"$TOKEN\" >&2\n" + idle,
	}), newName(t)
	state := t.TempDir()
	const marker = "m4rk3d0123456789"
	secret := filepath.Join(state, "secret")
	change(t, os.WriteFile(secret, []byte(marker), 0o600))
	suite.DestroyAfter(t, name)
	result := svpCall(t, svptest.Call{
		Args: []string{"up", pack, name, "--timeout", "4s", "--secret", "TOKEN=@" + secret},
		Env:  []string{"XDG_STATE_HOME=" + state},
	}).Require(t, 6)
	if strings.Contains(result.Stderr, marker) {
		t.Errorf("shown: %s", result)
	}
	logs, err := filepath.Glob(filepath.Join(state, "svp/logs/*.log"))
	if err != nil || len(logs) == 0 {
		t.Fatalf("no logs: %v", err)
	}
	for _, log := range logs {
		content, err := os.ReadFile(log)
		if err != nil || strings.Contains(string(content), marker) {
			t.Errorf("%s: %v\n%s", log, err, content)
		}
		if info, err := os.Stat(log); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", log, info, err)
		}
	}
}
