package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/servicepack/svp/engine/signature"
)

// passwordTerminal types these passwords, and then waits.
type passwordTerminal struct {
	*fakeTerminal
	answers         []string
	saved, restored int
}

func (p *passwordTerminal) ReadPassword() ([]byte, error) {
	if len(p.answers) == 0 {
		select {}
	}
	answer := p.answers[0]
	p.answers = p.answers[1:]
	if answer == "EOF" {
		return nil, io.EOF
	}
	return []byte(answer), nil
}

func (p *passwordTerminal) Save() (restore func()) {
	p.saved++
	return func() { p.restored++ }
}

func typing(w *world, answers ...string) *passwordTerminal {
	terminal := &passwordTerminal{fakeTerminal: withTerminal(w), answers: answers}
	w.streams.terminal = terminal
	return terminal
}

func TestAPasswordIsTypedAndNotShown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "")
	terminal := typing(w, "s3cret words")
	w.require(t, 0, "repo", "add", "main", "https://packages.example.org", "--username", "me")
	password, err := os.ReadFile(filepath.Join(w.variables["HOME"], ".config/svp/passwords/main"))
	if err != nil || string(password) != "s3cret words\n" {
		t.Errorf("the password: %q, %v", password, err)
	}
	if !strings.Contains(w.errOut.String(), "Password of me: \n") || strings.Contains(w.errOut.String()+w.out.String(), "s3cret") {
		t.Errorf("shown: %q, %q", w.errOut, w.out)
	}
	if terminal.saved != 1 || terminal.restored != 1 {
		t.Errorf("the terminal was saved %d and restored %d times", terminal.saved, terminal.restored)
	}
}

func TestThePasswordOfANewKeyIsTypedTwice(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answers []string
		status  int
		says    string
	}{
		"different": {[]string{"one", "another"}, 5, "the passwords differ"},
		"empty":     {[]string{"", ""}, 5, "--no-password"},
		"no answer": {[]string{"EOF"}, 1, "EOF"},
	} {
		w := newWorld(t, "")
		typing(w, test.answers...)
		key := filepath.Join(t.TempDir(), "team.key")
		w.require(t, test.status, "pack", "keygen", "-o", key)
		if !strings.Contains(w.errOut.String(), test.says) || w.out.Len() > 0 {
			t.Errorf("%s: %q, %q", name, w.out, w.errOut)
		}
		if left, err := os.ReadDir(filepath.Dir(key)); err != nil || len(left) > 0 {
			t.Errorf("%s: left: %v, %v", name, left, err)
		}
	}
	// What comes of it takes a gigabyte of memory: the tests of the built binary make
	// such a key.
	w := newWorld(t, "")
	typing(w, "the same", "the same")
	if password, err := w.newKeyPassword(t.Context(), false); err != nil || password != "the same" {
		t.Errorf("password %q, %v", password, err)
	}
}

func TestCtrlCEndsTheQuestionForAPassword(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "")
	terminal := typing(w)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.askPassword(ctx, "Password: "); !errors.Is(err, context.Canceled) || terminal.restored != 1 {
		t.Errorf("%v, restored %d times", err, terminal.restored)
	}
}

// TestManyAddAtOnce lets commands change the configuration at the same time.
func TestManyAddAtOnce(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	config := filepath.Join(home, ".config/svp/config.yaml")
	target := filepath.Join(home, "dotfiles.yaml")
	if err := errors.Join(os.MkdirAll(filepath.Dir(config), 0o700), os.WriteFile(target, []byte("# mine\nnetwork: ours\n"), 0o640), os.Symlink(target, config)); err != nil {
		t.Fatal(err)
	}
	const commands = 8
	statuses := make([]int, commands)
	var group sync.WaitGroup
	for i := range commands {
		w := newWorld(t, "")
		w.variables["HOME"] = home
		group.Go(func() {
			statuses[i] = w.svp(t, "repo", "add", fmt.Sprintf("r%d", i), fmt.Sprintf("https://example.org/%d", i))
		})
	}
	group.Wait()
	w := newWorld(t, "")
	w.variables["HOME"] = home
	file, err := w.readConfig()
	if err != nil || len(file.Repositories) != commands || file.Network != "ours" {
		t.Errorf("%d repositories, network %q, %v, statuses %v", len(file.Repositories), file.Network, err, statuses)
	}
	info, err := os.Lstat(target)
	if err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the file that the configuration links to: %v, %v", info, err)
	}
	if link, err := os.Readlink(config); err != nil || link != target {
		t.Errorf("the link: %q, %v", link, err)
	}
}

func TestAValueIsNotTakenForTheListOfRepositories(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "")
	config := filepath.Join(w.variables["HOME"], ".config/svp/config.yaml")
	if err := errors.Join(os.MkdirAll(filepath.Dir(config), 0o700), os.WriteFile(config, []byte("network: repositories\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	w.require(t, 0, "repo", "add", "main", "https://packages.example.org")
	text, err := os.ReadFile(config)
	if want := "network: repositories\nrepositories:\n  - name: main\n    url: https://packages.example.org\n"; err != nil || string(text) != want {
		t.Errorf("the configuration is %q, %v", text, err)
	}
}

func TestWhereRepositoriesAreAndWhoAsks(t *testing.T) {
	t.Parallel()
	key, err := signature.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, "")
	w.set(map[string]string{"SVP_REPO_USERNAME": "somebody", "SVP_REPO_PASSWORD": "s3cret"})
	folder := filepath.Join(w.variables["HOME"], ".config/svp")
	text := "repositories:\n- {name: main, url: https://example.org/main, username: me, password_file: secret}\n" +
		"- {name: far, url: https://example.org/far, username: you, key: " + key.Public().String() + "}\n" +
		"- {name: near, url: /srv/packages}\ntrusted_keys: [" + key.Public().String() + "]\n"
	if err := errors.Join(os.MkdirAll(folder, 0o700), os.WriteFile(filepath.Join(folder, "config.yaml"), []byte(text), 0o600),
		os.WriteFile(filepath.Join(folder, "secret"), []byte("from-file\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	for named, want := range map[string][]string{
		"":                    {"https://example.org/main me from-file", "https://example.org/far you s3cret", "/srv/packages  "},
		"far":                 {"https://example.org/far you s3cret"},
		"https://example.com": {"https://example.com somebody s3cret"},
		"/elsewhere":          {"/elsewhere  "},
	} {
		clients, err := w.repositories(named, nil)
		if err != nil {
			t.Errorf("%s: %v", named, err)
		}
		var got []string
		for _, client := range clients {
			l := client.Location()
			got = append(got, l.URL+" "+l.Username+" "+l.Password.Reveal())
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%q: %q, want %q", named, got, want)
		}
	}
	if keys, err := w.trustedKeys(); err != nil || len(keys) != 2 || keys[0].String() != keys[1].String() {
		t.Errorf("trusted keys: %v, %v", keys, err)
	}
	w.set(map[string]string{"SVP_REPO_PASSWORD": ""})
	if _, err := w.repositories("far", nil); err == nil || !strings.Contains(err.Error(), "a user name and no password") {
		t.Errorf("without a password: %v", err)
	}
	if err := os.Chmod(filepath.Join(folder, "secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := w.repositories("main", nil); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("with a password that others can read: %v", err)
	}
}
