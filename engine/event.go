package engine

import "time"

// EventKind tells what an Event reports.
type EventKind string

// The kinds of events.
const (
	// PhaseStarted: a step begins that takes noticeable time.
	PhaseStarted EventKind = "started"
	// PhaseOutput: a script, or the host, wrote a line.
	PhaseOutput EventKind = "output"
	// PhaseDone: the step ended well.
	PhaseDone EventKind = "done"
	// PhaseFailed: the step failed; the error itself is returned, not reported.
	PhaseFailed EventKind = "failed"
	// Note: something that the user should know.
	Note EventKind = "note"
	// Warning: something that the user should look at.
	Warning EventKind = "warning"
)

// Event is one thing that happened during an operation.
type Event struct {
	Time    time.Time     `json:"time"`
	Kind    EventKind     `json:"kind"`
	Phase   string        `json:"phase,omitempty"`   // "base", "setup", "start", "ready", "pull", "bootstrap"
	Subject string        `json:"subject,omitempty"` // the pack, instance or image it is about
	Text    string        `json:"text,omitempty"`    // the line, or the sentence
	Elapsed time.Duration `json:"elapsed,omitempty"` // of the phase, in nanoseconds, when it ends
	LogFile string        `json:"log_file,omitempty"`
}

func (e *Engine) emit(event Event) {
	if e.config.Events == nil {
		return
	}
	if event.Time.IsZero() {
		event.Time = e.now()
	}
	e.eventMu.Lock()
	defer e.eventMu.Unlock()
	e.config.Events(event)
}

func (e *Engine) note(text string) { e.emit(Event{Kind: Note, Text: text}) }

func (e *Engine) warn(text string) { e.emit(Event{Kind: Warning, Text: text}) }
