package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	urfave "github.com/urfave/cli/v2"
	"go.yaml.in/yaml/v3"

	"github.com/servicepack/svp/engine"
	"github.com/servicepack/svp/engine/repository"
	"github.com/servicepack/svp/engine/secrets"
)

func newRepoCommand(w *wiring) *command {
	return &command{
		name: "repo", topic: topicHost, summary: "Look after repositories of packages",
		children: []*command{
			newRepoAddCommand(w), newRepoListCommand(w), newRepoRemoveCommand(w), newRepoServeCommand(w), newRepoIndexCommand(w),
		},
	}
}

// repoAddOptions are the flags of svp repo add.
type repoAddOptions struct{ username, passwordFile, key string }

func newRepoAddCommand(w *wiring) *command {
	o := &repoAddOptions{}
	return &command{
		name: "add", summary: "Remember a repository that packages are installed from",
		details: "URL is http, https or file, or the name of a folder. Repositories are looked into in\n" +
			"the order in which they were added. Passwords never stand in a command line: the one in\n" +
			"the password file, - is stdin, is copied into a file beside the configuration that only\n" +
			"you can read. Without one, svp takes the password from $" + repositoryPassword + ".\n" +
			"Signatures of the key are trusted. Added again as it was, with a password file, it gets\n" +
			"that password; whatever else is to change, remove it first.",
		example: "svp repo add main https://packages.example.org/\n" +
			"svp repo add main https://packages.example.org/ --username ci --password-file password.txt --key team.pub",
		args: []string{"REPOSITORY", "URL"},
		flags: []urfave.Flag{
			&urfave.StringFlag{Name: "username", Destination: &o.username, Usage: "the repository knows you as `USER`"},
			&urfave.StringFlag{Name: "password-file", Destination: &o.passwordFile, Usage: "the password is in `FILE`; - is stdin"},
			&urfave.StringFlag{Name: "key", Destination: &o.key, Usage: "trust the public key `KEY`, or the one in the file of that name"},
		},
		run: func(ctx context.Context, inv *invocation) error {
			entry, password, err := o.entry(ctx, w, inv)
			if err != nil {
				return err
			}
			return w.editConfig(func(file configFile, list *yaml.Node) error { return addRepository(file, list, entry, password) })
		},
	}
}

// entry is what the arguments say.
func (o *repoAddOptions) entry(ctx context.Context, w *wiring, inv *invocation) (repositoryEntry, secrets.Value, error) {
	entry := repositoryEntry{Name: inv.arg(0), URL: inv.arg(1), Username: o.username}
	location, err := repository.ParseLocation(entry.URL)
	switch {
	case !repositoryName().MatchString(entry.Name):
		return entry, secrets.Value{}, inv.usageError(fmt.Sprintf("%q is no name for a repository", entry.Name),
			"a name is lower-case letters, digits, \"_\", \".\" and \"-\"")
	case err != nil:
		return entry, secrets.Value{}, inv.usageError(err.Error(), "")
	case location.Username != "":
		return entry, secrets.Value{}, inv.usageError("the URL holds a user name", "everybody can read an argument: write --username USER --password-file FILE")
	case o.username == "" && o.passwordFile != "":
		return entry, secrets.Value{}, inv.usageError("--password-file needs --username", "")
	}
	if entry.URL = location.URL; !strings.Contains(entry.URL, "://") {
		if entry.URL, err = filepath.Abs(entry.URL); err != nil {
			return entry, secrets.Value{}, err
		}
	}
	if o.key != "" {
		key, err := readKey(o.key)
		if err != nil {
			return entry, secrets.Value{}, inv.usageError("--key: "+err.Error(), "svp pack keygen -o FILE makes a key; its public part is in FILE.pub")
		}
		entry.Key = key.String()
	}
	password, err := o.password(ctx, w, inv)
	return entry, password, err
}

// password is the one in the file, or what somebody at a terminal types.
func (o *repoAddOptions) password(ctx context.Context, w *wiring, inv *invocation) (secrets.Value, error) {
	switch {
	case o.passwordFile != "":
		text, err := w.streams.readSecretFile(o.passwordFile)
		if err != nil {
			return secrets.Value{}, inv.usageError("--password-file: "+err.Error(), "")
		}
		password, err := parsePassword(text)
		if err != nil {
			return secrets.Value{}, inv.usageError("--password-file: "+err.Error(), "")
		}
		return password, nil
	case o.username != "" && w.getenv(repositoryPassword) == "" && w.streams.InTerminal:
		text, err := w.askPassword(ctx, "Password of "+o.username+": ")
		if err != nil {
			return secrets.Value{}, err
		}
		return parsePassword([]byte(text))
	}
	return secrets.Value{}, nil
}

