package integration

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Kinds of blocks: console is run here, line by line; sh names targets of make.
const (
	console    = "console"
	shell      = "sh"
	prompt     = "$ "
	greeterRun = "sh pack=greeter"
)

// invented are the names that documents give to what is made in Docker. Each run
// has others in their place, lest it meets what a developer made by the book.
var invented = []string{"shop", "hello", "greeter", "guestbook"}

// prepared is what the commands of a document expect to be there.
var prepared = map[string]func(t *testing.T, s *reading){
	"README.md": func(t *testing.T, s *reading) {
		s.writeGreeter(t, nil)
		s.copyFolder(t, "packs")
	},
	"packs/README.md": func(t *testing.T, s *reading) {
		s.writeGreeter(t, readDocument(t, "packs/README.md").block(t, "yaml").lines)
		s.copyFolder(t, "examples/nats-pack")
	},
	"examples/webapp/README.md": func(t *testing.T, s *reading) {
		s.folder = webapp
		s.env = append(suite.Environ(t), "GUESTBOOK="+s.names["guestbook"])
		// TestExampleWebapp runs it, and ends it.
		s.leftOut = "./up"
	},
	"examples/nightly-backup/README.md": func(t *testing.T, s *reading) {
		if err := os.CopyFS(s.folder, os.DirFS("../examples/nightly-backup")); err != nil {
			t.Fatal(err)
		}
		s.env = suite.Environ(t, onlyInstances(t, s.names["shop"]))
		up(t, "redis", s.names["shop"]).Require(t, 0)
	},
	"examples/platform/README.md": func(t *testing.T, s *reading) {
		s.folder = platformExample
		// TestExamplePlatform runs it, and ends it.
		s.leftOut = "./platform"
	},
	"examples/broker/README.md": func(t *testing.T, s *reading) { s.copyFolder(t, "packs") },
}

// reading is a reader who does what a document says.
type reading struct {
	document document
	folder   string
	env      []string
	names    map[string]string // in place of the invented ones
	broker   string            // in place of brokerAddress
	leftOut  string
}

// A broker stays in the foreground, in a terminal of its own, and listens at
// brokerAddress unless it is told otherwise.
const (
	brokerCommand = "svp broker --"
	brokerAddress = "127.0.0.1:8080"
)

func TestCommandsInDocumentsRun(t *testing.T) {
	t.Parallel()
	for _, d := range documents(t) {
		commands := d.commands(console, prompt)
		if len(commands) == 0 {
			continue
		}
		t.Run(d.path, func(t *testing.T) {
			t.Parallel()
			s := &reading{document: d, folder: t.TempDir(), names: map[string]string{}}
			unique := newName(t)
			for i, name := range invented {
				s.names[name] = fmt.Sprintf("%s-%d", unique, i)
			}
			if prepare := prepared[d.path]; prepare != nil {
				prepare(t, s)
			}
			if s.env == nil {
				s.env = suite.Environ(t)
			}
			s.broker = freeAddress(t)
			s.env = append(s.env, "XDG_STATE_HOME="+t.TempDir(), "XDG_CONFIG_HOME="+t.TempDir(), "XDG_DATA_HOME="+t.TempDir(),
				"BROKER_URL=http://"+s.broker)
			s.run(t, commands)
		})
	}
}

// run runs the commands in one shell, as on a terminal, up to the first that fails.
func (s *reading) run(t *testing.T, commands []command) {
	t.Helper()
	script := "set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n"
	made := map[string]bool{}
	for _, c := range commands {
		if c.text == s.leftOut {
			continue
		}
		text := s.rename(c.text)
		place := fmt.Sprintf("%s:%d: %s", s.document.path, c.line, text)
		for _, name := range namedIn(text) {
			if !s.isRenamed(name) {
				t.Fatalf("%s: %s is not an invented name: it may be a developer's", place, name)
			}
			made[name] = true
		}
		if strings.HasPrefix(text, brokerCommand) {
			text = s.inBackground(text)
		}
		script += fmt.Sprintf("echo %s\n%s\n", quoted(place), text)
	}
	script += "if [ -n \"${broker-}\" ]; then kill \"$broker\"; wait \"$broker\"; fi\n"
	for name := range made {
		suite.DestroyAfter(t, name)
	}
	file := filepath.Join(t.TempDir(), "session")
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, s.folder, s.env, "bash", file).require(0)
}

