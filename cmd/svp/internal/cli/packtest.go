package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	urfave "github.com/urfave/cli/v2"

	"github.com/servicepack/svp/engine"
	"github.com/servicepack/svp/engine/packtest"
)

type packTester interface{ packtest.Engine }

type packTestOptions struct {
	packtest.Options
	only  urfave.StringSlice
	junit string
	json  bool
}

func newPackTestCommand(w *wiring) *command {
	o := &packTestOptions{}
	return &command{
		name: "test", summary: "Live a pack's whole life on Docker, and tell what held",
		details: "Builds the pack, brings up several instances under names of their own, uses every script,\n" +
			"crashes, stops, backs up and restores, and removes all but the base image again.\n" +
			"The exit status is 3 when a check failed. The checks:\n" + wrapped(packtest.Names(), 88),
		example: "svp pack test packs/redis\nsvp pack test ./greeter --only restore,leaks --keep\n" +
			"svp pack test ./greeter --json --junit report.xml",
		args: []string{"PACK"},
		flags: []urfave.Flag{
			&urfave.StringSliceFlag{
				Name: "only", Destination: &o.only, Usage: "perform the `CHECK`,… of these names, and what they need; repeatable",
			},
			&urfave.StringFlag{
				Name: "junit", Destination: &o.junit, Usage: "write the result to `FILE` as well, as JUnit XML",
			},
			&urfave.BoolFlag{Name: "keep", Destination: &o.Keep, Usage: "leave the instances, to look into what failed"},
			jsonFlag(&o.json), w.timeoutFlag(), w.networkFlag(), w.caBundleFlag(), w.isolateFlag(),
		},
		run: func(ctx context.Context, inv *invocation) error {
			o.Pack, o.Only = inv.arg(0), splitWords(o.only.Value())
			if err := refuseFolder(o.junit); err != nil {
				return err
			}
			return w.engine(func(s session) error {
				o.Timeout, o.Events, o.Now = s.settings.Timeout, s.events.Event, w.now
				return runPackTest(ctx, w.streams.Out, s, s, o)
			})
		},
	}
}

// splitWords takes lists apart whose words are separated by commas.
func splitWords(lists []string) []string {
	var words []string
	for _, list := range lists {
		for word := range strings.SplitSeq(list, ",") {
			if word = strings.TrimSpace(word); word != "" {
				words = append(words, word)
			}
		}
	}
	return words
}

// wrapped puts words on lines of that width.
func wrapped(words []string, width int) string {
	var text strings.Builder
	column := 0
	for i, word := range words {
		switch {
		case i == 0:
		case column+2+len(word) > width:
			text.WriteString(",\n")
			column = 0
		default:
			text.WriteString(", ")
			column += 2
		}
		text.WriteString(word)
		column += len(word)
	}
	return text.String()
}

func runPackTest(ctx context.Context, out io.Writer, tester packTester, n noter, o *packTestOptions) error {
	report, err := packtest.Run(ctx, tester, o.Options)
	if err != nil {
		return err
	}
	if o.junit != "" {
		if err := writeFile(o.junit, func(file *os.File) error { return report.WriteJUnit(localWriter{file, o.junit}) }); err != nil {
			return err
		}
	}
	for _, name := range report.Kept {
		n.note("%s was kept: svp destroy %s --yes removes it", name, name)
	}
	if o.json {
		err = writeJSON(out, report)
	} else {
		err = writePackTest(out, report)
	}
	if err != nil {
		return err
	}
	return packTestFailure(o.Pack, report)
}

func writePackTest(out io.Writer, report packtest.Report) error {
	table := newTable(out)
	fmt.Fprintln(table, "CHECK\tRESULT\tTIME\tSEEN")
	for _, result := range report.Checks {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", result.Name, result.Outcome, seconds(time.Duration(result.Seconds*float64(time.Second))), oneLine(result.Seen))
		if result.Mend != "" {
			fmt.Fprintf(table, "\t\t\tmend: %s\n", oneLine(result.Mend))
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "%s: %d passed, %d failed, %d skipped, in %s\n", oneLine(report.Pack),
		report.Passed, report.Failed, report.Skipped, seconds(time.Duration(report.Seconds*float64(time.Second))))
	return err
}

// packTestFailure is the error of a pack that failed checks, or nil.
func packTestFailure(pack string, report packtest.Report) error {
	failures := report.Failures()
	if len(failures) == 0 {
		return nil
	}
	names := make([]string, 0, len(failures))
	for _, failure := range failures {
		names = append(names, failure.Name)
	}
	return &engine.Error{
		Op: "pack test", Subject: report.Pack, Kind: engine.InvalidPack,
		Err:  fmt.Errorf("%d of %d checks failed: %s", len(failures), len(report.Checks), strings.Join(names, ", ")),
		Hint: "svp pack test " + pack + " --only " + strings.Join(names, ",") + " --keep leaves the instances, to look into them",
	}
}
