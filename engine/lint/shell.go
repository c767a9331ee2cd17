package lint

import (
	"path"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// function is a function of a shell script.
type function struct {
	source *source
	body   *syntax.Stmt
}

// indexFunctions notes the functions of all scripts: one sources another.
func (c *checker) indexFunctions() {
	c.funcs = map[string]*function{}
	c.eachNode(func(s *source, node syntax.Node) {
		if declared, ok := node.(*syntax.FuncDecl); ok && declared.Body != nil {
			c.funcs[declared.Name.Value] = &function{source: s, body: declared.Body}
		}
	})
}

// eachNode visits the nodes of all shell scripts.
func (c *checker) eachNode(visit func(s *source, node syntax.Node)) {
	for _, s := range c.sources {
		if s.shell != nil {
			s.eachNode(visit)
		}
	}
}

func (s *source) eachNode(visit func(s *source, node syntax.Node)) {
	syntax.Walk(s.shell, func(node syntax.Node) bool {
		if node != nil {
			visit(s, node)
		}
		return true
	})
}

// literal is the text of a word that nothing is expanded in.
func literal(word *syntax.Word) (string, bool) {
	if word == nil {
		return "", false
	}
	var text strings.Builder
	for _, part := range word.Parts {
		if !writeLiteral(&text, part) {
			return "", false
		}
	}
	return text.String(), true
}

func writeLiteral(text *strings.Builder, part syntax.WordPart) bool {
	switch part := part.(type) {
	case *syntax.Lit:
		text.WriteString(strings.ReplaceAll(part.Value, `\`, ""))
	case *syntax.SglQuoted:
		text.WriteString(part.Value)
	case *syntax.DblQuoted:
		for _, inner := range part.Parts {
			if !writeLiteral(text, inner) {
				return false
			}
		}
	default:
		return false
	}
	return true
}

// builtins are the commands of a shell that start no process. With exec and
// command one follows that may.
var builtins = []string{
	".", ":", "[", "alias", "bg", "break", "builtin", "cd", "continue", "declare", "echo", "eval", "exit", "export", "false", "fg",
	"getopts", "hash", "jobs", "kill", "let", "local", "mapfile", "popd", "printf", "pushd", "pwd", "read", "readarray", "readonly",
	"return", "set", "shift", "shopt", "source", "test", "times", "trap", "true", "type", "typeset", "ulimit", "umask", "unalias",
	"unset", "wait",
}

// isProgram tells whether the command starts a program: it is no builtin of the
// shell, and no function of the pack.
func (c *checker) isProgram(name string) bool {
	return !slices.Contains(builtins, name) && c.funcs[name] == nil
}

// prefixes are commands that run another one, and how many words of their own
// follow their options.
var prefixes = map[string]int{
	"exec": 0, "command": 0, "env": 0, "nice": 0, "nohup": 0, "setsid": 0, "setpriv": 0, "stdbuf": 0, "ionice": 0, "tini": 0,
	"dumb-init": 0, "catchsegv": 0, "chpst": 0, "gosu": 1, "su-exec": 1, "timeout": 1, "chroot": 1, "flock": 1,
}

// started is the program that a call starts in the end, without its folder. With
// exec setpriv … /usr/bin/redis-server it is redis-server.
func started(call *syntax.CallExpr) string {
	name := startedPath(call)
	if name == "" {
		return ""
	}
	return path.Base(name)
}

func startedPath(call *syntax.CallExpr) string {
	words := call.Args
	for len(words) > 0 {
		text, ok := literal(words[0])
		if !ok {
			return ""
		}
		own, isPrefix := prefixes[path.Base(text)]
		ofPack := strings.Contains(text, "/") && !path.IsAbs(text)
		if !isPrefix || ofPack || len(words) == 1 {
			return text
		}
		words = skipOptions(words[1:])
		words = words[min(own, len(words)):]
	}
	return ""
}

// skipOptions leaves out options and assignments.
func skipOptions(words []*syntax.Word) []*syntax.Word {
	for i, word := range words {
		text, ok := literal(word)
		if text == "--" {
			return words[i+1:]
		}
		if ok && !strings.HasPrefix(text, "-") && !strings.Contains(text, "=") {
			return words[i:]
		}
		if !ok && !beginsLikeOption(word) {
			return nil
		}
	}
	return nil
}

// beginsLikeOption tells whether a word with an expansion is an option or an
// assignment, as --groups="$1" or HOME="$home".
func beginsLikeOption(word *syntax.Word) bool {
	first, ok := word.Parts[0].(*syntax.Lit)
	return ok && (strings.HasPrefix(first.Value, "-") || strings.Contains(first.Value, "="))
}

// expansions calls visit for each variable that the words expand by themselves,
// and not in a command that is substituted.
func expansions(node syntax.Node, visit func(*syntax.ParamExp)) {
	syntax.Walk(node, func(node syntax.Node) bool {
		switch node := node.(type) {
		case *syntax.CmdSubst, *syntax.ProcSubst:
			return false
		case *syntax.ParamExp:
			visit(node)
		}
		return true
	})
}

// givesValue tells whether an expansion has the value of its variable, or a part
// of it: ${#name} and ${name:+word} have not.
func givesValue(expansion *syntax.ParamExp) bool {
	if expansion.Length || expansion.Param == nil {
		return false
	}
	if expansion.Exp == nil {
		return true
	}
	switch expansion.Exp.Op {
	case syntax.AlternateUnset, syntax.AlternateUnsetOrNull:
		return false
	}
	return true
}
