package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/servicepack/svp/engine"
)

// plainRenderer shows an event a line.
type plainRenderer struct {
	out   io.Writer
	quiet bool // warnings only
}

func (r plainRenderer) Event(event engine.Event) {
	if r.quiet && event.Kind != engine.Warning {
		return
	}
	// Where stderr is gone nobody is left to be told; so for all renderers.
	_, _ = io.WriteString(r.out, plainLine(event))
}

func (plainRenderer) Close() {}

func plainLine(event engine.Event) string {
	switch event.Kind {
	case engine.PhaseStarted:
		return fmt.Sprintf("%s: %s started\n", program, phaseTitle(event))
	case engine.PhaseDone:
		return fmt.Sprintf("%s: %s done (%s)\n", program, phaseTitle(event), seconds(event.Elapsed))
	case engine.PhaseFailed:
		return fmt.Sprintf("%s: %s failed (%s)\n", program, phaseTitle(event), seconds(event.Elapsed))
	case engine.PhaseOutput:
		return fmt.Sprintf("%s: %s: %s\n", program, event.Phase, printable(event.Text))
	case engine.Warning:
		return fmt.Sprintf("%s: warning: %s\n", program, oneLine(event.Text))
	case engine.Note:
	}
	return fmt.Sprintf("%s: %s\n", program, oneLine(event.Text))
}

// phaseTitle names a phase and what it is about: "base redis".
func phaseTitle(event engine.Event) string {
	if event.Subject == "" {
		return event.Phase
	}
	return event.Phase + " " + printable(event.Subject)
}

// seconds shows a duration as 0.04s, 12.3s or 3m05s.
func seconds(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%.2fs", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	d = d.Round(time.Second)
	return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
}

// jsonRenderer writes each event as one JSON object a line.
type jsonRenderer struct{ encoder *json.Encoder }

func newJSONRenderer(out io.Writer) jsonRenderer {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	return jsonRenderer{encoder}
}

func (r jsonRenderer) Event(event engine.Event) { _ = r.encoder.Encode(event) }

func (jsonRenderer) Close() {}
