// Command svp builds, runs and looks after services that are described by packs.
package main

import (
	"context"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/servicepack/svp/cmd/svp/internal/cli"
)

// version is set when a release is built: -ldflags "-X main.version=v1.2.3".
var version string

func main() { os.Exit(run()) }

func run() int {
	// What the parent chose to ignore stays ignored, as under nohup.
	signals := slices.DeleteFunc([]os.Signal{os.Interrupt, syscall.SIGHUP}, signal.Ignored)
	ctx, stop := signal.NotifyContext(context.Background(), append(signals, syscall.SIGTERM)...)
	defer stop()
	// A second Ctrl-C ends svp at once; but `timeout` sends one signal twice.
	context.AfterFunc(ctx, func() { time.AfterFunc(500*time.Millisecond, stop) })
	// A reader that is gone must not keep svp from ending what runs in a container. It
	// is a handler, so that the scripts of packs do not inherit that it is ignored; what
	// it is told is of no use, as it may be of a socket.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	streams := cli.SystemStreams(os.Stdin, os.Stdout, os.Stderr)
	return cli.Run(ctx, os.Args[1:], streams, os.Getenv, version)
}
