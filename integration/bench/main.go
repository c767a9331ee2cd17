// Command bench measures svp against its targets and prints what it found:
//
//	go run ./integration/bench [-only SECTION] [-pairs N] [-packs LIST]
//
// The floor of most figures is the same work done by a program that makes
// nothing but the calls of Docker's API which the work needs, without a line of
// svp: floor_*.go. Each figure is the median of several measurements, with the
// smallest and the largest beside it; what is compared is measured in turns, in
// one run, and the first of a pair is now the one and now the other. So the
// ratios mean something also on a machine that others use. A difference has its
// confidence interval beside it, of 95 %, where there are enough values for one.
//
// The sections, each of which -only picks:
//
//	phases      build, setup and run of every pack against the floor
//	cached      build with nothing changed against docker build, fully cached
//	compose     up to the first authenticated query against docker-compose up
//	            of an equivalent Dockerfile (compose/)
//	concurrent  sixteen instances of redis at once against the floor
//	size        images against the smallest that can run the service (size.go)
//	startup     svp version
//	lint        svp pack lint of every pack, without shellcheck
//	catalog     requests for the catalog of a broker with twenty packs
//	records     memory of a broker with a thousand instances on record
//	package     svp pack package and svp pack install of half a gigabyte against
//	            zip -0, unzip and sha256sum
//	serve       requests for files of a repository against nginx
//	provision   a broker's provision, as its client sees it, against svp up
//	provisions  sixteen instances of redis that a platform asks for at once,
//	            against the floor
//
// It needs bin/svp (make build), a Docker host, and the image of the packs'
// operating system; make bench sees to these. The sections cached, compose and
// size need the docker command, compose needs Debian's docker-compose, and
// package zip and unzip; a section that cannot be measured says so. It is a
// report: its exit status is 0 whether or not the limits are met. It removes what
// it made, also when it is interrupted.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

func main() { os.Exit(run()) }

func run() int {
	// A reader that is gone must not keep the bench from cleaning up. The signal
	// cannot be waited for: it tells of a service's closed connections as well.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	options, err := parse(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		return 2
	}
	options.out, options.progress = os.Stdout, os.Stderr
	if err := measure(ctx, options); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 1
	}
	return 0
}

func parse(args []string) (options, error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	only := flags.String("only", "", "measure one `SECTION`: "+strings.Join(sectionNames(), ", "))
	pairs := flags.Int("pairs", 7, "measure each figure `N` times; builds at most three times, phases under a second more often")
	packs := flags.String("packs", "", "measure these packs, separated by commas (default: all in packs/)")
	svp := flags.String("svp", "bin/svp", "measure this `PROGRAM`")
	if err := flags.Parse(args); err != nil {
		return options{}, err
	}
	o := options{only: *only, pairs: *pairs, svp: *svp, packs: strings.FieldsFunc(*packs, isComma)}
	if err := o.check(flags.Args()); err != nil {
		fmt.Fprintln(flags.Output(), "bench:", err)
		return options{}, err
	}
	return o, nil
}

func isComma(r rune) bool { return r == ',' }
