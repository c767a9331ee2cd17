package repository

import (
	"net"

	"golang.org/x/sys/unix"
)

// corkOf sets whether the system waits for a whole piece before it sends one, as
// nginx lets it with tcp_nopush (tcp(7), TCP_CORK).
func corkOf(c *net.TCPConn) func(on bool) {
	raw, err := c.SyscallConn()
	if err != nil {
		return func(bool) {}
	}
	// That it cannot be set costs speed alone.
	set := func(value int) func(uintptr) {
		return func(descriptor uintptr) {
			_ = unix.SetsockoptInt(int(descriptor), unix.IPPROTO_TCP, unix.TCP_CORK, value)
		}
	}
	on, off := set(1), set(0)
	return func(corked bool) {
		if corked {
			_ = raw.Control(on)
		} else {
			_ = raw.Control(off)
		}
	}
}
