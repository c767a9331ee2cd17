package lint

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/servicepack/svp/engine/lazyregexp"
)

// checkUseOfSecrets follows the secrets through the scripts.
func (c *checker) checkUseOfSecrets() {
	for _, s := range c.sources {
		if s.shell == nil {
			continue
		}
		secrets := c.copies(s)
		s.eachNode(func(s *source, node syntax.Node) {
			if call, ok := node.(*syntax.CallExpr); ok {
				c.checkCall(s, call, secrets)
			}
		})
		if strings.HasPrefix(s.argument, "-") && strings.Contains(s.argument, "x") {
			c.find(codeTrace, place{s.path, 1, 1}, "the first line has the option -x")
		}
	}
	c.checkUnused()
}

// maxCopies is how often a secret is followed from a variable to one that is
// assigned before it.
const maxCopies = 10

// secretName is a variable that holds a secret by what it is called, as those of
// consumers do.
var secretName = lazyregexp.New(`(?i)^([a-z0-9_]*_)?(password|passwd|passphrase|secret|token)$`)

// copies are the variables of a script that hold a secret: those of the pack, those
// that are called so, and what is assigned from them.
func (c *checker) copies(s *source) map[string]bool {
	secrets := maps.Clone(c.secrets)
	s.eachNode(func(_ *source, node syntax.Node) {
		expansion, ok := node.(*syntax.ParamExp)
		if ok && expansion.Param != nil && secretName().MatchString(expansion.Param.Value) {
			secrets[expansion.Param.Value] = true
		}
	})
	for range maxCopies {
		before := len(secrets)
		s.eachNode(func(_ *source, node syntax.Node) {
			if assign, ok := node.(*syntax.Assign); ok && assign.Value != nil && secretIn(assign.Value, secrets) != nil {
				secrets[assign.Name.Value] = true
			}
		})
		if len(secrets) == before {
			break
		}
	}
	return secrets
}

// secretIn finds a secret that the node expands.
func secretIn(node syntax.Node, secrets map[string]bool) (found *syntax.ParamExp) {
	expansions(node, func(expansion *syntax.ParamExp) {
		if found == nil && givesValue(expansion) && secrets[expansion.Param.Value] {
			found = expansion
		}
	})
	return found
}

func (c *checker) checkCall(s *source, call *syntax.CallExpr, secrets map[string]bool) {
	if len(call.Args) == 0 {
		return
	}
	name, _ := literal(call.Args[0])
	if name == "set" && slices.ContainsFunc(call.Args[1:], traces) {
		c.find(codeTrace, s.at(call.Pos()), "set -x shows the values of all variables")
	}
	for _, word := range call.Args[1:] {
		for _, part := range word.Parts {
			expansion, bare := part.(*syntax.ParamExp)
			if bare && givesValue(expansion) && secrets[expansion.Param.Value] {
				c.findMend(codeUnquoted, s.at(expansion.Pos()), expansion.Param.Value+" is a secret, and stands without quotes",
					`write "$`+expansion.Param.Value+`"`)
			}
		}
	}
	if !c.isProgram(name) {
		return
	}
	for _, word := range call.Args[1:] {
		if expansion := secretIn(word, secrets); expansion != nil {
			c.find(codeArgument, s.at(expansion.Pos()), expansion.Param.Value+" is an argument of "+shown(call))
		}
	}
}

var traceOption = lazyregexp.New(`^(-[a-zA-Z]*x[a-zA-Z]*|xtrace)$`)

// traces tells whether an argument of set turns tracing on.
func traces(word *syntax.Word) bool {
	text, _ := literal(word)
	return traceOption().MatchString(text)
}

// shown names the program of a call.
func shown(call *syntax.CallExpr) string {
	if name := started(call); name != "" {
		return name
	}
	return "a program"
}

// checkUnused looks for secrets that no script but those of the queries names. A
// program that is no text may use any.
func (c *checker) checkUnused() {
	if len(c.sources) == 0 || c.hasPrograms() {
		return
	}
	asked := c.queryFiles()
	for _, name := range c.desc.Secrets {
		word := regexp.MustCompile(`\b` + regexp.QuoteMeta(name) + `\b`)
		used := slices.ContainsFunc(c.sources, func(s *source) bool {
			return !slices.Contains(asked, s) && !isDocument(s.path) && word.MatchString(s.content)
		})
		if !used {
			c.find(codeUnused, c.lineWith(queryScript, name), "no script uses the secret "+name)
		}
	}
}

