package plan

import (
	"bufio"
	"bytes"
	"errors"
	"io"
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

func newContainer(t *testing.T, environment string, pack map[string]string) container {
	t.Helper()
	c := container{root: t.TempDir()}
	c.write(t, EnvironmentFile, environment)
	c.write(t, entrypointFile, entrypointScript)
	c.write(t, firstStartFile, firstStartScript)
	for name, content := range pack {
		c.write(t, ServiceDir+"/"+name, "#!/bin/sh\n"+content)
	}
	return c
}

func (c container) path(inside string) string { return filepath.Join(c.root, inside) }

func (c container) write(t *testing.T, path, content string) {
	t.Helper()
	for _, place := range []string{configDir, CacheDir, "cd " + ServiceDir} {
		prefix, absolute, _ := strings.Cut(place, "/")
		content = strings.ReplaceAll(content, place, prefix+c.path("/"+absolute))
	}
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
		if strings.HasPrefix(word, configDir) {
			moved[i] = c.path(word)
		}
		moved[i] = strings.Replace(moved[i], "SVP_CACHE_DIR="+CacheDir, "SVP_CACHE_DIR="+c.path(CacheDir), 1)
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
	c := newContainer(t, shopEnvironment, map[string]string{"bin/client": `pwd; printf '%s|' "$@" "$PASSWORD"; exit 7`})
	output, err := c.command(t, ScriptCommand("bin/client", "two words", "")).Output()
	if want := c.path(ServiceDir) + "\ntwo words||a'b $c|"; string(output) != want || status(t, err) != 7 {
		t.Errorf("%q, %v; want %q and status 7", output, err, want)
	}
}

func TestAFirstStartSetsUpWaitsAndServes(t *testing.T) {
	c := newContainer(t, shopEnvironment, shop)
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
	output := bufio.NewReader(stdout)
	if line, err := output.ReadString('\n'); line != "TOKEN\n" {
		t.Fatalf("the first line on the standard output is %q, %v; %s", line, err, &messages)
	}
	// What is there now is what is committed.
	if content, err := os.ReadFile(c.path(ServiceDir + "/set-up")); string(content) != "setup shop 2 GB a'b $c\n" {
		t.Errorf("set up with %q, %v", content, err)
	}
	if c.has(CacheDir) || !c.has(setUpMark) {
		t.Errorf("cache in the image: %v; marked as set up: %v", c.has(CacheDir), c.has(setUpMark))
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
	c := newContainer(t, shopEnvironment, shop)
	command := c.command(t, shopCommand()) // its input is at its end
	if output, err := command.Output(); err != nil || string(output) != "TOKEN\n" {
		t.Errorf("%q, %v; want the token and nothing else", output, err)
	}
}

func TestASetUpThatFailsEndsTheFirstStart(t *testing.T) {
	c := newContainer(t, shopEnvironment+"FAIL='3'\n", shop)
	command := c.command(t, shopCommand())
	command.Stdin = strings.NewReader("go\n")
	output, err := command.Output()
	if len(output) > 0 || status(t, err) != 3 || c.has(setUpMark) {
		t.Errorf("%q, %v, marked as set up: %v; want status 3 alone", output, err, c.has(setUpMark))
	}
	// A host that starts the container once more must not set it up a second time.
	again := c.command(t, shopCommand())
	again.Stdin = strings.NewReader("go\n")
	if output, err := again.Output(); err != nil || len(output) > 0 {
		t.Errorf("started again: %q, %v; want nothing", output, err)
	}
}
