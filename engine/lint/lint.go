package lint

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/servicepack/svp/engine/pack"
)

// Severity tells how bad a finding is.
type Severity string

// The severities. What is an error keeps the pack from working, or gives a secret
// away; a note is worth knowing and needs no mending.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
	Note    Severity = "note"
)

// Finding is one thing that is wrong with a pack.
type Finding struct {
	Code     string   `json:"code"` // SVP001, or the code of shellcheck, as SC2086
	Severity Severity `json:"severity"`
	File     string   `json:"file,omitempty"` // relative to the pack's folder
	Line     int      `json:"line,omitempty"` // from 1; 0 when it is about no line
	Column   int      `json:"column,omitempty"`
	Reason   string   `json:"reason"`
	Mend     string   `json:"mend,omitempty"`
}

// Report is what Check found.
type Report struct {
	Pack     string    `json:"pack"` // its name
	Path     string    `json:"path"`
	Findings []Finding `json:"findings"` // by file, line and column
	Ignored  int       `json:"ignored"`  // findings that comments silence
	// Shellcheck is the version that looked at the scripts; empty when none did.
	Shellcheck string `json:"shellcheck"`
}

// Count tells how many findings are of the severity.
func (r Report) Count(severity Severity) int {
	count := 0
	for _, finding := range r.Findings {
		if finding.Severity == severity {
			count++
		}
	}
	return count
}

// Pack is a pack to be checked. Faults are those that it was opened with, as
// pack.OpenFaulty returns them.
type Pack struct {
	Dir    *pack.Dir
	Faults []*pack.Error
}

// Options change what is checked.
type Options struct {
	// Shellcheck is the program, as "shellcheck"; empty leaves it out, and where
	// there is none of that name it is left out, too.
	Shellcheck string
}

// Check looks at everything of the pack. The error says that it could not be
// looked at: what is wrong with the pack is in the report.
func Check(ctx context.Context, p Pack, o Options) (Report, error) {
	c := &checker{dir: p.Dir}
	desc, faults, err := p.Dir.DescribeFaulty(ctx)
	if err != nil {
		return Report{}, err
	}
	c.desc = desc
	for _, fault := range append(slices.Clone(p.Faults), faults...) {
		c.fault(fault)
	}
	if err := c.load(); err != nil {
		return Report{}, err
	}
	if err := c.askEnvironment(ctx, faults); err != nil {
		return Report{}, err
	}
	c.checkInterpreters()
	c.checkText()
	c.checkModes()
	c.checkPackaging()
	c.checkPairs()
	c.checkUncalled()
	c.checkRun()
	c.checkUseOfSecrets()
	c.checkQueryVariables()
	c.checkLiterals()
	c.checkServices()
	version, err := c.shellcheck(ctx, o.Shellcheck)
	if err != nil {
		return Report{}, err
	}
	report := Report{Pack: p.Dir.Name(), Path: p.Dir.Path(), Shellcheck: version}
	report.Findings, report.Ignored = c.silence()
	return report, nil
}

// checker collects findings.
type checker struct {
	dir      *pack.Dir
	desc     pack.Descriptor
	sources  []*source
	funcs    map[string]*function // of all shell scripts of the pack, by name
	secrets  map[string]bool      // variables that hold a secret
	answered bool                 // the pack has said what its environment is
	handed   map[string]bool      // secrets that the environment hands out
	findings []Finding
}

// place is where something was found.
type place struct {
	file         string
	line, column int
}

// find adds a finding of the rule.
func (c *checker) find(code string, at place, reason string) {
	rule := ruleOf(code)
	c.findings = append(c.findings, Finding{
		Code: code, Severity: rule.Severity, File: at.file, Line: at.line, Column: at.column, Reason: reason, Mend: rule.Mend,
	})
}

// findMend adds a finding whose mend is not the one of the rule.
func (c *checker) findMend(code string, at place, reason, mend string) {
	c.find(code, at, reason)
	if mend != "" {
		c.findings[len(c.findings)-1].Mend = mend
	}
}

// sorted returns the findings by place, each of them once.
func sorted(findings []Finding) []Finding {
	slices.SortStableFunc(findings, func(a, b Finding) int {
		return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
			strings.Compare(a.Code, b.Code), strings.Compare(a.Reason, b.Reason))
	})
	return slices.Compact(findings)
}
