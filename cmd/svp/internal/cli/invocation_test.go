package cli

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// words is a command line as a test writes it: cut at blanks.
func words(line string) []string { return strings.Fields(line) }

func TestParse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		line                string
		name                string
		flags, args, script string
	}{
		{"up redis", "up", "", "redis", ""},
		{"up redis cache --timeout 5m", "up", "--timeout=5m", "redis cache", ""},
		{"up --timeout 5m redis cache", "up", "--timeout=5m", "redis cache", ""},
		{"up redis --timeout=5m cache", "up", "--timeout=5m", "redis cache", ""},
		{"--progress plain up redis", "up", "--progress=plain", "redis", ""},
		{"up redis --progress plain -q", "up", "--progress=plain --quiet=true", "redis", ""},
		{"up redis -p 80:80 -p=81:81 -p82:82", "up", "--publish=80:80 --publish=81:81 --publish=82:82", "redis", ""},
		{"up -- redis --cache", "up", "", "redis --cache", ""},
		{"up redis -", "up", "", "redis -", ""},
		{"up redis --secret A==b", "up", "--secret=A==b", "redis", ""},
		{"up redis --secret -- name", "up", "--secret=--", "redis name", ""},
		{"ls --json=false", "list", "--json=false", "", ""},
		{"logs -ft shop", "logs", "--follow=true --timestamps=true", "shop", ""},
		{"logs shop -fn 10", "logs", "--follow=true --tail=10", "shop", ""},
		{"logs shop -fn10", "logs", "--follow=true --tail=10", "shop", ""},
		{"logs shop -fn=10 db", "logs", "--follow=true --tail=10", "shop db", ""},
		{"pack inspect --json redis", "pack inspect", "--json=true", "redis", ""},
		{"client shop", "client", "", "shop", ""},
		{"client shop -- -tAc x --json", "client", "", "shop", "-tAc x --json"},
		{"client shop -- -- x", "client", "", "shop", "-- x"},
		{"client -c 1f2e -- -x", "client", "--container=1f2e", "", "-x"},
		{"shell --component db shop -- ls -l", "shell", "--component=db", "shop", "ls -l"},
		{"extra shop cmd --json -c x", "extra", "", "shop cmd", "--json -c x"},
		{"extra shop cmd -- x", "extra", "", "shop cmd", "-- x"},
		{"extra shop -- cmd -x", "extra", "", "shop cmd", "-x"},
		{"extra -q shop cmd -h", "extra", "--quiet=true", "shop cmd", "-h"},
		{"extra -c 1f2e cmd -c x", "extra", "--container=1f2e", "cmd", "-c x"},
		{"extra --container=1f2e cmd shop", "extra", "--container=1f2e", "cmd", "shop"},
		{"__complete up --json", "__complete", "", "", "up --json"},
	} {
		t.Run(c.line, func(t *testing.T) {
			t.Parallel()
			inv, err := parse(newRoot(&wiring{}), words(c.line))
			if err == nil {
				err = inv.checkArguments()
			}
			if err != nil {
				t.Fatal(err)
			}
			got := []string{inv.name(), strings.Join(inv.flags, " "), strings.Join(inv.args, " "), strings.Join(inv.script, " ")}
			if diff := cmp.Diff([]string{c.name, c.flags, c.args, c.script}, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestUsageErrors(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"nosuch":                                `unknown command "nosuch"`,
		"pack":                                  `pack: a command is missing: init, inspect, `,
		"pack inspct redis":                     `pack: unknown command "inspct"`,
		"up":                                    `up: PACK is missing`,
		"up a b c":                              `up: too many arguments: "c"`,
		"up redis --no-such":                    `up: unknown flag --no-such`,
		"up redis -z":                           `up: unknown flag -z`,
		"up redis -timeout 5":                   `up: unknown flag -timeout`,
		"up redis --timeout":                    `up: the flag --timeout needs a value`,
		"up redis --timeout soon":               `--timeout: "soon" is no time limit`,
		"up redis --timeout -5s":                `--timeout: "-5s" is no time limit`,
		"up redis --progress loud":              `--progress: unknown progress "loud"`,
		"up redis --format xml":                 `up: --format: unknown format "xml"`,
		"up redis --format servicebinding":      `up: --format servicebinding makes a folder`,
		"up redis -p eighty":                    `up: --publish eighty: `,
		"up redis --secret A":                   `up: --secret: `,
		"up redis --secret A=@/nonexistent":     `up: --secret: A: `,
		"up redis --secret A=1 --secret A=2":    `up: --secret: A is given twice`,
		"up redis --ca-bundle /nonexistent.pem": `--ca-bundle: there is no file /nonexistent.pem`,
		"--timeout 5 up redis":                  `unknown flag --timeout`,
		"list x":                                `list: too many arguments: "x"`,
		"list --json=maybe":                     `list: the flag --json does not take "maybe"`,
		"down":                                  `down: NAME is missing`,
		"build":                                 `build: the flag --pack is missing`,
		"build -b redis":                        `build: the flag --tag is missing`,
		"setup -b redis -t x":                   `setup: the flag --image is missing`,
		"update shop":                           `update: nothing is to change`,
		"update shop --parameter a":             `update: --parameter: "a" has no value`,
		"up p --parameter a=1 --parameter a=2":  `up: --parameter: a is given twice`,
		"run":                                   `run: the flag --image is missing`,
		"ports":                                 `ports: the flag --pack is missing`,
		"env x --view moon":                     `env: --view: unknown view "moon"`,
		"logs x -n few":                         `logs: --tail: "few" is no number of lines`,
		"logs x --since dawn":                   `logs: --since: "dawn" is no time`,
		"client":                                `client: NAME is missing`,
		"client shop select":                    `client: too many arguments: "select"`,
		"client -c":                             `client: the flag -c needs a value`,
		"client -c= -- x":                       `client: the flag --container is empty`,
		"client shop -c x":                      `client: too many arguments: "shop"`,
		"extra shop":                            `extra: CMD is missing`,
		"extra":                                 `extra: NAME is missing`,
		"completion tcsh":                       `completion: unknown shell "tcsh"`,
		"help nosuch":                           `unknown command "nosuch"`,
		"--config /nonexistent list":            `read the configuration: open /nonexistent: no such file or directory`,
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "")
			w.require(t, 2, words(line)...)
			first, _, _ := strings.Cut(w.errOut.String(), "\n")
			if !strings.HasPrefix(first, "svp: "+want) {
				t.Errorf("stderr begins with %q, want %q", first, "svp: "+want)
			}
			if n := strings.Count("\n"+w.errOut.String(), "\nsvp: "); n != 1 {
				t.Errorf("%d complaints, want one: %s", n, w.errOut)
			}
			if w.out.Len() > 0 {
				t.Errorf("a usage error went to stdout: %s", w.out)
			}
			if len(w.fake.calls) > 0 {
				t.Errorf("wrong usage did something: %q", w.fake.calls)
			}
		})
	}
}

