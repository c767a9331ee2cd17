package cli

import (
	"fmt"
	"strings"

	urfave "github.com/urfave/cli/v2"
)

// invocation is a command line that was taken apart. The library stops to look
// for flags at the first argument, so that svp sorts flags and arguments before
// the library sees them.
type invocation struct {
	root *command
	path []*command // from below the root to the command
	// flags holds each flag as --name=value, by its first name.
	flags []string
	args  []string
	// script holds the words that belong to a script of the pack.
	script []string
	help   bool
	// container tells that -c took the place of the first argument.
	container bool
}

func (inv *invocation) leaf() *command {
	if len(inv.path) == 0 {
		return inv.root
	}
	return inv.path[len(inv.path)-1]
}

// name is the command as the user knows it: "pack inspect".
func (inv *invocation) name() string {
	var words []string
	for _, c := range inv.path {
		words = append(words, c.name)
	}
	return strings.Join(words, " ")
}

// argv is what the library parses.
func (inv *invocation) argv() []string {
	return append([]string{program, inv.leaf().name}, inv.flags...)
}

// arg returns the argument at the index, or nothing where it was left out.
func (inv *invocation) arg(i int) string {
	if i < len(inv.args) {
		return inv.args[i]
	}
	return ""
}

// parse sorts the words of a command line. The invocation that comes with an
// error says how far it got.
func parse(root *command, words []string) (*invocation, error) {
	inv, err := sortWords(root, words)
	if err == nil {
		err = inv.settle()
	}
	return inv, err
}

func sortWords(root *command, words []string) (*invocation, error) {
	inv := &invocation{root: root}
	for len(words) > 0 {
		word := words[0]
		words = words[1:]
		var err error
		switch {
		case word == "--":
			inv.afterDashes(words)
			words = nil
		case strings.HasPrefix(word, "--"):
			words, err = inv.longFlag(word[2:], words)
		case strings.HasPrefix(word, "-") && word != "-":
			words, err = inv.shortFlags(word[1:], words)
		default:
			words, err = inv.word(word, words)
		}
		if err != nil {
			return inv, err
		}
	}
	return inv, nil
}

// settle answers for a command line without a command.
func (inv *invocation) settle() error {
	leaf := inv.leaf()
	switch {
	case inv.help || len(leaf.children) == 0 || leaf.run != nil:
		return nil
	case leaf == inv.root && len(inv.args) == 0:
		inv.help = true
		return nil
	}
	return inv.usageError("a command is missing: "+strings.Join(leaf.childNames(), ", "), "")
}

func (inv *invocation) afterDashes(words []string) {
	if inv.leaf().script == afterDashes {
		inv.script = words
		return
	}
	inv.args = append(inv.args, words...)
	inv.giveRestToScript()
}

// word is the name of a command or an argument.
func (inv *invocation) word(word string, rest []string) ([]string, error) {
	leaf := inv.leaf()
	if len(leaf.children) > 0 {
		child := leaf.child(word)
		if child == nil {
			return nil, inv.unknownCommand(word)
		}
		inv.path = append(inv.path, child)
		if child.script == afterArguments && len(child.args) == 0 {
			inv.script = rest
			return nil, nil
		}
		return rest, nil
	}
	inv.args = append(inv.args, word)
	if leaf.script == afterArguments && len(inv.args) == len(inv.wanted()) {
		inv.script = rest
		return nil, nil
	}
	return rest, nil
}

// giveRestToScript moves what is too much for the named arguments.
func (inv *invocation) giveRestToScript() {
	wanted := len(inv.wanted())
	if inv.leaf().script == afterArguments && len(inv.args) > wanted {
		inv.args, inv.script = inv.args[:wanted], inv.args[wanted:]
	}
}

// wanted names the arguments that are expected, given the flags so far.
func (inv *invocation) wanted() []string {
	args := inv.leaf().args
	if inv.container {
		return args[1:]
	}
	return args
}

func (inv *invocation) lookup(name string) urfave.Flag {
	if flag := inv.leaf().flag(name); flag != nil {
		return flag
	}
	return inv.root.flag(name)
}

