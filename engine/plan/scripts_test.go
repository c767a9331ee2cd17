package plan

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// container is a folder that stands for the root of a container: the scripts are
// run with their places moved into it.
type container struct{ root string }

func newContainer(t *testing.T, pack map[string]string) container {
	t.Helper()
	c := container{root: t.TempDir()}
	for name, content := range pack {
		c.write(t, ServiceDir+"/"+name, "#!/bin/sh\n"+content)
	}
	return c
}

func (c container) path(inside string) string { return filepath.Join(c.root, inside) }

// moved is a script, or a word of a command, with its places in this container.
func (c container) moved(text string) string {
	for _, place := range []string{configDir, CacheDir, "cd " + ServiceDir} {
		prefix, absolute, _ := strings.Cut(place, "/")
		text = strings.ReplaceAll(text, place, prefix+c.path("/"+absolute))
	}
	return text
}

// files are those of an instance, at their places in this container.
func (c container) files(environment string) []File {
	files := append(EntrypointFiles(), File{Path: EnvironmentFile, Mode: 0o600, Content: environment})
	for i, file := range files {
		files[i].Path, files[i].Content = c.path(file.Path), c.moved(file.Content)
	}
	return files
}

func (c container) write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(c.path(path)), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(c.path(path), []byte(content), 0o700); err != nil {
		t.Fatal(err)
	}
}

func (c container) has(path string) bool {
	_, err := os.Stat(c.path(path))
	return err == nil
}

// command is what svp runs in the container, with its own places moved too.
func (c container) command(t *testing.T, words []string) *exec.Cmd {
	t.Helper()
	moved := slices.Clone(words)
	for i, word := range moved {
		moved[i] = c.moved(word)
	}
	command := exec.CommandContext(t.Context(), moved[0], moved[1:]...)
	command.Env = []string{"PATH=" + os.Getenv("PATH")}
	return command
}

func status(t *testing.T, err error) int {
	t.Helper()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	if err != nil {
		t.Fatal(err)
	}
	return 0
}

var shop = map[string]string{
	"bin/build": `echo "to stdout"; cat; echo "$SVP_PHASE $SVP_INSTANCE $PLAN_SIZE $PASSWORD" >set-up; touch "$SVP_CACHE_DIR/kept" || exit; exit "${FAIL:-0}"`,
	"bin/run":   `echo "serving $* with $PASSWORD, phase ${SVP_PHASE:-none}"; cat`,
}

const shopEnvironment = "PASSWORD='a'\\''b $c'\n"

// shopCommand is the first start of the shop.
func shopCommand() []string {
	return firstStartCommand("TOKEN", []string{
		"SVP_PHASE=setup", "SVP_INSTANCE=shop", "SVP_CACHE_DIR=" + CacheDir, "PLAN_SIZE=2 GB",
	}, ScriptCommand("bin/run", "web"))
}

const serving = "serving web with a'b $c, phase none\n"

func TestScriptsSeeTheEnvironmentOfTheirInstance(t *testing.T) {
	c := newContainer(t, map[string]string{"bin/client": `pwd; printf '%s|' "$@" "$PASSWORD"; exit 7`})
	for _, file := range c.files(shopEnvironment) {
		if !file.Mode.IsDir() {
			c.write(t, strings.TrimPrefix(file.Path, c.root), file.Content)
		}
	}
	output, err := c.command(t, ScriptCommand("bin/client", "two words", "")).Output()
	if want := c.path(ServiceDir) + "\ntwo words||a'b $c|"; string(output) != want || status(t, err) != 7 {
		t.Errorf("%q, %v; want %q and status 7", output, err, want)
	}
}

func TestAFirstStartSetsUpWaitsAndServes(t *testing.T) {
	c := newContainer(t, shop)
	command := c.command(t, shopCommand())
	var messages bytes.Buffer
	command.Stderr = &messages
	input, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := input.Write(Delivery(c.files(shopEnvironment))); err != nil {
		t.Fatal(err)
	}
	output := bufio.NewReader(stdout)
	if line, err := output.ReadString('\n'); line != "TOKEN\n" {
		t.Fatalf("the first line on the standard output is %q, %v; %s", line, err, &messages)
	}
	// What is there now is what is committed.
	if content, err := os.ReadFile(c.path(ServiceDir + "/set-up")); string(content) != "setup shop 2 GB a'b $c\n" {
		t.Errorf("set up with %q, %v", content, err)
	}
	if c.has(CacheDir+"/kept") || !c.has(setUpMark) {
		t.Errorf("cache in the image: %v; marked as set up: %v", c.has(CacheDir+"/kept"), c.has(setUpMark))
	}
	if _, err := io.WriteString(input, "go\n"); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(output)
	if err != nil || string(rest) != serving {
		t.Errorf("then %q, %v; want %q", rest, err, serving)
	}
	if err := command.Wait(); err != nil {
		t.Error(err)
	}
	if messages.String() != "to stdout\n" {
		t.Errorf("the set-up said %q", &messages)
	}

	again, err := c.command(t, shopCommand()).Output()
	if err != nil || string(again) != serving {
		t.Errorf("a later start: %q, %v; want %q alone", again, err, serving)
	}
}

