package packtest

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// The elements of JUnit's XML as CI systems read it; there is no standard, and all
// of them take these.
type junitSuites struct {
	XMLName xml.Name     `xml:"testsuites"`
	Suites  []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name      string      `xml:"name,attr"`
	Tests     int         `xml:"tests,attr"`
	Failures  int         `xml:"failures,attr"`
	Errors    int         `xml:"errors,attr"`
	Skipped   int         `xml:"skipped,attr"`
	Time      string      `xml:"time,attr"`
	Timestamp string      `xml:"timestamp,attr"`
	Cases     []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	Time    string        `xml:"time,attr"`
	Failure *junitMessage `xml:"failure"`
	Skipped *junitMessage `xml:"skipped"`
	Output  string        `xml:"system-out,omitempty"`
}

type junitMessage struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// WriteJUnit writes the report in the form that CI systems show.
func (r Report) WriteJUnit(w io.Writer) error {
	suite := junitSuite{
		Name: "svp pack test " + r.Pack, Tests: len(r.Checks), Failures: r.Failed, Skipped: r.Skipped,
		Time: junitTime(r.Seconds), Timestamp: r.Started.UTC().Format(time.RFC3339),
	}
	for _, result := range r.Checks {
		suite.Cases = append(suite.Cases, result.junit(r.Pack))
	}
	text, err := xml.MarshalIndent(junitSuites{Suites: []junitSuite{suite}}, "", "  ")
	if err == nil {
		_, err = fmt.Fprintf(w, "%s%s\n", xml.Header, text)
	}
	if err != nil {
		return fmt.Errorf("write the JUnit report: %w", err)
	}
	return nil
}

func (r Result) junit(pack string) junitCase {
	c := junitCase{Class: "svp.pack." + pack, Name: r.Name, Time: junitTime(r.Seconds)}
	seen := strings.ToValidUTF8(r.Seen, string(utf8.RuneError))
	switch r.Outcome {
	case Passed:
		c.Output = seen
	case Failed:
		c.Failure = &junitMessage{Message: seen, Text: r.Mend}
	case Skipped:
		c.Skipped = &junitMessage{Message: seen}
	}
	return c
}

func junitTime(seconds float64) string { return fmt.Sprintf("%.3f", seconds) }
