package integration

import (
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/servicepack/svp/integration/svptest"
)

const platformExample = "../examples/platform"

// brokerFailing is a pack whose instances cannot be made.
var brokerFailing = map[string]string{
	"bin/build": "#!/bin/sh\nif [ \"$1\" = setup ]; then echo 'no more room on the moon' >&2; exit 1; fi\n",
}

// exampleClient is the example's platform, and the broker that it uses.
type exampleClient struct {
	*platform
	env []string
}

func TestExamplePlatform(t *testing.T) {
	t.Parallel()
	failing := tinyPack(t, brokerFailing)
	c := exampleClient{platform: startPlatform(t, svptest.BrokerOptions{
		Packs: []string{"../packs/postgresql", "../packs/redis", failing},
	})}
	c.env = append(suite.Environ(t), "BROKER_URL="+c.URL, "LISTEN=127.0.0.1:0",
		"SVP_BROKER_USERNAME="+svptest.BrokerUsername, "SVP_BROKER_PASSWORD="+svptest.BrokerPassword)
	t.Run("group", func(t *testing.T) {
		for name, test := range map[string]func(*testing.T, exampleClient, string){
			"app":         testPlatformApp,
			"command":     testPlatformCommand,
			"interrupted": testPlatformInterrupted,
			"errors":      testPlatformErrors,
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				test(t, c, filepath.Base(failing))
			})
		}
	})
	c.requireSilence(t)
}

// start runs a script of the example.
func (c exampleClient) start(t *testing.T, name string, arguments ...string) *program {
	t.Helper()
	return start(t, platformExample, slices.Concat(c.env, []string{"GUESTBOOK=" + name}), arguments...)
}

// awaitOutput waits until the script has said what is looked for.
func awaitOutput(t *testing.T, p *program, text string) {
	t.Helper()
	eventually(t, coldDeadline, text, func() bool {
		said := strings.Contains(p.output.String(), text)
		if !said && p.hasEnded() {
			t.Fatalf("ended before it said %q:\n%s", text, p.output)
		}
		return said
	})
}

// wantGivenBack checks that the broker has none of the instances any more.
func (c exampleClient) wantGivenBack(t *testing.T, name string) {
	t.Helper()
	for _, service := range []string{"postgresql", "redis"} {
		path := instancePath(name + "-" + service)
		c.get(t, path).Require(t, http.StatusNotFound)
		c.delete(t, path, c.services[service].ids(t, "default")).Require(t, http.StatusGone)
	}
}

func testPlatformApp(t *testing.T, c exampleClient, _ string) {
	name := newName(t)
	p := c.start(t, name, "./platform")
	awaitOutput(t, p, "open at http")
	first := guestbookAt.FindString(p.output.String())
	post(t, first, http.StatusSeeOther, "name=zoë&message=hello")
	wantPage(t, first, "<b>zoë</b>")

	if err := p.command.Process.Signal(syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	awaitOutput(t, p, "the credentials green have taken the place of blue")
	found := guestbookAt.FindAllString(p.output.String(), -1)
	wantPage(t, found[len(found)-1], "<b>zoë</b>")

	p.signal(syscall.SIGINT)
	p.require(130)
	c.wantGivenBack(t, name)
}

func testPlatformCommand(t *testing.T, c exampleClient, _ string) {
	name := newName(t)
	script := `test -n "$DATABASE_URL$REDIS_URL" && test -z "${SVP_BROKER_PASSWORD-}" && echo "app is $POSTGRESQL_USER"; exit 7`
	output := c.start(t, name, "./platform", "sh", "-c", script).require(7)
	if !strings.Contains(output, "app is bind_") {
		t.Errorf("the command has no credentials of its own:\n%s", output)
	}
	c.wantGivenBack(t, name)
}

// Whoever is interrupted gives up on an order that is being carried out.
func testPlatformInterrupted(t *testing.T, c exampleClient, _ string) {
	name := newName(t)
	p := c.start(t, name, "./platform")
	awaitOutput(t, p, name+"-postgresql: provision")
	p.signal(syscall.SIGINT)
	p.require(130)
	c.wantGivenBack(t, name)
}

func testPlatformErrors(t *testing.T, c exampleClient, failing string) {
	id := newName(t)
	for _, refused := range []struct {
		env       string
		status    int
		arguments string
		says      string
	}{
		{"", 2, "nosuch", "osb provision"},
		{"", 2, "bind " + id, "too few arguments"},
		{"SVP_BROKER_PASSWORD=", 2, "catalog", "SVP_BROKER_PASSWORD"},
		{"SVP_BROKER_PASSWORD=wrong", 1, "catalog", "status 401: the user name or the password is missing or wrong"},
		{"BROKER_URL=http://127.0.0.1:1", 1, "catalog", "no answer"},
		{"", 1, "provision " + id + " redis huge", "no service redis with a plan huge"},
		{"", 1, "bind " + id + " redis default one", "there is no such instance"},
		{"", 1, "provision " + id + " " + failing + " default", "bin/build setup ended with status 1"},
		{"TIME_LIMIT=0", 1, "provision " + id + " " + failing + " default", "not done within 0 s"},
		{"", 0, "unbind " + id + " " + failing + " default one", ""},
		{"", 0, "deprovision " + id + " " + failing + " default", ""},
	} {
		other := exampleClient{env: slices.Concat(c.env, []string{refused.env})}
		output := other.start(t, id, append([]string{"./osb"}, strings.Fields(refused.arguments)...)...).require(refused.status)
		if !strings.Contains(output, refused.says) {
			t.Errorf("%s osb %s lacks %q:\n%s", refused.env, refused.arguments, refused.says, output)
		}
	}
}
