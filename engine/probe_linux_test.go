package engine

import (
	"bufio"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/servicepack/svp/engine/driver"
)

// shell runs a script of svp's as it is run in a container, and returns its
// status.
func shell(t *testing.T, script string, arguments ...string) int {
	t.Helper()
	command := exec.CommandContext(t.Context(), "/bin/sh", append([]string{"-c", script, "sh"}, arguments...)...)
	output, err := command.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	if err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	return 0
}

func TestAProbeIsRepeatedUntilItSucceeds(t *testing.T) {
	tries := filepath.Join(t.TempDir(), "tries")
	if status := shell(t, probeLoop, "60", "sh", "-c", `echo "$1" >>"$2"; [ "$(wc -l <"$2")" -ge 3 ]`, "sh", "two words", tries); status != 0 {
		t.Errorf("status %d", status)
	}
	content, err := os.ReadFile(tries)
	if err != nil || string(content) != strings.Repeat("two words\n", 3) {
		t.Errorf("tries: %q, %v", content, err)
	}
}

func TestAProbeThatNeverSucceedsGivesUp(t *testing.T) {
	if status := shell(t, probeLoop, "1", "false"); status != 1 {
		t.Errorf("status %d, want 1", status)
	}
}

func TestAServiceIsReadyWhenItListensOnAllPorts(t *testing.T) {
	var listen net.ListenConfig
	entry := func(address net.Addr) string {
		var port driver.Port
		switch address := address.(type) {
		case *net.TCPAddr:
			port = driver.Port{Number: address.Port, Protocol: "tcp"}
		case *net.UDPAddr:
			port = driver.Port{Number: address.Port, Protocol: "udp"}
		}
		return socketEntry(port)
	}
	var entries []string
	for _, address := range []string{"127.0.0.1:0", "[::]:0"} {
		listener, err := listen.Listen(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		entries = append(entries, entry(listener.Addr()))
	}
	bound, err := listen.ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	entries = append(entries, entry(bound.LocalAddr()))
	if status := shell(t, portsListen, entries...); status != 0 {
		t.Errorf("status %d while all of %q are listened on", status, entries)
	}

	// A connection from that port is no service on it.
	server, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	connection, err := new(net.Dialer).DialContext(t.Context(), "tcp", server.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	if status := shell(t, portsListen, append(entries, entry(connection.LocalAddr()))...); status == 0 {
		t.Error("a port that is only connected from counts as listened on")
	}
	if err := bound.Close(); err != nil {
		t.Fatal(err)
	}
	if status := shell(t, portsListen, entries...); status == 0 {
		t.Errorf("all of %q count as listened on", entries)
	}
}

func TestAnInterruptedScriptEndsWithItsChildren(t *testing.T) {
	const mark = execMark + "=0123456789ab"
	// The child has another environment, and the script does not want to end.
	command := exec.CommandContext(t.Context(), "/bin/sh", "-c", `trap '' TERM; env -i sleep 1000 & echo "$!"; while :; do wait; done`)
	command.Env = []string{mark, "PATH=" + os.Getenv("PATH")}
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	bystander := exec.CommandContext(t.Context(), "sleep", "1000")
	bystander.Env = []string{mark + "0"}
	bystander.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	for _, started := range []*exec.Cmd{command, bystander} {
		if err := started.Start(); err != nil {
			t.Fatal(err)
		}
	}
	child := bufio.NewReader(output)
	if _, err := child.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	shell(t, endScript, mark)
	ended := make(chan error, 1)
	go func() {
		_, _ = child.ReadByte() // at the end of the output, the child has ended too
		ended <- command.Wait()
	}()
	select {
	case err := <-ended:
		if err == nil {
			t.Error("the script ended by itself")
		}
	case <-time.After(20 * time.Second):
		t.Error("the script goes on")
	}
	if !exists(bystander.Process.Pid) {
		t.Error("a process that is none of the script's was ended")
	}
	if err := bystander.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = bystander.Wait()
}