func TestEmptyWords(t *testing.T) {
	t.Parallel()
	for want, args := range map[string][]string{
		"up: PACK is empty":                     {"up", ""},
		"up: NAME is empty":                     {"up", "./p", ""},
		"info: NAME is empty":                   {"info", ""},
		"client: NAME is empty":                 {"client", "", "--", "x"},
		"extra: CMD is empty":                   {"extra", "-c", "1f2e", ""},
		"backup: the flag --output is empty":    {"backup", "shop", "-o", ""},
		"restore: the flag --input is empty":    {"restore", "shop", "--input="},
		"backup: the flag --container is empty": {"backup", "-c", "", "shop"},
		"run: the flag --name is empty":         {"run", "-i", "x", "-n", ""},
	} {
		w := newWorld(t, "")
		w.require(t, 2, args...)
		if !strings.HasPrefix(w.errOut.String(), "svp: "+want+"\n") || len(w.fake.calls) > 0 {
			t.Errorf("svp %q: calls %q, stderr: %s", args, w.fake.calls, w.errOut)
		}
	}
}

func TestSuggestions(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"lst":                `did you mean "list"?`,
		"dstroy x":           `did you mean "destroy"?`,
		"resotre x":          `did you mean "restore"?`,
		"comp":               `did you mean "completion"?`,
		"up x --timeot 5":    "did you mean --timeout?",
		"up x -timeout 5":    "did you mean --timeout?",
		"env x --jsn":        "svp env --help tells more",
		"list --jsn":         "did you mean --json?",
		"quite-another":      "svp help lists the commands",
		"client x -tAc sql":  "what belongs to the script follows two dashes: -- -tAc",
		"client x select 1":  "what belongs to the script follows two dashes: -- select 1",
		"help dwon":          `did you mean "down"?`,
		"up x --quiett":      "did you mean --quiet?",
		"up --nope":          "svp up --help tells more",
		"pack inspect x -hx": "svp pack inspect --help tells more",
	} {
		w := newWorld(t, "")
		w.require(t, 2, words(line)...)
		if !strings.Contains(w.errOut.String(), "  hint: "+want+"\n") {
			t.Errorf("svp %s: no hint %q in: %s", line, want, w.errOut)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("up\x00redis\x00--timeout\x005m")
	f.Add("extra\x00-c\x00x\x00cmd\x00--\x00-h")
	f.Add("client\x00shop\x00--\x00-tAc\x00select 1")
	f.Add("logs\x00-fn\x0010\x00--since=1h")
	f.Add("--quiet=\x00-\x00--=\x00-=")
	f.Fuzz(func(t *testing.T, line string) {
		argv := strings.Split(line, "\x00")
		inv, err := parse(newRoot(&wiring{}), argv)
		if err != nil {
			return
		}
		// What was sorted is understood the same once more.
		sorted := append(strings.Fields(inv.name()), inv.flags...)
		switch {
		case inv.help:
			return
		case inv.leaf().script == afterDashes:
			sorted = append(append(append(sorted, inv.args...), "--"), inv.script...)
			if slices.ContainsFunc(inv.args, func(arg string) bool { return strings.HasPrefix(arg, "-") && arg != "-" }) {
				t.Fatalf("%q: a flag became an argument: %q", argv, inv.args)
			}
		default:
			if inv.leaf().script != afterArguments || len(inv.leaf().args) > 0 {
				sorted = append(sorted, "--")
			}
			sorted = append(append(sorted, inv.args...), inv.script...)
		}
		again, err := parse(newRoot(&wiring{}), sorted)
		if err != nil {
			t.Fatalf("%q became %q: %v", argv, sorted, err)
		}
		if !slices.Equal(again.flags, inv.flags) || !slices.Equal(again.args, inv.args) || !slices.Equal(again.script, inv.script) {
			t.Fatalf("%q became %q: %q %q %q, then %q %q %q", argv, sorted,
				inv.flags, inv.args, inv.script, again.flags, again.args, again.script)
		}
	})
}