// inBackground is a broker in a terminal of its own, which ends with the session,
// and well.
func (s *reading) inBackground(text string) string {
	return fmt.Sprintf(`%[1]s --listen %[2]s &
broker=$!
until curl --silent --fail --output /dev/null --max-time 5 http://%[2]s/readyz; do
  kill -0 "$broker"
  sleep 0.1
done`, text, s.broker)
}

// freeAddress is an address at which nobody listens. Its port is below those that svp
// publishes and those that Linux gives to whoever connects: hardly anybody gets it before
// it is used.
func freeAddress(t *testing.T) string {
	t.Helper()
	const first, ports, attempts = 10000, 10000, 100
	var failed error
	for range attempts {
		address := fmt.Sprintf("127.0.0.1:%d", first+rand.IntN(ports))
		listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", address)
		if err == nil {
			change(t, listener.Close())
			return address
		}
		failed = err
	}
	t.Fatalf("no port is free: %v", failed)
	return ""
}

func (s *reading) isRenamed(name string) bool {
	for _, ours := range s.names {
		if name == ours || strings.HasPrefix(name, ours+"-") {
			return true
		}
	}
	return false
}

var inventedWord = regexp.MustCompile(`\b(` + strings.Join(invented, "|") + `)\b`)

func (s *reading) rename(text string) string {
	text = strings.ReplaceAll(text, brokerAddress, s.broker)
	return inventedWord.ReplaceAllStringFunc(text, func(name string) string { return s.names[name] })
}

// copyFolder puts a folder of this repository where a reader in it finds it.
func (s *reading) copyFolder(t *testing.T, name string) {
	t.Helper()
	if err := os.CopyFS(filepath.Join(s.folder, name), os.DirFS(filepath.Join("..", name))); err != nil {
		t.Fatal(err)
	}
}

// writeGreeter writes the pack of the README, as the README says.
func (s *reading) writeGreeter(t *testing.T, manifest []string) {
	t.Helper()
	files := greeter(t)
	if manifest != nil {
		files["servicepack.yaml"] = s.rename(strings.Join(manifest, "\n") + "\n")
	}
	if err := os.Rename(writePack(t, files), filepath.Join(s.folder, s.names["greeter"])); err != nil {
		t.Fatal(err)
	}
}

var scriptComment = regexp.MustCompile(`^# (bin/[a-z]+)[ :]`)

// greeter takes the README's pack apart: each script begins with a comment that
// names it.
func greeter(t *testing.T) map[string]string {
	t.Helper()
	b := readDocument(t, "README.md").block(t, greeterRun)
	files := map[string]string{}
	name, code := "", 0
	for _, line := range b.lines {
		if found := scriptComment.FindStringSubmatch(line); found != nil {
			name = found[1]
			files[name] = "#!/bin/sh\n"
		} else {
			code++
		}
		files[name] += line + "\n"
	}
	if got := slices.Sorted(maps.Keys(files)); !slices.Equal(got, []string{"bin/build", "bin/query", "bin/run"}) {
		t.Fatalf("the pack in the README has the files %q", got)
	}
	if code > 15 {
		t.Errorf("the pack in 15 lines has %d", code)
	}
	return files
}

func TestPackOfTheReadmeSaysHello(t *testing.T) {
	t.Parallel()
	name := newName(t)
	env := up(t, writePack(t, greeter(t)), name).Env(t)
	address, err := url.Parse(env["GREETER_URL"])
	if err != nil {
		t.Fatal(err)
	}
	if status, page := visit(t, http.MethodGet, address.String(), ""); status != http.StatusUnauthorized {
		t.Errorf("without a password: status %d\n%s", status, page)
	}
	address.User = url.UserPassword("hello", env["GREETER_PASSWORD"])
	wantPage(t, address.String(), "hello from "+name)
}

var svpCommand = regexp.MustCompile(`\bsvp ([^|;&$)<>#]+)`)

