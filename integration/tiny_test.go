package integration

import (
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/servicepack/svp/integration/svptest"
)

// tiny is a pack that is up at once and does next to nothing. It has one secret.
var tiny = map[string]string{
	"bin/query": `#!/bin/sh
case $1 in
os) echo debian/12 ;;
secrets) echo TOKEN ;;
env) echo "URL=tiny://app:$TOKEN@%IP" ;;
esac
`,
	"bin/build": `#!/bin/sh
set -e
case $1 in
base) mkdir /srv/tiny ;;
setup) printf %s "$TOKEN" >/srv/tiny/token ;;
esac
`,
	"bin/run": `#!/bin/sh
touch /run/tiny
` + idle,
	"bin/health": `#!/bin/sh
test -e /run/tiny
`,
}

// idle ends a run script that has nothing to do until it is told to stop.
const idle = `exec perl -e '$SIG{TERM} = sub { exit 0 }; sleep 60 while 1'
`

// tinyPack writes the tiny pack with some of its files changed; a file that is
// changed to nothing is left out.
func tinyPack(t *testing.T, changed map[string]string) string {
	t.Helper()
	files := maps.Clone(tiny)
	maps.Copy(files, changed)
	maps.DeleteFunc(files, func(_, content string) bool { return content == "" })
	return writePack(t, files)
}

// query is a query script that answers as the tiny pack's does, apart from what
// the cases of a shell's case statement say.
func query(cases string) map[string]string {
	return map[string]string{"bin/query": "#!/bin/sh\ncase $1 in\n" + cases + "\nos) echo debian/12 ;;\nesac\n"}
}

// progress are the lines that tell what svp is doing.
var progress = regexp.MustCompile(`^svp: ((base|setup|ready|pull|bind|unbind|check) \S+ (started|done \(.*|failed \(.*)$|(base|setup|ready|pull): )`)

// ofOthers is how svp begins to tell of leftovers that it could not remove. They are
// other tests': any command meets what those have killed.
const ofOthers = "svp: warning: what a killed command left behind is still there"

// complaint checks that svp failed with that status and said why in one line that
// holds all the words, and printed no result. It returns the line.
func complaint(t *testing.T, result svptest.Result, status int, words ...string) string {
	t.Helper()
	result.Require(t, status)
	if result.Stdout != "" {
		t.Errorf("a command that failed printed a result: %s", result)
	}
	var lines []string
	for line := range strings.SplitSeq(result.Stderr, "\n") {
		if strings.HasPrefix(line, "svp: ") && !progress.MatchString(line) && !strings.HasPrefix(line, ofOthers) {
			lines = append(lines, line)
		}
	}
	if len(lines) != 1 {
		t.Fatalf("%d lines say what is wrong, want one: %s", len(lines), result)
	}
	for _, word := range words {
		if !strings.Contains(lines[0], word) {
			t.Errorf("the complaint lacks %q: %s", word, result)
		}
	}
	return lines[0]
}

// nothingLeft checks that Docker holds nothing of the pack and the instance,
// other than the base image where that may stay.
func nothingLeft(t *testing.T, pack, instance string, stays ...string) {
	t.Helper()
	for _, object := range leftBehind(t, pack, instance, stays...) {
		t.Errorf("left behind: %v", object)
	}
}

// leftBehind is what nothingLeft complains of.
func leftBehind(t *testing.T, pack, instance string, stays ...string) []svptest.Object {
	t.Helper()
	return slices.DeleteFunc(suite.List(t, filepath.Base(pack), instance), func(o svptest.Object) bool {
		return len(stays) > 0 && o.Labels[svptest.LabelPhase] == stays[0] && o.Kind == "image"
	})
}