func (inv *invocation) longFlag(text string, rest []string) ([]string, error) {
	name, value, given := strings.Cut(text, "=")
	if name == "help" {
		inv.help = true
		return rest, nil
	}
	flag := inv.lookup(name)
	if len(name) < 2 || flag == nil {
		return nil, inv.unknownFlag("--" + name)
	}
	if !given {
		return inv.flagWithoutValue(flag, "--"+name, rest)
	}
	inv.add(flag, value)
	return rest, nil
}

// shortFlags takes -f, -n10, -n=10, -ft and -ftn 10 apart.
func (inv *invocation) shortFlags(text string, rest []string) ([]string, error) {
	for i, letter := range text {
		name := string(letter)
		if name == "h" {
			inv.help = true
			continue
		}
		flag := inv.lookup(name)
		if flag == nil {
			return nil, inv.unknownFlag("-" + text)
		}
		remainder := text[i+len(name):]
		value, assigned := strings.CutPrefix(remainder, "=")
		switch {
		case assigned, remainder != "" && takesValue(flag):
			inv.add(flag, value)
			return rest, nil
		case remainder == "":
			return inv.flagWithoutValue(flag, "-"+name, rest)
		}
		inv.add(flag, "true")
	}
	return rest, nil
}

// flagWithoutValue takes the value from the next word where the flag has one.
func (inv *invocation) flagWithoutValue(flag urfave.Flag, shown string, rest []string) ([]string, error) {
	if !takesValue(flag) {
		inv.add(flag, "true")
		return rest, nil
	}
	if len(rest) == 0 {
		return nil, inv.usageError(fmt.Sprintf("the flag %s needs a value", shown), "")
	}
	inv.add(flag, rest[0])
	return rest[1:], nil
}

func (inv *invocation) add(flag urfave.Flag, value string) {
	name := flag.Names()[0]
	inv.flags = append(inv.flags, "--"+name+"="+value)
	if inv.leaf().target && name == containerFlagName {
		inv.container = value != ""
	}
}

// checkArguments finds too few and too many arguments, and empty ones, which
// a script makes of a variable that is not set.
func (inv *invocation) checkArguments() error {
	if err := inv.checkFlagsNotEmpty(); err != nil {
		return err
	}
	leaf := inv.leaf()
	least, most := leaf.arity()
	if inv.container {
		least, most = least-1, most-1
	}
	switch {
	case len(inv.args) < least:
		return inv.usageError(inv.wanted()[len(inv.args)]+" is missing", "")
	case len(inv.args) > most:
		return inv.tooMany(most)
	}
	for i, arg := range inv.args {
		if arg == "" {
			return inv.usageError(strings.Trim(inv.wanted()[i], "[]")+" is empty", "")
		}
	}
	return nil
}

// checkFlagsNotEmpty is about the flags without which a command does something
// else; the settings take an empty value for none, as they do in a variable.
func (inv *invocation) checkFlagsNotEmpty() error {
	for _, flag := range inv.flags {
		name, value, _ := strings.Cut(flag, "=")
		switch name {
		case "--" + containerFlagName, "--output", "--input", "--name":
			if value == "" {
				return inv.usageError("the flag "+name+" is empty", "")
			}
		}
	}
	return nil
}

func (inv *invocation) tooMany(most int) error {
	hint := ""
	if inv.leaf().script == afterDashes {
		hint = "what belongs to the script follows two dashes: -- " + strings.Join(inv.args[most:], " ")
	}
	return inv.usageError(fmt.Sprintf("too many arguments: %q", inv.args[most]), hint)
}

func (inv *invocation) unknownCommand(word string) error {
	hint := program + " help lists the commands"
	if near := nearest(word, inv.leaf().childNames()); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	return inv.usageError(fmt.Sprintf("unknown command %q", word), hint)
}

func (inv *invocation) unknownFlag(shown string) error {
	var names []string
	for _, flag := range append(inv.leaf().flags, inv.root.flags...) {
		for _, name := range flag.Names() {
			if len(name) > 1 {
				names = append(names, name)
			}
		}
	}
	hint := ""
	if near := nearest(strings.TrimLeft(shown, "-"), append(names, "help")); near != "" {
		hint = fmt.Sprintf("did you mean --%s?", near)
	} else if inv.leaf().script == afterDashes {
		hint = "what belongs to the script follows two dashes: -- " + shown
	}
	return inv.usageError("unknown flag "+shown, hint)
}
