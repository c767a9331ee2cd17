package cli

import (
	"fmt"
	"io"
	"strings"

	urfave "github.com/urfave/cli/v2"
)

// writeHelp shows the help of the command at the end of the path to stdout.
func (w *wiring) writeHelp(root *command, path []*command) error {
	var text strings.Builder
	if len(path) == 0 {
		rootHelp(&text, root)
	} else {
		commandHelp(&text, root, path)
	}
	_, err := io.WriteString(w.streams.Out, text.String())
	return err
}

func rootHelp(out io.Writer, root *command) {
	fmt.Fprintf(out, "%s builds, runs and looks after services that packs describe.\n\n", program)
	fmt.Fprintf(out, "Usage: %s\n", usageLine(nil))
	for _, topic := range topics {
		fmt.Fprintf(out, "\n%s:\n", topic)
		writeCommands(out, root, topic)
	}
	fmt.Fprintf(out, "\nFlags of every command:\n")
	writeFlags(out, root.flags)
	fmt.Fprintf(out, "\nExit status:\n")
	_ = writeExitStatus(out) // a strings.Builder does not fail
	fmt.Fprintf(out, "\n%s help COMMAND tells more about a command.\n", program)
}

func writeCommands(out io.Writer, parent *command, topic string) {
	table := newTable(out)
	for _, child := range parent.children {
		if child.topic != topic || child.hidden {
			continue
		}
		fmt.Fprintf(table, "  %s\t%s\n", strings.Join(append([]string{child.name}, child.aliases...), ", "), child.summary)
	}
	_ = table.Flush() // as in rootHelp
}

func commandHelp(out io.Writer, root *command, path []*command) {
	leaf := path[len(path)-1]
	fmt.Fprintf(out, "%s\n\nUsage: %s\n", leaf.summary, usageLine(path))
	if leaf.details != "" {
		fmt.Fprintf(out, "\n%s\n", leaf.details)
	}
	if len(leaf.children) > 0 {
		fmt.Fprintf(out, "\nCommands:\n")
		writeCommands(out, leaf, "")
	}
	if leaf.example != "" {
		fmt.Fprintf(out, "\nExamples:\n")
		for line := range strings.Lines(leaf.example) {
			fmt.Fprintf(out, "  %s\n", strings.TrimSuffix(line, "\n"))
		}
	}
	if len(leaf.flags) > 0 {
		fmt.Fprintf(out, "\nFlags:\n")
		writeFlags(out, leaf.flags)
	}
	fmt.Fprintf(out, "\nFlags of every command:\n")
	writeFlags(out, root.flags)
}

func writeFlags(out io.Writer, flags []urfave.Flag) {
	table := newTable(out)
	for _, flag := range flags {
		names, usage := flagHelp(flag)
		fmt.Fprintf(table, "  %s\t%s\n", names, usage)
	}
	_ = table.Flush() // as in rootHelp
}

// flagHelp shows a flag as "-o, --output FILE" and what it does. The name of
// the value stands between backquotes in the flag's usage.
func flagHelp(flag urfave.Flag) (names, usage string) {
	short, long := "    ", ""
	for _, name := range flag.Names() {
		if len(name) == 1 {
			short = "-" + name + ", "
		} else {
			long = "--" + name
		}
	}
	documented, ok := flag.(urfave.DocGenerationFlag)
	if !ok {
		return short + long, ""
	}
	before, quoted, found := strings.Cut(documented.GetUsage(), "`")
	value, after, closed := strings.Cut(quoted, "`")
	if !found || !closed {
		return short + long, documented.GetUsage()
	}
	usage = before + value + after
	if standard := documented.GetValue(); standard != "" && !strings.HasPrefix(standard, "[") {
		usage += " (default: " + standard + ")"
	}
	return short + long + " " + value, usage
}

func writeExitStatus(out io.Writer) error {
	table := newTable(out)
	for _, row := range statusMeanings {
		for i, line := range strings.Split(row.meaning, "\n") {
			status := ""
			if i == 0 {
				status = fmt.Sprint(row.status)
			}
			fmt.Fprintf(table, "  %s\t%s\n", status, line)
		}
	}
	return table.Flush()
}
