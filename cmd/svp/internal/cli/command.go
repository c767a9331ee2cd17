package cli

import (
	"context"
	"strings"

	urfave "github.com/urfave/cli/v2"
)

// command is a command of svp, or a group of them.
type command struct {
	name    string
	aliases []string
	// topic is the heading under which the root's help lists it.
	topic   string
	summary string
	details string
	example string
	hidden  bool
	flags   []urfave.Flag
	// args names the arguments for the usage line; one in brackets may be
	// left out.
	args []string
	// target says that -c CONTAINER may stand in place of the first argument.
	target bool
	// script says what follows the arguments for a script of the pack.
	script   scriptArguments
	children []*command
	run      func(ctx context.Context, inv *invocation) error
}

// scriptArguments says which words belong to a script and not to svp.
type scriptArguments int

const (
	noScript scriptArguments = iota
	// afterDashes: what follows "--".
	afterDashes
	// afterArguments: what follows the last named argument, flags included.
	afterArguments
)

// passesStatus tells that the exit status is the script's own.
func (c *command) passesStatus() bool { return c.target }

// child finds a command by its name or an alias of it.
func (c *command) child(name string) *command {
	for _, child := range c.children {
		if child.name == name {
			return child
		}
		for _, alias := range child.aliases {
			if alias == name {
				return child
			}
		}
	}
	return nil
}

// childNames lists the names of the commands that are shown.
func (c *command) childNames() []string {
	var names []string
	for _, child := range c.children {
		if !child.hidden {
			names = append(append(names, child.name), child.aliases...)
		}
	}
	return names
}

// flag finds a flag by one of its names.
func (c *command) flag(name string) urfave.Flag {
	for _, flag := range c.flags {
		for _, known := range flag.Names() {
			if known == name {
				return flag
			}
		}
	}
	return nil
}

// takesValue tells whether a value follows the flag.
func takesValue(flag urfave.Flag) bool {
	documented, ok := flag.(urfave.DocGenerationFlag)
	return ok && documented.TakesValue()
}

// arity is how many arguments the command wants.
func (c *command) arity() (least, most int) {
	for _, arg := range c.args {
		if !strings.HasPrefix(arg, "[") {
			least++
		}
	}
	return least, len(c.args)
}

// usageLine shows how the command at the end of the path is called.
func usageLine(path []*command) string {
	words := []string{program}
	for _, c := range path {
		words = append(words, c.name)
	}
	if len(path) == 0 {
		return strings.Join(append(words, "COMMAND", "[ARG...]"), " ")
	}
	leaf := path[len(path)-1]
	if len(leaf.children) > 0 && leaf.run == nil {
		return strings.Join(append(words, "COMMAND", "[ARG...]"), " ")
	}
	if len(leaf.flags) > 0 {
		words = append(words, "[FLAG...]")
	}
	for i, arg := range leaf.args {
		if i == 0 && leaf.target {
			arg += "|-c CONTAINER"
		}
		words = append(words, arg)
	}
	switch leaf.script {
	case noScript:
	case afterDashes:
		words = append(words, "[-- ARG...]")
	case afterArguments:
		words = append(words, "[ARG...]")
	}
	return strings.Join(words, " ")
}
