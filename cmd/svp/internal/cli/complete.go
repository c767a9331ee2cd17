package cli

import (
	"context"
	"strings"
	"time"

	urfave "github.com/urfave/cli/v2"

	"github.com/servicepack/svp/engine"
	"github.com/servicepack/svp/engine/envvar"
	"github.com/servicepack/svp/engine/packages"
	"github.com/servicepack/svp/engine/packtest"
)

// completionTime is how long a person waits for a completion.
const completionTime = 500 * time.Millisecond

// completer finds candidates for the word under the cursor.
type completer struct {
	*wiring
	root *command
}

func (c *completer) complete(ctx context.Context, words []string) []string {
	words = joinAssignments(words)
	if len(words) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, completionTime)
	defer cancel()
	last := len(words) - 1
	inv, open, err := c.parseOpen(words[:last])
	if err != nil {
		return nil // what is wrong does not get right by more words
	}
	var candidates []string
	for _, candidate := range c.candidates(ctx, inv, open, words[last]) {
		candidates = append(candidates, candidate+"\n")
	}
	return candidates
}

// parseOpen parses what stands before the cursor. A flag at its end that waits
// for its value is left open.
func (c *completer) parseOpen(words []string) (inv *invocation, open urfave.Flag, err error) {
	inv, err = sortWords(c.root, words)
	if err == nil {
		return inv, nil, nil
	}
	last := words[len(words)-1]
	open = inv.lookup(strings.TrimLeft(last, "-"))
	if strings.HasPrefix(last, "-") && open != nil && takesValue(open) {
		return inv, open, nil
	}
	return nil, nil, err
}

// joinAssignments undoes what bash does to --flag=value: it cuts at "=".
func joinAssignments(words []string) []string {
	var joined []string
	for i, word := range words {
		last := len(joined) - 1
		switch {
		case word == "=" && last >= 0 && strings.HasPrefix(joined[last], "--") && i < len(words)-1:
			continue // the value is the next word
		case word == "=" && last >= 0 && strings.HasPrefix(joined[last], "--"):
			joined = append(joined, "")
		default:
			joined = append(joined, word)
		}
	}
	return joined
}

func (c *completer) candidates(ctx context.Context, inv *invocation, open urfave.Flag, word string) []string {
	leaf := inv.leaf()
	switch {
	case open != nil:
		return matching(c.flagValues(ctx, inv, open.Names()[0]), word)
	case len(inv.script) > 0:
		return nil
	case strings.HasPrefix(word, "--") && strings.Contains(word, "="):
		name, value, _ := strings.Cut(word[2:], "=")
		var whole []string
		for _, candidate := range matching(c.flagValues(ctx, inv, name), value) {
			if !strings.HasPrefix(candidate, ":") {
				candidate = "--" + name + "=" + candidate
			}
			whole = append(whole, candidate)
		}
		return whole
	case strings.HasPrefix(word, "-"):
		return matching(flagWords(leaf, c.root), word)
	case len(leaf.children) > 0:
		return matching(leaf.childNames(), word)
	}
	return matching(c.arguments(ctx, inv), word)
}

// matching keeps the candidates that begin with the word, and what is meant for
// the shell.
func matching(candidates []string, word string) []string {
	var kept []string
	for _, candidate := range candidates {
		if strings.HasPrefix(candidate, word) || strings.HasPrefix(candidate, ":") {
			kept = append(kept, candidate)
		}
	}
	return kept
}

func flagWords(commands ...*command) []string {
	words := []string{"--help"}
	for _, c := range commands {
		for _, flag := range c.flags {
			for _, name := range flag.Names() {
				if len(name) > 1 {
					words = append(words, "--"+name)
				}
			}
		}
	}
	return words
}

// flagValues lists what may follow a flag.
func (c *completer) flagValues(ctx context.Context, inv *invocation, name string) []string {
	switch name {
	case "format":
		return envvar.Formats()
	case "progress":
		return progressModes
	case "view":
		return []string{string(engine.ViewHost), string(engine.ViewNetwork)}
	case "plan":
		return c.plans(ctx, inv)
	case "pack":
		return c.packs(ctx)
	case containerFlagName:
		return c.containers(ctx)
	case "log-format":
		return logFormats
	case "only":
		return packtest.Names()
	case "os":
		return c.systems(ctx)
	case "explain":
		return explainable()
	case "packs", "dir":
		return []string{":folders"}
	case "repo", "repository":
		return append(c.repositories(), ":folders")
	case "output", "junit", "input", "config", "ca-bundle", "store", "key-file", "credentials-file", "tls-cert", "tls-key",
		"key", "password-file", "lock":
		return []string{":files"}
	}
	return nil
}

