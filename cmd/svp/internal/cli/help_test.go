package cli

import (
	"slices"
	"strings"
	"testing"
)

// visit calls do with the path of every command that is shown.
func visit(path []*command, do func(path []*command)) {
	for _, child := range path[len(path)-1].children {
		if !child.hidden {
			deeper := append(slices.Clone(path), child)
			do(deeper)
			visit(deeper, do)
		}
	}
}

func TestEveryCommandHasHelp(t *testing.T) {
	t.Parallel()
	count := 0
	visit([]*command{newRoot(&wiring{})}, func(path []*command) {
		count++
		leaf := path[len(path)-1]
		var names []string
		for _, c := range path[1:] {
			names = append(names, c.name)
		}
		called := strings.Join(append([]string{program}, names...), " ")
		byFlag, byCommand := newWorld(t, ""), newWorld(t, "")
		byFlag.require(t, 0, append(slices.Clone(names), "--help")...)
		byCommand.require(t, 0, append([]string{"help"}, names...)...)
		if byFlag.out.String() != byCommand.out.String() || byFlag.errOut.Len()+byCommand.errOut.Len() > 0 {
			t.Errorf("%s: --help and help differ, or write to stderr", called)
		}
		for _, want := range []string{leaf.summary, "Usage: " + called} {
			if !strings.Contains(byFlag.out.String(), want) {
				t.Errorf("%s --help lacks %q:\n%s", called, want, byFlag.out)
			}
		}
		if len(path) == 2 && !slices.Contains(topics, leaf.topic) {
			t.Errorf("%s: topic %q is not shown", called, leaf.topic)
		}
		if len(leaf.children) == 0 && !strings.Contains(byFlag.out.String(), "\nExamples:\n") {
			t.Errorf("%s --help has no example", called)
		}
	})
	if count < 28 {
		t.Errorf("only %d commands", count)
	}
}

// TestExamplesAreRight parses the command lines that help shows.
func TestExamplesAreRight(t *testing.T) {
	t.Parallel()
	root := newRoot(&wiring{})
	visit([]*command{root}, func(path []*command) {
		leaf := path[len(path)-1]
		for line := range strings.Lines(leaf.example) {
			begin := strings.Index(line, program+" ")
			if begin < 0 {
				t.Errorf("%s: the example does not show svp: %s", leaf.name, line)
				continue
			}
			command := line[begin+len(program)+1:]
			if end := strings.IndexAny(command, "|)><"); end >= 0 {
				command = command[:end]
			}
			inv, err := parse(root, strings.Fields(command))
			if err == nil && !inv.help {
				err = inv.checkArguments()
			}
			if err != nil || inv.leaf() != leaf {
				t.Errorf("%s: example %q runs %q: %v", leaf.name, command, inv.name(), err)
			}
		}
	})
}

func TestNamesOfFlagsAreUnambiguous(t *testing.T) {
	t.Parallel()
	root := newRoot(&wiring{})
	visit([]*command{root}, func(path []*command) {
		seen := map[string]bool{"help": true, "h": true}
		leaf := path[len(path)-1]
		for _, flag := range append(slices.Clone(leaf.flags), root.flags...) {
			for _, name := range flag.Names() {
				if seen[name] {
					t.Errorf("%s: the flag %s is there twice", leaf.name, name)
				}
				seen[name] = true
			}
		}
	})
}

func TestAloneShowsHelp(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "")
	w.require(t, 0)
	if !strings.Contains(w.out.String(), "Every day:") || w.errOut.Len() > 0 {
		t.Errorf("stdout %q, stderr %q", w.out, w.errOut)
	}
}

func TestHelpBeatsWrongArguments(t *testing.T) {
	t.Parallel()
	for _, line := range []string{"up -h", "up a b c --help", "-h up", "client x -h", "setup --help"} {
		w := newWorld(t, "")
		w.require(t, 0, words(line)...)
		if !strings.Contains(w.out.String(), "Usage: svp ") {
			t.Errorf("svp %s: %s", line, w.out)
		}
	}
}