// namedIn returns the names in the command that svp makes or changes things under.
func namedIn(text string) []string {
	var names []string
	for _, found := range svpCommand.FindAllStringSubmatch(text, -1) {
		words := strings.Fields(found[1])
		arguments := positional(words[1:])
		switch words[0] {
		case "list", "help", "version", "pack", "archive", "repo", "ports", "os", "gc", "completion", "broker":
		case "build", "setup", "run":
			for i, word := range words[:len(words)-1] {
				if slices.Contains([]string{"-n", "-i", "-t"}, word) {
					names = append(names, words[i+1])
				}
			}
		case "up":
			names = append(names, path.Base(arguments[len(arguments)-1]))
		default:
			names = append(names, arguments[0])
		}
	}
	return names
}

// positional leaves out flags, and what belongs to a script.
func positional(words []string) []string {
	if end := slices.Index(words, "--"); end >= 0 {
		words = words[:end]
	}
	return slices.DeleteFunc(slices.Clone(words), func(word string) bool { return strings.HasPrefix(word, "-") })
}

// A block that nobody runs has to be of a kind that nobody would type.
func TestBlocksInDocumentsAreOfKnownKinds(t *testing.T) {
	known := []string{console, shell, greeterRun, "yaml", "ini", "text"}
	for _, d := range documents(t) {
		for _, b := range d.blocks {
			if !slices.Contains(known, b.info) {
				t.Errorf("%s:%d: a block %q is none of %q", d.path, b.line, b.info, known)
			}
			for i, line := range b.lines {
				switch {
				case b.info == console && !strings.HasPrefix(line, prompt):
					t.Errorf("%s:%d: %q is no command; a block of commands shows no output, which nobody checks", d.path, b.line+i, line)
				case b.info == shell && !strings.HasPrefix(line, "make "):
					t.Errorf("%s:%d: %q is not tested: commands that are not make's go to a console block", d.path, b.line+i, line)
				}
			}
		}
	}
}

func TestTargetsInDocumentsExist(t *testing.T) {
	help, err := exec.CommandContext(t.Context(), "make", "-C", "..", "--no-print-directory", "help").Output()
	if err != nil {
		t.Fatalf("make help: %v", err)
	}
	var targets []string
	for line := range strings.Lines(string(help)) {
		targets = append(targets, strings.Fields(line)[0])
	}
	for _, d := range documents(t) {
		lines := d.inline()
		for _, c := range d.commands(shell, "") {
			lines = append(lines, c.text)
		}
		for _, line := range lines {
			words := strings.Fields(line)
			if words[0] == "make" && len(words) > 1 && !slices.Contains(targets, words[1]) {
				t.Errorf("%s: `%s`: `make help` lists no such target:\n%s", d.path, line, help)
			}
		}
	}
}

// What the prose mentions is not run, but svp and the pack have to know it.
func TestCommandsInProseExist(t *testing.T) {
	t.Parallel()
	for _, d := range documents(t) {
		for _, code := range d.inline() {
			words := strings.Fields(code)
			if words[0] != "svp" || len(words) < 2 {
				continue
			}
			help := []string{"help"}
			if words[1] != "help" {
				help = append(help, words[1])
			}
			if slices.Contains([]string{"os", "pack", "repo", "archive", "broker"}, words[1]) && len(words) > 2 && !strings.HasPrefix(words[2], "-") {
				help = append(help, words[2])
			}
			if result := svp(t, help...); result.Status != 0 {
				t.Errorf("%s: `%s`: %s", d.path, code, result)
			}
			if folder := path.Dir(d.path); words[1] == "extra" && len(words) > 3 {
				wantExtra(t, folder, words[3])
			}
		}
	}
}

// wantExtra checks that the pack has the command of its own.
func wantExtra(t *testing.T, pack, name string) {
	t.Helper()
	extra := exec.CommandContext(t.Context(), "bin/extra", "help")
	extra.Dir = filepath.Join("..", pack)
	help, err := extra.Output()
	if err != nil {
		t.Fatalf("%s/bin/extra help: %v", pack, err)
	}
	if !regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + `[ :]`).Match(help) {
		t.Errorf("%s/README.md mentions the command %q, which is none of\n%s", pack, name, help)
	}
}
