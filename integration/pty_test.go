package integration

import (
	"io"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/servicepack/svp/integration/svptest"
)

// pseudoTerminal opens a terminal: what is written to the first file is typed on
// the second, and what a program prints to the second is read from the first.
func pseudoTerminal(t *testing.T) (keyboard, terminal *os.File) {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	change(t, err)
	t.Cleanup(func() { _ = keyboard.Close() }) // the test may have done so
	number := 0
	control(t, keyboard, func(fd int) error {
		if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
			return err
		}
		var err error
		number, err = unix.IoctlGetInt(fd, unix.TIOCGPTN)
		return err
	})
	terminal, err = os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|unix.O_NOCTTY, 0)
	change(t, err)
	t.Cleanup(func() { _ = terminal.Close() }) // nobody reads it any more
	return keyboard, terminal
}

// control runs a system call on the file, which stays one that can be waited for.
func control(t *testing.T, file *os.File, call func(fd int) error) {
	t.Helper()
	connection, err := file.SyscallConn()
	change(t, err)
	var failed error
	change(t, connection.Control(func(fd uintptr) { failed = call(int(fd)) }))
	change(t, failed)
}

func resize(t *testing.T, keyboard *os.File, rows, columns uint16) {
	t.Helper()
	control(t, keyboard, func(fd int) error {
		return unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: rows, Col: columns})
	})
}

// conversation is an interactive svp and what it has shown.
type conversation struct {
	*svptest.Process
	keyboard *os.File
	shown    *svptest.Output
}

func converse(t *testing.T, args ...string) conversation {
	t.Helper()
	keyboard, terminal := pseudoTerminal(t)
	resize(t, keyboard, 24, 80)
	shown := &svptest.Output{}
	go func() {
		// It ends, with an error, when the terminal does.
		_, _ = io.Copy(shown, keyboard)
	}()
	return conversation{suite.Start(t, svptest.Call{Args: args, Terminal: terminal}), keyboard, shown}
}

func (c conversation) expect(t *testing.T, text string) {
	t.Helper()
	deadline := time.Now().Add(15 * time.Second)
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for !strings.Contains(c.shown.String(), text) {
		if time.Now().After(deadline) {
			t.Fatalf("the terminal shows no %q but %q", text, c.shown.String())
		}
		<-ticker.C
	}
}

func (c conversation) typed(t *testing.T, text string) {
	t.Helper()
	_, err := c.keyboard.WriteString(text)
	change(t, err)
}

func TestInteractive(t *testing.T) {
	t.Parallel()
	pack, name := tinyPack(t, scripted), newName(t)
	up(t, pack, name).Require(t, 0)

	t.Run("resize", func(t *testing.T) {
		c := converse(t, "client", name, "--", "size")
		c.expect(t, "24 80\r\n")
		resize(t, c.keyboard, 50, 132)
		c.Signal(unix.SIGWINCH) // the kernel tells a terminal's own processes only
		eventually(t, 10*time.Second, "the client's terminal has the new size", func() bool {
			return svp(t, "shell", name, "--", "sh", "-c", "for tty in /dev/pts/[0-9]*; do stty size <$tty; done").Stdout == "50 132\n"
		})
		c.typed(t, "\n")
		c.expect(t, "50 132\r\n")
		c.Wait().Require(t, 0)
	})
	t.Run("client", func(t *testing.T) {
		c := converse(t, "client", name, "--", "hello")
		c.expect(t, "arguments: <hello>\r\n")
		c.typed(t, "typed\n\x04")
		c.expect(t, "typed\r\nterminal\r\n")
		c.Wait().Require(t, 37)
	})
	t.Run("Ctrl-C is the program's", func(t *testing.T) {
		c := converse(t, "client", name, "--", "signal")
		c.expect(t, "ready")
		c.typed(t, "\x03")
		c.expect(t, "told")
		c.Wait().Require(t, 9)
	})
	t.Run("shell", func(t *testing.T) {
		c := converse(t, "shell", name)
		c.typed(t, "echo $((6 * 7)) $TOKEN_$((1))x\n")
		c.expect(t, "42 ")
		c.typed(t, "exit 3\n")
		c.Wait().Require(t, 3)
	})
	t.Run("no backup to a terminal", func(t *testing.T) {
		c := converse(t, "backup", name)
		c.expect(t, "-o FILE")
		c.Wait().Require(t, 125)
	})
	t.Run("destroy asks", func(t *testing.T) {
		c := converse(t, "destroy", name)
		c.expect(t, name)
		c.typed(t, "no\n")
		c.Wait().Require(t, 5)
		svp(t, "info", name).Require(t, 0)
		c = converse(t, "destroy", name)
		c.expect(t, "Type its name")
		c.typed(t, name+"\n")
		c.Wait().Require(t, 0)
		svp(t, "info", name).Require(t, 4)
	})
}