func TestAFirstStartWhoseCommandDiedServesNothing(t *testing.T) {
	delivery := Delivery(newContainer(t, nil).files(shopEnvironment))
	for sent, want := range map[int]string{0: "", 1: "", len(delivery) / 2: "", len(delivery) - 1: "", len(delivery): "TOKEN\n"} {
		c := newContainer(t, shop)
		command := c.command(t, shopCommand())
		command.Stdin = bytes.NewReader(Delivery(c.files(shopEnvironment))[:sent])
		if output, err := command.Output(); err != nil || string(output) != want {
			t.Errorf("%d bytes sent: %q, %v; want %q", sent, output, err, want)
		}
	}
}

func TestASetUpThatFailsEndsTheFirstStart(t *testing.T) {
	c := newContainer(t, shop)
	delivery := Delivery(c.files(shopEnvironment + "FAIL='3'\n"))
	command := c.command(t, shopCommand())
	command.Stdin = bytes.NewReader(append(delivery, "go\n"...))
	output, err := command.Output()
	if len(output) > 0 || status(t, err) != 3 || c.has(setUpMark) {
		t.Errorf("%q, %v, marked as set up: %v; want status 3 alone", output, err, c.has(setUpMark))
	}
	// A host that starts the container once more must not set it up a second time.
	again := c.command(t, shopCommand())
	again.Stdin = bytes.NewReader(append(delivery, "go\n"...))
	if output, err := again.Output(); err != nil || len(output) > 0 {
		t.Errorf("started again: %q, %v; want nothing", output, err)
	}
}

// everyByte is what a file can hold and a variable can carry, and how lines end.
func everyByte() string {
	content := make([]byte, 0, 255)
	for char := 1; char < 256; char++ {
		content = append(content, byte(char))
	}
	return " " + string(content) + "\\0101 \\c %s \n\n"
}

func TestADeliveryArrivesByteForByte(t *testing.T) {
	for _, shell := range [][]string{{"/bin/sh"}, {"/bin/bash", "--posix"}} {
		c := newContainer(t, nil)
		files := []File{
			{Path: c.path(configDir), Mode: fs.ModeDir | 0o755},
			{Path: c.path(configDir + "/all"), Mode: 0o600, Content: everyByte()},
			{Path: c.path(configDir + "/none"), Mode: 0o644},
		}
		words := receiving("sh", "-c", "umask; cat")
		command := c.command(t, append(shell, words[1:]...))
		command.Stdin = bytes.NewReader(append(Delivery(files), "more"...))
		if output, err := command.CombinedOutput(); err != nil || !strings.HasSuffix(string(output), "22\n") {
			t.Errorf("%s: %q, %v; want the umask from before and an empty input", shell, output, err)
		}
		for _, file := range files {
			info, err := os.Stat(file.Path)
			if err != nil || info.Mode() != file.Mode {
				t.Errorf("%s: %s has mode %v, %v; want %v", shell, file.Path, info.Mode(), err, file.Mode)
			}
			if content, err := os.ReadFile(file.Path); !file.Mode.IsDir() && string(content) != file.Content {
				t.Errorf("%s: %s arrived as %q, %v", shell, file.Path, content, err)
			}
		}
	}
}

// A pack's variable may be called as one of the scripts'.
func TestTheScriptsLeaveTheVariablesOfTheInstanceAlone(t *testing.T) {
	names := []string{"token", "line", "go", "cached", "mask", "path", "content", "unsent"}
	var environment, want strings.Builder
	for _, name := range names {
		fmt.Fprintf(&environment, "%s='its %s'\n", name, name)
		fmt.Fprintf(&want, "its %s\n", name)
	}
	show := "for name in " + strings.Join(names, " ") + `; do printenv "$name"; done`
	c := newContainer(t, map[string]string{"bin/build": show, "bin/run": show})
	command := c.command(t, shopCommand())
	command.Stdin = bytes.NewReader(append(Delivery(c.files(environment.String())), "go\n"...))
	var setUp bytes.Buffer
	command.Stderr = &setUp
	output, err := command.Output()
	if err != nil || string(output) != "TOKEN\n"+want.String() || setUp.String() != want.String() {
		t.Errorf("bin/build saw %q, then %q, %v; want %q for both", &setUp, output, err, &want)
	}
}

func TestASetUpWithoutItsFilesFails(t *testing.T) {
	c := newContainer(t, nil)
	delivery := Delivery(c.files(shopEnvironment))
	command := c.command(t, receiving("echo", "set up"))
	command.Stdin = bytes.NewReader(delivery[:len(delivery)/2])
	if output, err := command.Output(); len(output) > 0 || status(t, err) != 125 {
		t.Errorf("%q, %v; want status 125 alone", output, err)
	}
}