// addRepository adds the entry, and keeps the password in a file of its own.
func addRepository(file configFile, list *yaml.Node, entry repositoryEntry, password secrets.Value) error {
	if !password.IsZero() {
		entry.PasswordFile = passwordPlace(entry.Name)
	}
	at := slices.IndexFunc(file.Repositories, func(e repositoryEntry) bool { return e.Name == entry.Name })
	if at >= 0 && file.Repositories[at] != entry {
		return refusal("repo add", entry.Name, "there is a repository of that name", "remove it first: svp repo remove "+entry.Name)
	}
	if !password.IsZero() {
		if err := writePassword(file.relative(entry.PasswordFile), password); err != nil {
			return err
		}
	}
	if at >= 0 {
		return nil
	}
	var node yaml.Node
	if err := node.Encode(entry); err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	list.Content = append(list.Content, &node)
	return nil
}

// passwordPlace is where the password of a repository is, beside the configuration.
func passwordPlace(name string) string { return filepath.Join("passwords", name) }

func writePassword(name string, password secrets.Value) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return newWriteError(name, err)
	}
	return writeFile(name, func(to *os.File) error {
		if _, err := to.WriteString(password.Reveal() + "\n"); err != nil {
			return newWriteError(name, err)
		}
		return nil
	})
}

func newRepoListCommand(w *wiring) *command {
	var asJSON bool
	return &command{
		name: "list", aliases: []string{"ls"}, summary: "List the repositories that svp looks into",
		example: "svp repo list\nsvp repo list --json",
		flags:   []urfave.Flag{jsonFlag(&asJSON)},
		run: func(context.Context, *invocation) error {
			file, err := w.readConfig()
			if err != nil {
				return err
			}
			return writeRepositories(w, file.Repositories, asJSON)
		},
	}
}

func writeRepositories(w *wiring, entries []repositoryEntry, asJSON bool) error {
	if asJSON {
		if entries == nil {
			entries = []repositoryEntry{}
		}
		return writeJSON(w.streams.Out, map[string]any{"repositories": entries})
	}
	table := newTable(w.streams.Out)
	fmt.Fprintln(table, "NAME\tURL\tUSER\tKEY")
	for _, entry := range entries {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", entry.Name, printable(entry.URL), printable(orDash(entry.Username)), orDash(entry.Key))
	}
	return table.Flush()
}

func newRepoRemoveCommand(w *wiring) *command {
	return &command{
		name: "remove", aliases: []string{"rm"}, summary: "Forget a repository, and its password",
		details: "What was installed from it stays.",
		example: "svp repo remove main",
		args:    []string{"REPOSITORY"},
		run: func(_ context.Context, inv *invocation) error {
			return w.editConfig(func(file configFile, list *yaml.Node) error { return removeRepository(file, list, inv.arg(0)) })
		},
	}
}

func removeRepository(file configFile, list *yaml.Node, name string) error {
	at := slices.IndexFunc(file.Repositories, func(e repositoryEntry) bool { return e.Name == name })
	if at < 0 {
		return &engine.Error{
			Op: "repo remove", Subject: name, Kind: engine.NotFound,
			Err: errors.New("there is no repository of that name"), Hint: "svp repo list shows the repositories",
		}
	}
	// A file that the user wrote stays.
	if file.Repositories[at].PasswordFile == passwordPlace(name) {
		if err := os.Remove(file.relative(passwordPlace(name))); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return newWriteError(passwordPlace(name), err)
		}
	}
	list.Content = slices.Delete(list.Content, at, at+1)
	return nil
}

func newRepoIndexCommand(w *wiring) *command {
	return &command{
		name: "index", summary: "Make the index of a repository anew",
		details: "Reads all packages in the folder DIR, and compares them with their checksums; one that\n" +
			"has none gets it. svp pack publish keeps the index by itself: this is for packages that\n" +
			"were copied there, or removed. Prints the name of the index.",
		example: "svp repo index /srv/packages",
		args:    []string{"DIR"},
		run: func(ctx context.Context, inv *invocation) error {
			found, err := repository.Reindex(ctx, inv.arg(0))
			if err != nil {
				return packageProblem("repo index", inv.arg(0), err)
			}
			for _, name := range found.Ignored {
				w.note("left out, since no coordinate has its place here: %s", name)
			}
			w.note("packages: %d", len(found.Index.Entries()))
			_, err = fmt.Fprintln(w.streams.Out, filepath.Join(inv.arg(0), repository.IndexFile))
			return err
		},
	}
}

// note tells the user on stderr what is worth knowing.
func (w *wiring) note(format string, args ...any) {
	shown := w.newRenderer(w.progressMode())
	defer shown.Close()
	w.noteTo(shown.Event)(fmt.Sprintf(format, args...))
}
