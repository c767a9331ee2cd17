package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// The limits.
const (
	phaseRatio      = 1.05
	phaseExcess     = 40 * time.Millisecond // where the floor is short
	cachedRatio     = 0.5
	concurrentRatio = 1.1
	memoryLimit     = 40_000_000
	sizeRatio       = 1.1
	startupLimit    = 15 * time.Millisecond
)

// verdict tells whether a limit is met.
type verdict struct {
	what, measured, limit string
	met                   bool
}

func (b *bench) judge(what, measured, limit string, met bool) {
	b.verdicts = append(b.verdicts, verdict{what, measured, limit, met})
}

// judgeRatio compares two figures by their ratio.
func (b *bench) judgeRatio(what string, measured, against float64, limit float64) {
	b.judge(what, fmt.Sprintf("%.2f×", measured/against), fmt.Sprintf("%.2f×", limit), measured/against <= limit)
}

// judgeSamples compares two samples that were measured in pairs by their ratio.
func (b *bench) judgeSamples(what string, measured, against sample, limit float64) {
	b.judgeRatio(what, ratio(measured, against), 1, limit)
}

// isShort tells that the floor is under a second: there a ratio says little.
func isShort(floor sample) bool { return floor.median() < time.Second }

// judgePhase compares with the floor: by the ratio, or where that is short by the
// difference.
func (b *bench) judgePhase(what string, svp, floor sample) {
	if isShort(floor) {
		more := excess(svp, floor)
		b.judge(what, milliseconds(more), milliseconds(phaseExcess), more <= phaseExcess)
		return
	}
	b.judgeSamples(what, svp, floor, phaseRatio)
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%+.0f ms", float64(d.Microseconds())/1000)
}

func (b *bench) printVerdicts() {
	fmt.Fprint(b.out, "\nLimits\n\n")
	t := newTable(b.out, "", "measured", "limit", "")
	missed := 0
	for _, v := range b.verdicts {
		met := "met"
		if !v.met {
			met = "NOT MET"
			missed++
		}
		t.row(v.what, v.measured, v.limit, met)
	}
	t.end()
	fmt.Fprintf(b.out, "\n%d of %d limits met\n", len(b.verdicts)-missed, len(b.verdicts))
}

// table aligns its columns when it ends.
type table struct{ writer *tabwriter.Writer }

func newTable(out io.Writer, header ...string) table {
	t := table{tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)}
	t.row(header...)
	return t
}

func (t table) row(cells ...string) { fmt.Fprintln(t.writer, "  "+strings.Join(cells, "\t")) }

// end prints the table; nothing better can be done about an output that fails.
func (t table) end() { _ = t.writer.Flush() }

// apart prints a row of two samples that were not measured in pairs, and what their
// medians are to each other.
func (t table) apart(svp, against sample, labels ...string) {
	t.beside(svp, against, svp.median().Seconds()/against.median().Seconds(), milliseconds(svp.median()-against.median()), labels)
}

// compared prints a row of two samples that were measured in pairs, and what they
// are to each other, with the confidence interval of the difference.
func (t table) compared(svp, against sample, labels ...string) {
	more := milliseconds(excess(svp, against))
	if low, high, ok := differences(svp, against).interval(); ok {
		more += fmt.Sprintf(" [%s, %s]", milliseconds(low), milliseconds(high))
	}
	t.beside(svp, against, ratio(svp, against), more, labels)
}

func (t table) beside(svp, against sample, ratio float64, more string, labels []string) {
	t.row(append(labels, svp.String(), against.String(), fmt.Sprintf("%.2f×", ratio), more)...)
}
