package cli

import (
	"slices"

	"github.com/servicepack/svp/engine"
)

// progressMode is how events are shown.
type progressMode string

const (
	progressAuto  progressMode = "auto" // a live view on a terminal, else plain
	progressTTY   progressMode = "tty"
	progressPlain progressMode = "plain"
	progressJSON  progressMode = "json"
	progressQuiet progressMode = "quiet"
)

var progressModes = []string{"auto", "tty", "plain", "json", "quiet"}

// parseProgress reads the name of a mode; none means auto.
func parseProgress(name string) (progressMode, bool) {
	if name == "" {
		return progressAuto, true
	}
	return progressMode(name), slices.Contains(progressModes, name)
}

// renderer shows events on stderr. Nothing of a live view is left once no phase
// is under way, so that the result can be printed then.
type renderer interface {
	Event(event engine.Event)
	// Close ends what is shown; it does not wait.
	Close()
}

func (w *wiring) newRenderer(mode progressMode) renderer {
	if mode == progressAuto {
		mode = progressPlain
		if w.streams.ErrTerminal && w.getenv("TERM") != "dumb" {
			mode = progressTTY
		}
	}
	switch mode {
	case progressTTY:
		return newLiveView(w.streams.Err, w.colored(), w.now)
	case progressJSON:
		return newJSONRenderer(w.streams.Err)
	case progressQuiet:
		return plainRenderer{out: w.streams.Err, quiet: true}
	case progressAuto, progressPlain:
	}
	return plainRenderer{out: w.streams.Err}
}

// colored tells whether stderr may be coloured.
func (w *wiring) colored() bool {
	return w.streams.ErrTerminal && w.getenv("NO_COLOR") == "" && w.getenv("TERM") != "dumb"
}
