//go:build !linux

package repository

import "net"

// corkOf does nothing: a client gets a few more pieces.
func corkOf(*net.TCPConn) func(on bool) { return func(bool) {} }
