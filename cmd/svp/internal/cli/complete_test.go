package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/servicepack/svp/engine"
	"github.com/servicepack/svp/engine/driver"
)

func TestComplete(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"des|":                       "destroy",
		"c|":                         "client completion",
		"pack insp|":                 "inspect",
		"os b|":                      "bootstrap",
		"nosuch |":                   "",
		"env |":                      "cache shop",
		"env s|":                     "shop",
		"logs shop |":                "postgresql exporter",
		"logs shop ex|":              "exporter",
		"logs cache |":               "",
		"stop shop |":                "",
		"up r|":                      "redis :files",
		"up redis |":                 "cache shop",
		"build -b p|":                "postgresql :files",
		"ports --pack |":             "postgresql redis :files",
		"update |":                   "cache shop",
		"update shop --plan |":       "small large",
		"update shop --plan l|":      "large",
		"up redis --plan=s|":         "--plan=small",
		"update shop --pa|":          "--parameter --pack",
		"env --format d|":            "dotenv docker",
		"env --format = d|":          "dotenv docker", // bash cuts at "="
		"env --format = |":           "dotenv shell json docker vcap servicebinding",
		"env --format=d|":            "--format=dotenv --format=docker",
		"env shop --view |":          "host network",
		"env shop --v|":              "--view",
		"--progress t|":              "tty",
		"list --|":                   "--help --json --host --progress --quiet --config",
		"client -c shop-e|":          "shop-exporter",
		"client shop -- |":           "",
		"extra shop help |":          "",
		"backup shop -o |":           ":files",
		"restore shop --input=x|":    ":files",
		"completion |":               "bash zsh fish",
		"broker |":                   "check",
		"broker --packs |":           ":folders",
		"pack install --dir |":       ":folders",
		"pack install --lock |":      ":files",
		"pack uninstall |":           "",
		"broker check --packs p|":    ":folders",
		"broker --store |":           ":files",
		"broker --key-file=k|":       ":files",
		"broker --tls-cert |":        ":files",
		"broker --log-format j|":     "json",
		"broker --view n|":           "network",
		"help gc|":                   "gc",
		"os pull |":                  "debian/12",
		"up --no-such-flag redis s|": "",
		"|":                          strings.Join(newRoot(&wiring{}).childNames(), " "),
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "")
			w.fake.instances = goldenInstances()
			w.fake.images = []engine.OSImage{{Name: "debian/12"}}
			w.fake.pack = engine.PackInfo{Plans: []string{"small", "large"}}
			typed := strings.Split(strings.TrimSuffix(line, "|"), " ")
			w.require(t, 0, append([]string{"__complete"}, typed...)...)
			if diff := cmp.Diff(want, strings.Join(strings.Fields(w.out.String()), " ")); diff != "" {
				t.Error(diff)
			}
			if w.errOut.Len() > 0 {
				t.Errorf("stderr: %s", w.errOut)
			}
		})
	}
}

func TestCompleteIsSilentWithoutHost(t *testing.T) {
	t.Parallel()
	for _, line := range []string{"env ", "logs shop ", "client -c ", "os pull "} {
		w := newWorld(t, "")
		w.fake.err = &engine.Error{Op: "list", Kind: engine.NoHost, Err: driver.ErrUnavailable}
		w.require(t, 0, append([]string{"__complete"}, strings.Split(line, " ")...)...)
		if w.out.Len() > 0 || w.errOut.Len() > 0 {
			t.Errorf("%q: stdout %q, stderr %q", line, w.out, w.errOut)
		}
	}
}

// TestCompletionInBash runs the script in the shell that it is for, with a svp
// that answers with the words that it was given.
func TestCompletionInBash(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "")
	w.require(t, 0, "completion", "bash")
	folder := t.TempDir()
	fake := "#!/bin/sh\nprintf '%s\\n' \"$@\" :files\n"
	if err := os.WriteFile(filepath.Join(folder, "svp"), []byte(fake), 0o755); err != nil {
		t.Fatal(err)
	}
	script := w.out.String() + `
complete -p svp
cd "$1" && touch 'a file' && PATH=$1:$PATH
COMP_WORDS=(svp backup shop -o a) COMP_CWORD=4
_svp
printf '<%s>' "${COMPREPLY[@]}"
`
	bash := exec.CommandContext(t.Context(), "bash", "-euc", script, "bash", folder)
	got, err := bash.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, got)
	}
	if want := "complete -F _svp svp\n<__complete><backup><shop><-o><a><a file>"; string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestCompletionScripts(t *testing.T) {
	t.Parallel()
	for _, shell := range completionShells {
		w := newWorld(t, "")
		w.require(t, 0, "completion", shell)
		for _, want := range []string{"__complete", ":files", ":folders"} {
			if !strings.Contains(w.out.String(), want) {
				t.Errorf("the script for %s lacks %s", shell, want)
			}
		}
	}
}