// arguments lists what may stand in place of the next argument.
func (c *completer) arguments(ctx context.Context, inv *invocation) []string {
	wanted, given := inv.wanted(), len(inv.args)
	if given >= len(wanted) {
		return nil
	}
	switch strings.Trim(wanted[given], "[]") {
	case "NAME":
		return c.instances(ctx)
	case "CONSUMER":
		return c.consumers(ctx, inv.arg(0))
	case "COMPONENT":
		return c.components(ctx, inv.arg(0))
	case "PACK":
		return c.packs(ctx)
	case "COORDINATE":
		return c.coordinates(ctx)
	case "ARCHIVE", "ZIP":
		return []string{":files"}
	case "DIR":
		return []string{":folders"}
	case "REPOSITORY":
		return c.repositories()
	case "OS":
		return c.systems(ctx)
	case "SHELL":
		return completionShells
	case "COMMAND":
		return append(c.root.childNames(), "exit-status")
	}
	return nil
}

// repositories lists those of the configuration.
func (c *completer) repositories() (names []string) {
	file, _ := c.readConfig() // no answer, no candidates
	for _, entry := range file.Repositories {
		names = append(names, entry.Name)
	}
	return names
}

// ask lets find look something up; without an answer there are no candidates.
func (c *completer) ask(find func(backend) []string) (found []string) {
	c.chosen.quiet = true
	_ = c.engine(func(s session) error {
		found = find(s)
		return nil
	})
	return found
}

func (c *completer) instances(ctx context.Context) []string {
	return c.ask(func(b backend) (names []string) {
		instances, _ := b.List(ctx) // no answer, no candidates
		for _, instance := range instances {
			names = append(names, instance.Name)
		}
		return names
	})
}

func (c *completer) components(ctx context.Context, name string) []string {
	return c.ask(func(b backend) (names []string) {
		instance, _ := b.Info(ctx, name) // as in instances
		for _, component := range instance.Components {
			if component.Name != "" {
				names = append(names, component.Name)
			}
		}
		return names
	})
}

func (c *completer) consumers(ctx context.Context, name string) []string {
	return c.ask(func(b backend) (names []string) {
		bindings, _ := b.Bindings(ctx, name) // as in instances
		for _, binding := range bindings {
			names = append(names, binding.Consumer)
		}
		return names
	})
}

func (c *completer) containers(ctx context.Context) []string {
	return c.ask(func(b backend) (names []string) {
		instances, _ := b.List(ctx) // as in instances
		for _, instance := range instances {
			for _, component := range instance.Components {
				names = append(names, component.Container)
			}
		}
		return names
	})
}

func (c *completer) coordinates(ctx context.Context) []string {
	c.chosen.quiet = true
	var found []string
	_ = c.withStore(ctx, &storeFlags{}, func(_ context.Context, store *packages.Store) error { // as in instances
		list, err := store.List()
		for _, there := range list {
			found = append(found, there.Coordinate)
		}
		return err
	})
	return found
}

// packs lists what a PACK may be: a name, an installed package, a folder or a file.
func (c *completer) packs(ctx context.Context) []string {
	names := c.ask(func(b backend) []string {
		names, _ := b.Packs() // as in instances
		return names
	})
	return append(append(names, c.coordinates(ctx)...), ":files")
}

// plans lists those of the pack that the command is about.
func (c *completer) plans(ctx context.Context, inv *invocation) []string {
	return c.ask(func(b backend) []string {
		pack := inv.arg(0)
		if inv.name() == "update" {
			instance, _ := b.Info(ctx, pack) // as in instances
			pack = instance.Pack
		}
		for _, flag := range inv.flags {
			if given, ok := strings.CutPrefix(flag, "--pack="); ok {
				pack = given
			}
		}
		info, _ := b.InspectPack(ctx, pack) // as in instances
		return info.Plans
	})
}

func (c *completer) systems(ctx context.Context) []string {
	return c.ask(func(b backend) (names []string) {
		images, _ := b.OSList(ctx) // as in instances
		for _, image := range images {
			names = append(names, image.Name)
		}
		return names
	})
}