func isDocument(path string) bool { return strings.HasSuffix(strings.ToLower(path), ".md") }

// hasPrograms tells whether a script of the pack is a compiled program.
func (c *checker) hasPrograms() bool {
	for _, file := range c.dir.Files() {
		if strings.HasPrefix(file.Path, "bin/") && file.Mode.IsRegular() && c.source(file.Path) == nil {
			return true
		}
	}
	return false
}

// lineWith is the first line of a file that holds the text.
func (c *checker) lineWith(path, text string) place {
	if s := c.source(path); s != nil {
		for i, line := range s.lines() {
			if column := strings.Index(line, text); column >= 0 {
				return place{path, i + 1, column + 1}
			}
		}
	}
	return place{file: path}
}

// queryFiles are bin/query, and the scripts that it runs or sources.
func (c *checker) queryFiles() []*source {
	var files []*source
	var follow func(path string)
	follow = func(path string) {
		s := c.source(strings.TrimPrefix(path, "./"))
		if s == nil || slices.Contains(files, s) {
			return
		}
		files = append(files, s)
		if s.shell == nil {
			return
		}
		s.eachNode(func(_ *source, node syntax.Node) {
			if word, ok := node.(*syntax.Word); ok {
				if text, ok := literal(word); ok && strings.Contains(text, "/") {
					follow(text)
				}
			}
		})
	}
	follow(queryScript)
	return files
}

var (
	upperCase = lazyregexp.New(`^[A-Z][A-Z0-9_]*$`)
	// ofShell are variables that are there in a query, or that the shell makes.
	ofShell = lazyregexp.New(`^(PATH|HOME|LANG|LC_[A-Z]+|IFS|PWD|OLDPWD|PPID|UID|EUID|RANDOM|SECONDS|LINENO|REPLY|HOSTNAME|` +
		`HOSTTYPE|OSTYPE|MACHTYPE|OPTARG|OPTIND|OPTERR|PIPESTATUS|FUNCNAME|EPOCHSECONDS|EPOCHREALTIME|SHLVL|BASH[A-Z_]*|DIRSTACK|GROUPS)$`)
)

// checkQueryVariables looks for variables that no query has.
func (c *checker) checkQueryVariables() {
	files := c.queryFiles()
	assigned := map[string]bool{}
	for _, s := range files {
		if s.shell != nil {
			s.eachNode(func(_ *source, node syntax.Node) { noteAssigned(assigned, node) })
		}
	}
	for _, s := range files {
		if s.shell == nil {
			continue
		}
		s.eachNode(func(s *source, node syntax.Node) {
			expansion, ok := node.(*syntax.ParamExp)
			if !ok || expansion.Param == nil || !isNeeded(expansion) {
				return
			}
			name := expansion.Param.Value
			if !upperCase().MatchString(name) || assigned[name] || slices.Contains(c.desc.Secrets, name) || ofShell().MatchString(name) {
				return
			}
			c.find(codeNoSecret, s.at(expansion.Pos()), name+" is no secret of the pack, so it is empty in a query")
		})
	}
}

// isNeeded tells whether the script has nothing else in place of an empty
// variable.
func isNeeded(expansion *syntax.ParamExp) bool {
	if expansion.Exp == nil {
		return true
	}
	switch expansion.Exp.Op {
	case syntax.DefaultUnset, syntax.DefaultUnsetOrNull:
		return expansion.Exp.Word == nil || len(expansion.Exp.Word.Parts) == 0
	case syntax.AlternateUnset, syntax.AlternateUnsetOrNull, syntax.AssignUnset, syntax.AssignUnsetOrNull:
		return false
	}
	return true
}

// noteAssigned notes the variables that a node sets.
func noteAssigned(assigned map[string]bool, node syntax.Node) {
	switch node := node.(type) {
	case *syntax.Assign:
		if node.Name != nil {
			assigned[node.Name.Value] = true
		}
	case *syntax.WordIter:
		assigned[node.Name.Value] = true
	case *syntax.CallExpr:
		// read NAME, printf -v NAME, mapfile NAME, getopts … NAME
		for _, word := range node.Args {
			if text, ok := literal(word); ok && upperCase().MatchString(text) {
				if name, _ := literal(node.Args[0]); slices.Contains([]string{"read", "printf", "mapfile", "readarray", "getopts"}, name) {
					assigned[text] = true
				}
			}
		}
	}
}
