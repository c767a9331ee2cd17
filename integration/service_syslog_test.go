package integration

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/servicepack/svp/integration/svptest"
)

// drain is an instance of the log pack.
type drain struct {
	name string
	env  map[string]string
}

// logMegabytes is the size of the log: messages fill it quickly.
const logMegabytes = 1

func TestSyslog(t *testing.T) {
	t.Parallel()
	d := drain{name: newName(t)}
	suite.DestroyAfter(t, d.name)
	d.env = svpCall(t, svptest.Call{
		Args:     []string{"up", "syslog", d.name, "--parameter", fmt.Sprintf("log_mb=%d", logMegabytes)},
		Deadline: coldDeadline,
	}).Env(t)
	want := fmt.Sprintf("syslog://%s:%s", d.env["SYSLOG_HOST"], d.env["SYSLOG_PORT"])
	if got := d.env["SYSLOG_DRAIN_URL"]; got != want {
		t.Fatalf("SYSLOG_DRAIN_URL is %q, want %q", got, want)
	}
	d.send(t, "tcp", counted("of the first day"))
	d.await(t, "of the first day")

	t.Run("protocols", d.testProtocols)
	t.Run("client", d.testClient)
	t.Run("follow", d.testFollow)
	t.Run("extra", d.testExtra)
	t.Run("binding", d.testBinding)
	t.Run("backup", d.testBackup)
	t.Run("stop", d.testStop)
	t.Run("size", d.testSize)
}

// counted is a message as a platform's drain sends it: after RFC 5424, with its
// length in front.
func counted(text string) string {
	message := "<14>1 2026-01-02T03:04:05.678901+00:00 org.space.shop 4a8d [APP/PROC/WEB/0] - - " + text
	return strconv.Itoa(len(message)) + " " + message
}

// shown is the beginning of a counted message's line.
const shown = "2026-01-02T03:04:05.678901+00:00 info org.space.shop 4a8d [APP/PROC/WEB/0] - - "

func (d drain) send(t *testing.T, network, bytes string) {
	t.Helper()
	port := d.env["SYSLOG_PORT"]
	if network == "udp" {
		port = d.env["SYSLOG_UDP_PORT"]
	}
	ctx, cancel := context.WithTimeout(t.Context(), useDeadline)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, network, net.JoinHostPort(d.env["SYSLOG_HOST"], port))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte(bytes)); err != nil {
		t.Error(err)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
}

func (d drain) show(t *testing.T, args ...string) []string {
	t.Helper()
	output := svp(t, append([]string{"client", d.name, "--"}, args...)...).Require(t, 0).Stdout
	return slices.Collect(strings.Lines(output))
}

// await returns the first line with that text.
func (d drain) await(t *testing.T, text string) (line string) {
	t.Helper()
	eventually(t, startDeadline, "a line with "+text, func() bool {
		for _, line = range d.show(t) {
			if strings.Contains(line, text) {
				return true
			}
		}
		return false
	})
	return line
}

func (d drain) testProtocols(t *testing.T) {
	d.send(t, "tcp", counted("one")+counted("two\n\tof two lines \x1b[31mé")+counted("three"))
	d.send(t, "tcp", "<11>1 2026-01-02T03:04:05Z host app 7 - [id@1 key=\"value\"] a line\n<11>1 - - - - - - another line\n")
	d.send(t, "udp", "<13>Jan  2 03:04:05 host app[8]: a datagram")
	for text, want := range map[string]string{
		"one":          shown + "one\n",
		"of two lines": shown + `two\n\tof two lines \e[31mé` + "\n",
		"three":        shown + "three\n",
		"a line":       `2026-01-02T03:04:05Z err host app 7 - [id@1 key="value"] a line` + "\n",
	} {
		if got := d.await(t, text); got != want {
			t.Errorf("the message became %q, want %q", got, want)
		}
	}
	for text, want := range map[string]string{"another line": " err ", "a datagram": " notice host app 8 - - a datagram"} {
		if got := d.await(t, text); !strings.Contains(got, want) {
			t.Errorf("the message became %q, want it to contain %q", got, want)
		}
	}
	long := strings.Repeat("x", 100_000)
	d.send(t, "tcp", counted(long+"the end"))
	d.await(t, "the end")
	if got := strings.Count(strings.Join(d.show(t), ""), "x"); got < len(long) {
		t.Errorf("%d of %d bytes of a long message are in the log", got, len(long))
	}
}

func (d drain) testClient(t *testing.T) {
	d.send(t, "tcp", counted("apple 1")+counted("apple 2")+counted("pear 3"))
	d.await(t, "pear 3")
	for _, use := range []struct {
		args []string
		want []string
	}{
		{[]string{"-n", "1"}, []string{"pear 3"}},
		{[]string{"apple [0-9]"}, []string{"apple 1", "apple 2"}},
		{[]string{"-n", "1", "apple"}, []string{"apple 2"}},
		{[]string{"no such text"}, nil},
	} {
		var want []string
		for _, text := range use.want {
			want = append(want, shown+text+"\n")
		}
		if got := d.show(t, use.args...); !slices.Equal(got, want) {
			t.Errorf("client %q shows %q, want %q", use.args, got, want)
		}
	}
	for _, args := range [][]string{{"-x"}, {"-n", "many"}, {"one", "two"}} {
		svp(t, append([]string{"client", d.name, "--"}, args...)...).Require(t, 2)
	}
}

