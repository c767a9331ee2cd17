package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	urfave "github.com/urfave/cli/v2"

	"github.com/servicepack/svp/engine"
	"github.com/servicepack/svp/engine/lint"
)

// packChecker opens packs that may be invalid.
type packChecker interface {
	CheckPack(ctx context.Context, pack string, check func(engine.FaultyPack) error) error
}

type lintOptions struct {
	explain                    string
	json, strict, noShellcheck bool
}

func newPackLintCommand(w *wiring) *command {
	o := &lintOptions{}
	return &command{
		name: "lint", summary: "Look for what is wrong with a pack",
		details: "Checks the contract, the scripts, servicepack.yaml, and what happens to secrets. Runs the\n" +
			"pack's queries and needs no Docker host, but for --isolate; uses shellcheck where it is\n" +
			"installed. Without PACK it is the folder that you are in. Each finding has a code, which\n" +
			"--explain tells about, and which a comment silences on its line and the next one:\n" +
			"# svp-lint: ignore SVP021 REASON. The exit status is 3 when there is an error, or, with\n" +
			"--strict, a warning.",
		example: "svp pack lint packs/redis\nsvp pack lint --strict --json packs/redis\nsvp pack lint --explain SVP021",
		args:    []string{"[PACK]"},
		flags: []urfave.Flag{
			jsonFlag(&o.json),
			&urfave.BoolFlag{Name: "strict", Destination: &o.strict, Usage: "take warnings for errors"},
			&urfave.BoolFlag{Name: "no-shellcheck", Destination: &o.noShellcheck, Usage: "leave shellcheck out"},
			&urfave.StringFlag{Name: "explain", Destination: &o.explain, Usage: "tell about the finding with the `CODE`; all lists them"},
			w.isolateFlag(),
		},
		run: func(ctx context.Context, inv *invocation) error {
			if o.explain != "" {
				return o.runExplain(inv, w.streams.Out)
			}
			pack := inv.arg(0)
			if pack == "" {
				pack = "."
			}
			return w.engine(func(s session) error { return o.run(ctx, s, s, w.streams.Out, pack) })
		},
	}
}

func (o *lintOptions) run(ctx context.Context, s session, checker packChecker, out io.Writer, pack string) error {
	options := lint.Options{Shellcheck: "shellcheck"}
	if o.noShellcheck {
		options.Shellcheck = ""
	}
	var report lint.Report
	err := checker.CheckPack(ctx, pack, func(opened engine.FaultyPack) (err error) {
		report, err = lint.Check(ctx, lint.Pack{Dir: opened.Dir, Faults: opened.Faults}, options)
		return err
	})
	if err != nil {
		return err
	}
	if report.Shellcheck == "" && !o.noShellcheck {
		s.note("shellcheck is not installed, so that the scripts were looked at less closely")
	}
	if err := o.write(out, pack, report); err != nil {
		return err
	}
	return o.verdict(s, pack, report)
}

func (o *lintOptions) write(out io.Writer, pack string, report lint.Report) error {
	if !o.json {
		return writeFindings(out, pack, report.Findings)
	}
	if report.Findings == nil {
		report.Findings = []lint.Finding{}
	}
	return writeJSON(out, report)
}

// writeFindings shows a finding as compilers do, so that editors find the place,
// and below it what to do.
func writeFindings(out io.Writer, pack string, findings []lint.Finding) error {
	var text strings.Builder
	for _, finding := range findings {
		where := path.Join(pack, finding.File)
		if finding.Line > 0 {
			where += fmt.Sprintf(":%d:%d", finding.Line, finding.Column)
		}
		fmt.Fprintf(&text, "%s: %s %s: %s\n", printable(where), finding.Severity, finding.Code, oneLine(finding.Reason))
		if finding.Mend != "" {
			fmt.Fprintf(&text, "  mend: %s\n", oneLine(finding.Mend))
		}
	}
	_, err := io.WriteString(out, text.String())
	return err
}

// verdict sums up, and fails when there is an error.
func (o *lintOptions) verdict(s session, pack string, report lint.Report) error {
	failures := report.Count(lint.Error)
	if o.strict {
		failures += report.Count(lint.Warning)
	}
	found := fmt.Sprintf("%s, %s, %s", counted(report.Count(lint.Error), "error"), counted(report.Count(lint.Warning), "warning"),
		counted(report.Count(lint.Note), "note"))
	if failures == 0 {
		s.note("%s: %s", pack, found)
		return nil
	}
	return &engine.Error{
		Op: "check", Subject: pack, Kind: engine.InvalidPack, Err: errors.New(found),
		Hint: "svp pack lint --explain CODE tells more about a finding",
	}
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// allRules is what --explain takes for the whole table.
const allRules = "all"

func (o *lintOptions) runExplain(inv *invocation, out io.Writer) error {
	if o.explain == allRules {
		return o.writeRules(out)
	}
	rule, ok := lint.Explain(o.explain)
	if !ok {
		return inv.usageError(fmt.Sprintf("there is no finding %q", o.explain),
			"svp pack lint --explain all lists the codes; those that begin with SC are shellcheck's")
	}
	if o.json {
		return writeJSON(out, rule)
	}
	text := fmt.Sprintf("%s (%s): %s\n\n%s\n", rule.Code, rule.Severity, rule.Title, rule.Why)
	if rule.Mend != "" {
		text += "To mend it, " + rule.Mend + ".\n"
	}
	_, err := io.WriteString(out, text)
	return err
}

// explainable are what --explain takes.
func explainable() []string {
	codes := []string{allRules}
	for _, rule := range lint.Rules() {
		codes = append(codes, rule.Code)
	}
	return codes
}

func (o *lintOptions) writeRules(out io.Writer) error {
	if o.json {
		return writeJSON(out, map[string]any{"rules": lint.Rules()})
	}
	table := newTable(out)
	fmt.Fprintln(table, "CODE\tSEVERITY\tWHAT")
	for _, rule := range lint.Rules() {
		fmt.Fprintf(table, "%s\t%s\t%s\n", rule.Code, rule.Severity, rule.Title)
	}
	return table.Flush()
}
