package lint

import (
	"path"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// checkRun looks at how bin/run ends, and whether it knows the components.
func (c *checker) checkRun() {
	run := c.source(runScript)
	if run == nil || run.shell == nil {
		return
	}
	e := &ending{checker: c, seen: map[string]bool{}, traps: hasCall(run, "trap")}
	e.last(run, run.shell.Stmts)
	c.checkComponents(run)
}

// ending follows the ways on which a script ends.
type ending struct {
	*checker
	seen  map[string]bool // functions and files
	traps bool            // the script takes care of signals itself
}

// last looks at the last of the statements.
func (e *ending) last(s *source, stmts []*syntax.Stmt) {
	if len(stmts) > 0 {
		e.statement(s, stmts[len(stmts)-1])
	}
}

func (e *ending) statement(s *source, stmt *syntax.Stmt) {
	if stmt.Background {
		e.findMend(codeExec, s.at(stmt.Pos()), "the last command runs in the background, so that bin/run ends at once",
			"exec the service in the foreground")
		return
	}
	switch cmd := stmt.Cmd.(type) {
	case *syntax.CallExpr:
		e.call(s, cmd)
	case *syntax.Block:
		e.last(s, cmd.Stmts)
	case *syntax.IfClause:
		for branch := cmd; branch != nil; branch = branch.Else {
			e.last(s, branch.Then)
		}
	case *syntax.CaseClause:
		for _, item := range cmd.Items {
			e.last(s, item.Stmts)
		}
	case *syntax.BinaryCmd:
		e.binary(s, cmd)
	case *syntax.Subshell:
		e.child(s, cmd.Pos(), "ends with a shell of its own in parentheses")
	case *syntax.WhileClause, *syntax.ForClause:
		if !e.traps {
			e.child(s, cmd.Pos(), "ends with a loop of the shell")
		}
	}
}

func (e *ending) binary(s *source, cmd *syntax.BinaryCmd) {
	switch cmd.Op {
	case syntax.Pipe, syntax.PipeAll:
		e.child(s, cmd.Pos(), "ends with a pipeline, which is the shell's child")
	case syntax.OrStmt:
		e.statement(s, cmd.X)
		e.statement(s, cmd.Y)
	case syntax.AndStmt:
		e.statement(s, cmd.Y)
	}
}

func (e *ending) call(s *source, call *syntax.CallExpr) {
	if len(call.Args) == 0 {
		return
	}
	name, known := literal(call.Args[0])
	f := e.funcs[name]
	switch {
	case !known:
		e.child(s, call.Pos(), "starts what a variable names, and not by exec")
	case f != nil && !e.seen[name]:
		e.seen[name] = true
		e.statement(f.source, f.body)
	case f != nil, name == "exec":
	case name == "." || name == "source":
		e.sourced(call)
	case e.isProgram(name) && !e.traps:
		e.child(s, call.Pos(), "starts "+path.Base(name)+", and not by exec")
	}
}

// sourced goes on in the file that a script ends with.
func (e *ending) sourced(call *syntax.CallExpr) {
	if len(call.Args) < 2 {
		return
	}
	file, _ := literal(call.Args[1])
	s := e.source(strings.TrimPrefix(file, "./"))
	if s != nil && s.shell != nil && !e.seen[file] {
		e.seen[file] = true
		e.last(s, s.shell.Stmts)
	}
}

func (e *ending) child(s *source, pos syntax.Pos, reason string) {
	e.find(codeExec, s.at(pos), "bin/run "+reason)
}

func hasCall(s *source, name string) bool {
	found := false
	s.eachNode(func(_ *source, node syntax.Node) {
		if call, ok := node.(*syntax.CallExpr); ok && len(call.Args) > 0 {
			text, _ := literal(call.Args[0])
			found = found || text == name
		}
	})
	return found
}

// checkComponents looks for the name of each component in bin/run. A script that
// runs what its argument names, or has a branch for all others, knows them all.
func (c *checker) checkComponents(run *source) {
	if len(c.desc.Components) == 0 {
		return
	}
	named, anyName := c.namesIn(run)
	for _, component := range c.desc.Components {
		if !anyName && !slices.Contains(named, component) {
			c.find(codeComponent, place{file: runScript}, "the component "+component+" has no branch")
		}
	}
}

func (c *checker) namesIn(run *source) (named []string, anyName bool) {
	run.eachNode(func(_ *source, node syntax.Node) {
		switch node := node.(type) {
		case *syntax.Word:
			if text, ok := literal(node); ok {
				named = append(named, text)
			}
		case *syntax.CallExpr:
			anyName = anyName || runsArgument(node)
		case *syntax.CaseItem:
			pattern, _ := literal(node.Patterns[0])
			anyName = anyName || pattern == "*" && !endsWithFailure(node.Stmts)
		}
	})
	return named, anyName
}

// runsArgument tells whether a call is "$1", or has it in its name.
func runsArgument(call *syntax.CallExpr) bool {
	words := call.Args
	if len(words) > 0 {
		if text, _ := literal(words[0]); text == "exec" || text == "." || text == "source" {
			words = words[1:]
		}
	}
	found := false
	if len(words) > 0 {
		expansions(words[0], func(*syntax.ParamExp) { found = true })
	}
	return found
}

// endsWithFailure tells whether the statements end with exit or return, and a
// status other than 0.
func endsWithFailure(stmts []*syntax.Stmt) bool {
	if len(stmts) == 0 {
		return true // nothing is run
	}
	call, ok := stmts[len(stmts)-1].Cmd.(*syntax.CallExpr)
	if !ok || len(call.Args) == 0 {
		return false
	}
	name, _ := literal(call.Args[0])
	status := ""
	if len(call.Args) > 1 {
		status, _ = literal(call.Args[1])
	}
	return (name == "exit" || name == "return") && status != "0" || name == "usage" || name == "fail" || name == "die"
}
