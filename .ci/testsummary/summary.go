package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sort"
	"strings"
	"time"
)

// slow is the duration from which a passed test gets a line of its own.
const slow = time.Second

// event is a line of `go test -json`; see `go doc test2json` and `go help buildjson`.
type event struct {
	Action      string
	Package     string
	ImportPath  string
	Test        string
	Output      string
	FailedBuild string
	Elapsed     float64
}

// summary counts leaf tests, those that have no subtests: a test that only groups others counts when it
// fails by itself. Whatever else goes wrong (a package that does not build, a skipped or unfinished test,
// a command that fails) counts as one failure, so that "0 failed" means that everything ran and passed.
type summary struct {
	out      io.Writer
	builds   map[string]*strings.Builder
	packages map[string]*packageRun
	passed   int
	failed   []string
}

// packageRun is a package whose tests are running.
type packageRun struct {
	output strings.Builder
	tests  map[string]*testRun
	passed int
	failed int
}

// testRun is a test that has not ended.
type testRun struct {
	output         strings.Builder
	hasSubtests    bool
	subtestsFailed bool
}

func newSummary(out io.Writer) *summary {
	return &summary{
		out:      out,
		builds:   map[string]*strings.Builder{},
		packages: map[string]*packageRun{},
	}
}

// read takes events until the stream ends. Lines that are no events are shown as they are.
func (s *summary) read(stream io.Reader) error {
	lines := bufio.NewReader(stream)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			s.line(line)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read events: %w", err)
		}
	}
}

func (s *summary) line(line string) {
	var e event
	if err := json.Unmarshal([]byte(line), &e); err != nil || e.Action == "" {
		s.print("%s", line)
		return
	}
	switch {
	case e.Action == "build-output":
		s.build(e.ImportPath).WriteString(e.Output)
	case e.Package == "":
	case e.Test != "":
		s.testEvent(e)
	default:
		s.packageEvent(e)
	}
}

func (s *summary) testEvent(e event) {
	pkg := s.pkg(e.Package)
	test := pkg.test(e.Test)
	switch e.Action {
	case "output":
		test.output.WriteString(e.Output)
	case "pass":
		pkg.end(e.Test)
		if !test.hasSubtests {
			s.passed++
			pkg.passed++
		}
		if elapsed := seconds(e.Elapsed); elapsed >= slow && !strings.Contains(e.Test, "/") {
			s.print("     %s (%s)\n", e.Test, elapsed)
		}
	case "fail":
		pkg.end(e.Test)
		s.testFailed(pkg, e, test, "FAIL")
	case "skip":
		pkg.end(e.Test)
		s.testFailed(pkg, e, test, "SKIPPED")
	}
}

// testFailed shows the output of a test, and counts it unless subtests failed that are counted already.
func (s *summary) testFailed(pkg *packageRun, e event, test *testRun, verdict string) {
	if parent := pkg.parent(e.Test); parent != nil {
		parent.subtestsFailed = true
	}
	s.print("%s %s %s (%s)\n%s", verdict, e.Package, e.Test, seconds(e.Elapsed), indent(test.output.String()))
	if !test.subtestsFailed {
		s.fail("%s %s", e.Package, e.Test)
		pkg.failed++
	}
}

func (s *summary) packageEvent(e event) {
	pkg := s.pkg(e.Package)
	switch e.Action {
	case "output":
		pkg.output.WriteString(e.Output)
	case "pass":
		s.print("ok   %s (%d tests, %s)\n", e.Package, pkg.passed, seconds(e.Elapsed))
		delete(s.packages, e.Package)
	case "skip": // It has no tests.
		delete(s.packages, e.Package)
	case "fail":
		s.packageFailed(e, pkg)
		delete(s.packages, e.Package)
	}
}

// packageFailed shows what belongs to no test, as the messages of a compiler, of a panic, of TestMain, and
// counts what no test has been counted for.
func (s *summary) packageFailed(e event, pkg *packageRun) {
	s.unfinished(e.Package, pkg)
	if e.FailedBuild != "" {
		s.print("%s", s.build(e.FailedBuild).String())
	}
	s.print("%s", pkg.output.String())
	s.print("FAIL %s (%s)\n", e.Package, seconds(e.Elapsed))
	if pkg.failed == 0 {
		s.fail("%s", e.Package)
	}
}

// unfinished counts the tests that were running when their package's process ended.
func (s *summary) unfinished(name string, pkg *packageRun) {
	for _, test := range pkg.running() {
		s.testFailed(pkg, event{Package: name, Test: test}, pkg.end(test), "NOT FINISHED")
	}
}

// commandFailed accounts for the exit status of `go test`, which says nothing new where failures are known.
func (s *summary) commandFailed(err error) {
	for name, pkg := range s.packages {
		s.unfinished(name, pkg)
	}
	if len(s.failed) == 0 {
		s.fail("%s", err)
	}
}

// close prints the failures once more and the closing line, and reports whether everything passed.
func (s *summary) close() bool {
	if s.passed == 0 && len(s.failed) == 0 {
		s.fail("no test ran")
	}
	if len(s.failed) > 0 {
		s.print("\nFailed:\n%s", indent(strings.Join(s.failed, "\n")+"\n"))
	}
	s.print("\n%d passed, %d failed\n", s.passed, len(s.failed))
	return len(s.failed) == 0
}

func (s *summary) fail(format string, args ...any) {
	s.failed = append(s.failed, fmt.Sprintf(format, args...))
}

// print ignores errors: when nobody reads any more, the exit status still tells.
func (s *summary) print(format string, args ...any) {
	_, _ = fmt.Fprintf(s.out, format, args...)
}

func (s *summary) pkg(name string) *packageRun {
	if s.packages[name] == nil {
		s.packages[name] = &packageRun{tests: map[string]*testRun{}}
	}
	return s.packages[name]
}

func (s *summary) build(importPath string) *strings.Builder {
	if s.builds[importPath] == nil {
		s.builds[importPath] = &strings.Builder{}
	}
	return s.builds[importPath]
}

func (p *packageRun) test(name string) *testRun {
	if p.tests[name] == nil {
		p.tests[name] = &testRun{}
		if parent := p.parent(name); parent != nil {
			parent.hasSubtests = true
		}
	}
	return p.tests[name]
}

func (p *packageRun) end(name string) *testRun {
	test := p.tests[name]
	delete(p.tests, name)
	return test
}

// parent finds the closest running test that name is a subtest of. A subtest's own name may hold slashes.
func (p *packageRun) parent(name string) *testRun {
	for {
		slash := strings.LastIndexByte(name, '/')
		if slash < 0 {
			return nil
		}
		name = name[:slash]
		if test := p.tests[name]; test != nil {
			return test
		}
	}
}

// running names the tests that have not ended, subtests before the tests that they belong to.
func (p *packageRun) running() []string {
	names := make([]string, 0, len(p.tests))
	for name := range p.tests {
		names = append(names, name)
	}
	sort.Sort(sort.Reverse(sort.StringSlice(names)))
	return names
}

func seconds(elapsed float64) time.Duration {
	return time.Duration(elapsed * float64(time.Second)).Round(10 * time.Millisecond)
}

func indent(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString("    " + line)
	}
	return b.String()
}
