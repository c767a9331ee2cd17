package packtest

import (
	"slices"
	"time"
)

// Outcome is how a check ended.
type Outcome string

// The outcomes of a check.
const (
	Passed Outcome = "passed"
	Failed Outcome = "failed"
	// Skipped: the pack has nothing to look at here, or a check failed on which
	// this one builds.
	Skipped Outcome = "skipped"
)

// Result is the result of one check.
type Result struct {
	Name    string  `json:"name"`
	Outcome Outcome `json:"outcome"`
	// Seen is what was seen, or why nothing was looked at, on one line.
	Seen string `json:"seen"`
	// Mend says what to change where the check failed.
	Mend    string  `json:"mend,omitempty"`
	Seconds float64 `json:"seconds"`

	blockedBy string // the check that failed and because of which this one was skipped
}

// Report is the result of all checks. It holds no secret.
type Report struct {
	Pack    string    `json:"pack"`
	Version string    `json:"version,omitempty"`
	Digest  string    `json:"digest,omitempty"`
	OS      string    `json:"os,omitempty"`
	Started time.Time `json:"started"`
	Seconds float64   `json:"seconds"`
	Passed  int       `json:"passed"`
	Failed  int       `json:"failed"`
	Skipped int       `json:"skipped"`
	Checks  []Result  `json:"checks"`
	// Kept are the instances that were left.
	Kept []string `json:"kept"`
}

func (t *trial) report(results []Result) Report {
	r := Report{
		Pack: t.info.Name, Version: t.info.Version, Digest: t.info.Digest, OS: t.info.OS,
		Started: t.started.UTC(), Seconds: seconds(t.options.Now().Sub(t.started)), Checks: results, Kept: []string{},
	}
	if r.Pack == "" {
		r.Pack = t.options.Pack
	}
	if t.options.Keep {
		r.Kept = append(r.Kept, t.made...)
	}
	for _, result := range results {
		switch result.Outcome {
		case Passed:
			r.Passed++
		case Failed:
			r.Failed++
		case Skipped:
			r.Skipped++
		}
	}
	return r
}

// Failures are the checks that failed.
func (r Report) Failures() []Result {
	return slices.DeleteFunc(slices.Clone(r.Checks), func(result Result) bool { return result.Outcome != Failed })
}

// seconds are rounded to milliseconds: more is noise.
func seconds(d time.Duration) float64 { return d.Round(time.Millisecond).Seconds() }