// testFollow shows lines as they come, until it is interrupted, and leaves nothing
// behind.
func (d drain) testFollow(t *testing.T) {
	d.send(t, "tcp", counted("before it is followed"))
	d.await(t, "before it is followed")
	follower := suite.Start(t, svptest.Call{Args: []string{"client", d.name, "--", "-f", "-n", "1", "followed"}})
	eventually(t, startDeadline, "the line before", func() bool { return follower.Stdout() == shown+"before it is followed\n" })
	n := 0
	eventually(t, startDeadline, "a line that comes", func() bool {
		n++
		d.send(t, "tcp", counted("not shown")+counted(fmt.Sprintf("followed %d", n)))
		return strings.Contains(follower.Stdout(), shown+"followed 1\n")
	})
	if strings.Contains(follower.Stdout(), "not shown") {
		t.Errorf("lines that do not match are shown: %q", follower.Stdout())
	}
	follower.Signal(syscall.SIGINT)
	follower.Wait().Require(t, 130)
	eventually(t, startDeadline, "the end of the client's processes", func() bool {
		i := &serviceInstance{name: d.name}
		return !slices.ContainsFunc(i.arguments(t), func(line string) bool { return strings.Contains(line, "tail") })
	})
}

func (d drain) testExtra(t *testing.T) {
	svp(t, "extra", d.name, "send", "by", "hand").Require(t, 0)
	if line := d.await(t, "by hand"); !strings.Contains(line, " svp ") {
		t.Errorf("the message became %q", line)
	}
	svp(t, "extra", d.name, "send").Require(t, 2)
	svp(t, "extra", d.name, "sample").Require(t, 0)
	if lines := d.show(t, "sample"); len(lines) != 1 {
		t.Errorf("the sample is in %d lines: %q", len(lines), lines)
	}
	for command, want := range map[string]string{"sources": " org.space.shop 4a8d\n", "size": "of 1000000\n", "help": "sources: "} {
		if result := svp(t, "extra", d.name, command).Require(t, 0); !strings.Contains(result.Stdout, want) {
			t.Errorf("output lacks %q: %s", want, result)
		}
	}
	svp(t, "extra", d.name, "clear").Require(t, 2)
	svp(t, "extra", d.name, "no-such-command").Require(t, 2)
	d.await(t, "of the first day")
}

// testBinding hands out the address of everybody.
func (d drain) testBinding(t *testing.T) {
	result := svp(t, "bind", d.name, "shop").Require(t, 0)
	if got := result.Env(t)["SYSLOG_DRAIN_URL"]; got != d.env["SYSLOG_DRAIN_URL"] || !strings.Contains(result.Stderr, "shared: true") {
		t.Errorf("want the address of the instance, and that it is shared: %s", result)
	}
	svp(t, "unbind", d.name, "shop").Require(t, 0)
}

func (d drain) testBackup(t *testing.T) {
	before := d.show(t)
	backup := svp(t, "backup", d.name).Require(t, 0).Stdout
	restore := func(backup string) svptest.Result {
		return svpCall(t, svptest.Call{Args: []string{"restore", d.name}, Stdin: strings.NewReader(backup)})
	}
	for name, garbage := range map[string]string{
		"nothing": "", "garbage": "no backup at all\n", "half a backup": backup[:len(backup)/2], "without an end": backup[:len(backup)-2],
	} {
		if result := restore(garbage); result.Status != 1 || !strings.Contains(result.Stderr, "the log is unchanged") {
			t.Errorf("%s is restored, or nobody says why not: %s", name, result)
		}
	}
	if got := d.show(t); !slices.Equal(got, before) {
		t.Errorf("the log was %q, and is %q", before, got)
	}
	svp(t, "extra", d.name, "clear", "--yes").Require(t, 0)
	if left := d.show(t); len(left) > 0 {
		t.Errorf("left after it was cleared: %q", left)
	}
	d.send(t, "tcp", counted("not in the backup"))
	d.await(t, "not in the backup")
	restore(backup).Require(t, 0)
	if got := d.show(t); !slices.Equal(got, before) {
		t.Errorf("the log was %q, and is %q", before, got)
	}
	d.send(t, "tcp", counted("behind the backup"))
	d.await(t, "behind the backup")
}

// testStop wants nothing lost by a stop, a kill, or a container made anew.
func (d drain) testStop(t *testing.T) {
	i := &serviceInstance{service: service{pack: "syslog"}, name: d.name, env: d.env}
	before := d.show(t)
	svp(t, "restart", d.name).Require(t, 0)
	i.kill(t, "rsyslogd", func() {})
	svp(t, "down", d.name).Require(t, 0)
	i.requireSameEnv(t, svp(t, "up", "syslog", d.name))
	if got := d.show(t); !slices.Equal(got, before) {
		t.Errorf("the log was %q, and is %q", before, got)
	}
}

// testSize fills the log several times over.
func (d drain) testSize(t *testing.T) {
	const limit = logMegabytes * 1_000_000
	text := strings.Repeat("x", 900)
	for sent := 0; sent < 3*limit; {
		var batch strings.Builder
		for range 100 {
			batch.WriteString(counted(text))
		}
		sent += batch.Len()
		d.send(t, "tcp", batch.String())
	}
	d.send(t, "tcp", counted("the last of all"))
	d.await(t, "the last of all")
	var lines []string
	var size int
	// Each batch came over a connection of its own, and what is left of one may come
	// after the last line.
	eventually(t, startDeadline, "bin/usage tells how many bytes the log has", func() bool {
		lines = d.show(t)
		size = len(strings.Join(lines, ""))
		used, err := strconv.Atoi(strings.TrimSpace(svp(t, "shell", d.name, "--", "bin/usage").Require(t, 0).Stdout))
		return err == nil && used == size
	})
	if size > limit+limit/20 || size < limit/2 {
		t.Errorf("the log has %d bytes, want nearly %d", size, limit)
	}
	if strings.Contains(lines[0], "of the first day") {
		t.Error("the oldest lines are still there")
	}
}
