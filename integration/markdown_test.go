package integration

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// document is a Markdown file of the repository, taken apart.
type document struct {
	path   string // from the top of the repository
	blocks []block
	prose  string // what is not in blocks
}

// block is a fenced block of code.
type block struct {
	info  string // what stands after the opening fence
	line  int    // of the first line in it
	lines []string
}

// command is a line for the reader to type.
type command struct {
	line int
	text string
}

// documents are those whose commands users copy.
func documents(t *testing.T) []document {
	t.Helper()
	paths := []string{"README.md", "CONTRIBUTING.md", "packs/README.md"}
	for _, pattern := range []string{"examples/*/README.md", "packs/*/README.md"} {
		found, err := filepath.Glob("../" + pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("no %s: %v", pattern, err)
		}
		for _, path := range found {
			paths = append(paths, strings.TrimPrefix(path, "../"))
		}
	}
	var all []document
	for _, path := range paths {
		all = append(all, readDocument(t, path))
	}
	return all
}

func readDocument(t *testing.T, path string) document {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", path))
	if err != nil {
		t.Fatal(err)
	}
	d := parseDocument(string(content))
	d.path = path
	return d
}

const fence = "```"

func parseDocument(text string) document {
	var d document
	inside := false
	for i, line := range strings.Split(text, "\n") {
		info, isFence := strings.CutPrefix(line, fence)
		switch {
		case isFence && !inside:
			d.blocks = append(d.blocks, block{info: info, line: i + 2})
			inside = true
		case isFence:
			inside = false
		case inside:
			last := &d.blocks[len(d.blocks)-1]
			last.lines = append(last.lines, line)
		default:
			d.prose += line + "\n"
		}
	}
	return d
}

// block returns the only block of that kind.
func (d document) block(t *testing.T, info string) block {
	t.Helper()
	found := slices.DeleteFunc(slices.Clone(d.blocks), func(b block) bool { return b.info != info })
	if len(found) != 1 {
		t.Fatalf("%s has %d blocks %q, want one", d.path, len(found), info)
	}
	return found[0]
}

// commands are the lines to type in blocks of that kind.
func (d document) commands(info, prompt string) []command {
	var commands []command
	for _, b := range d.blocks {
		if b.info != info {
			continue
		}
		for i, line := range b.lines {
			if text, ok := strings.CutPrefix(line, prompt); ok && text != "" {
				commands = append(commands, command{b.line + i, text})
			}
		}
	}
	return commands
}

var inlineCode = regexp.MustCompile("`([^`]+)`")

// inline is the code within the prose; a line's end in it is a blank.
func (d document) inline() []string {
	var code []string
	for _, found := range inlineCode.FindAllStringSubmatch(d.prose, -1) {
		if text := strings.Join(strings.Fields(found[1]), " "); text != "" {
			code = append(code, text)
		}
	}
	return code
}
