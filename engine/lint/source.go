package lint

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"mvdan.cc/sh/v3/syntax"
)

// maxSource is how long a file can be to be looked into. Scripts and configuration
// are shorter; what is longer is data.
const maxSource = 1 << 20

// What the parser is given: a hostile script must not exhaust its stack. No shell
// script that anybody can read comes near.
const (
	maxScript = 128 << 10
	maxDepth  = 500
)

// source is a text file of the pack.
type source struct {
	path       string
	executable bool
	content    string
	// interpreter is what the first line names, split as the kernel does it.
	interpreter, argument string
	shell                 *syntax.File // nil when it is no script of a shell
}

// load reads the text files of the pack, and parses those that are a shell's.
func (c *checker) load() error {
	for _, file := range c.dir.Files() {
		if !file.Mode.IsRegular() || file.Size > maxSource {
			continue
		}
		content, err := c.read(file.Path)
		if err != nil {
			return fmt.Errorf("read %s: %w", file.Path, err)
		}
		if bytes.IndexByte(content, 0) >= 0 || !utf8.Valid(content) {
			continue
		}
		s := &source{path: file.Path, executable: file.Mode&0o111 != 0, content: string(content)}
		s.interpreter, s.argument = shebang(s.content)
		c.parse(s)
		c.sources = append(c.sources, s)
	}
	c.indexFunctions()
	return nil
}

func (c *checker) read(name string) ([]byte, error) {
	file, err := c.dir.OpenFile(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, maxSource))
}

// shebang takes the first line apart: the kernel takes the first word as the
// program, and all the rest as one argument.
func shebang(content string) (interpreter, argument string) {
	first, _, _ := strings.Cut(content, "\n")
	text, ok := strings.CutPrefix(first, "#!")
	if !ok {
		return "", ""
	}
	interpreter, argument, _ = strings.Cut(strings.Trim(text, " \t\r"), " ")
	return interpreter, strings.Trim(argument, " \t")
}

// parse reads a script of a shell. What the shell's own grammar does not have is
// an error of the script.
func (c *checker) parse(s *source) {
	variant, ok := s.variant()
	if !ok {
		return
	}
	if len(s.content) > maxScript || depth(s.content) > maxDepth {
		c.find(codeUnread, place{file: s.path}, "the script is too long, or nested too deeply, to be looked into")
		return
	}
	// What stands behind a carriage return is told of elsewhere.
	text := strings.ReplaceAll(s.content, "\r\n", "\n")
	parsed, err := syntax.NewParser(syntax.KeepComments(true), syntax.Variant(variant)).Parse(strings.NewReader(text), "")
	if err == nil {
		s.shell = parsed
		return
	}
	at, reason := place{file: s.path}, err.Error()
	var invalid syntax.ParseError
	var foreign syntax.LangError
	switch {
	case errors.As(err, &invalid):
		at, reason = s.at(invalid.Pos), invalid.Text
	case errors.As(err, &foreign):
		at, reason = s.at(foreign.Pos), foreign.Feature+" is nothing that "+path.Base(s.interpreter)+" knows"
	}
	c.findMend(codeSyntax, at, reason, "check it with "+path.Base(s.shellName())+" -n "+s.path)
}

// depth is how many brackets are open at most, if all of them mean something.
func depth(text string) int {
	open, most := 0, 0
	for i := range len(text) {
		switch text[i] {
		case '(', '{':
			open++
			most = max(most, open)
		case ')', '}':
			open = max(0, open-1)
		}
	}
	return most
}

// directive is how shellcheck is told the shell of a file that is sourced.
const directive = "# shellcheck shell="

// shellName is the shell that reads the file; empty when none does.
func (s *source) shellName() string {
	name := path.Base(s.interpreter)
	if name == "env" {
		name, _, _ = strings.Cut(s.argument, " ")
	}
	if s.interpreter == "" {
		name = ""
		for line := range strings.Lines(head(s.content)) {
			if rest, ok := strings.CutPrefix(line, directive); ok {
				name, _, _ = strings.Cut(strings.TrimSpace(rest), " ")
			}
		}
		if name == "" && strings.HasSuffix(s.path, ".sh") {
			name = "bash"
		}
	}
	switch name {
	case "sh", "dash", "ash", "bash":
		return name
	}
	return ""
}

func (s *source) variant() (syntax.LangVariant, bool) {
	switch s.shellName() {
	case "bash":
		return syntax.LangBash, true
	case "":
		return 0, false
	}
	// Debian's sh has local, and little else beyond POSIX; the parser takes that
	// for a command like any other.
	return syntax.LangPOSIX, true
}

// head is the beginning of a text, where a directive stands.
func head(text string) string { return text[:min(len(text), 512)] }

func (s *source) lines() []string { return strings.Split(s.content, "\n") }

func (s *source) at(pos syntax.Pos) place {
	return place{s.path, int(pos.Line()), int(pos.Col())}
}

// source finds the text file of that path.
func (c *checker) source(path string) *source {
	for _, s := range c.sources {
		if s.path == path {
			return s
		}
	}
	return nil
}

// checkText looks at the ends of lines.
func (c *checker) checkText() {
	for _, s := range c.sources {
		if s.interpreter == "" && s.shell == nil || c.isFound(codeLineEnds, s.path) {
			continue
		}
		for i, line := range s.lines() {
			if strings.HasSuffix(line, "\r") {
				c.find(codeLineEnds, place{s.path, i + 1, len(line)}, "the line ends with a carriage return")
				break // the others do, too
			}
		}
	}
}

// checkModes looks for files of the pack that scripts run, and that are not
// executable.
func (c *checker) checkModes() {
	c.eachNode(func(s *source, node syntax.Node) {
		call, ok := node.(*syntax.CallExpr)
		if !ok {
			return
		}
		name := strings.TrimPrefix(startedPath(call), "./")
		file := c.source(name)
		if file != nil && strings.Contains(name, "/") && !file.executable && !strings.HasPrefix(name, "bin/") {
			c.findMend(codeMode, s.at(call.Pos()), name+" is run here, and not executable", "chmod +x "+name)
		}
	})
}

func (c *checker) isFound(code, file string) bool {
	return slices.ContainsFunc(c.findings, func(f Finding) bool { return f.Code == code && f.File == file })
}

func itoa(n int) string { return strconv.Itoa(n) }
