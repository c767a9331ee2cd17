package cli

import (
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mattn/go-runewidth"
	"github.com/vbauerster/mpb/v8/cwriter"

	"github.com/servicepack/svp/engine"
)

const (
	refreshInterval = 100 * time.Millisecond
	tailLines       = 5 // of a script's output, while it runs
)

// liveView shows each phase under way with its time and the last lines of its
// output; a phase that has ended leaves one line. It sits on the part of the
// progress library that redraws lines: there are no bars here, as nobody knows
// how long a script takes.
type liveView struct {
	paint paint
	now   func() time.Time

	mu     sync.Mutex
	screen *cwriter.Writer
	phases []*livePhase
	drawn  int // lines of the view that are on the screen
	frame  int
	stop   chan struct{} // ends the refreshing; nil while nothing is under way
}

// livePhase is a phase under way.
type livePhase struct {
	title   string
	phase   string
	subject string
	started time.Time
	tail    []string
}

func newLiveView(out io.Writer, colored bool, now func() time.Time) *liveView {
	return &liveView{paint: paint(colored), now: now, screen: cwriter.New(out)}
}

// Event changes the view.
func (v *liveView) Event(event engine.Event) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch event.Kind {
	case engine.PhaseStarted:
		v.begin(event)
	case engine.PhaseOutput:
		v.output(event)
	case engine.PhaseDone:
		v.end(event, v.paint.green("✓"))
	case engine.PhaseFailed:
		v.end(event, v.paint.red("✗"))
	case engine.Warning:
		v.draw(v.paint.yellow("warning: ") + oneLine(event.Text))
	case engine.Note:
		v.draw(oneLine(event.Text))
	}
}

// Close removes what is left of the view.
func (v *liveView) Close() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.phases = nil
	v.draw()
	v.settle()
}

func (v *liveView) begin(event engine.Event) {
	v.phases = append(v.phases, &livePhase{
		title: phaseTitle(event), phase: event.Phase, subject: event.Subject, started: v.now(),
	})
	if v.stop == nil {
		v.stop = make(chan struct{})
		go v.refresh(v.stop)
	}
}

// refresh redraws until stop is closed.
func (v *liveView) refresh(stop <-chan struct{}) {
	ticker := time.NewTicker(refreshInterval)
	defer ticker.Stop()
	for {
		select {
		case <-stop:
			return
		case <-ticker.C:
			v.tick(stop)
		}
	}
}

func (v *liveView) tick(stop <-chan struct{}) {
	v.mu.Lock()
	defer v.mu.Unlock()
	select {
	case <-stop: // the view ended while this tick waited for it
	default:
		v.frame++
		v.draw()
	}
}

func (v *liveView) output(event engine.Event) {
	i := v.index(event)
	text := printable(event.Text)
	if i < 0 || strings.TrimSpace(text) == "" {
		return
	}
	phase := v.phases[i]
	phase.tail = append(phase.tail, text)
	if len(phase.tail) > tailLines {
		phase.tail = phase.tail[1:]
	}
}

func (v *liveView) end(event engine.Event, mark string) {
	if i := v.index(event); i >= 0 {
		v.phases = slices.Delete(v.phases, i, i+1)
	}
	v.draw(mark + " " + phaseTitle(event) + v.paint.dim(" ("+seconds(event.Elapsed)+")"))
	v.settle()
}

// settle stops the refreshing when nothing is under way.
func (v *liveView) settle() {
	if len(v.phases) == 0 && v.stop != nil {
		close(v.stop)
		v.stop = nil
	}
}

func (v *liveView) index(event engine.Event) int {
	return slices.IndexFunc(v.phases, func(p *livePhase) bool {
		return p.phase == event.Phase && p.subject == event.Subject
	})
}

// draw writes the lines that stay, and below them the view in place of the one
// before.
func (v *liveView) draw(lasting ...string) {
	if len(lasting) == 0 && len(v.phases) == 0 && v.drawn == 0 {
		return
	}
	for _, line := range lasting {
		_, _ = io.WriteString(v.screen, line+"\n")
	}
	lines := v.lines()
	for _, line := range lines {
		_, _ = io.WriteString(v.screen, line+"\n")
	}
	v.drawn = len(lines)
	_ = v.screen.Flush(len(lines))
}

func (v *liveView) lines() []string {
	width, height := 80, 24
	if v.screen.IsTerminal() {
		if w, h, err := v.screen.GetTermSize(); err == nil && w > 0 && h > 0 {
			width, height = w, h
		}
	}
	var lines []string
	for _, phase := range v.phases {
		lines = append(lines, v.headline(phase, width))
		for _, text := range phase.tail {
			lines = append(lines, v.paint.dim(runewidth.Truncate("  "+text, width-1, "…")))
		}
	}
	// What scrolled out of the screen could not be redrawn.
	return lines[:min(len(lines), max(height-1, 1))]
}

var spinner = []string{"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"}

func (v *liveView) headline(phase *livePhase, width int) string {
	elapsed := seconds(v.now().Sub(phase.started).Truncate(refreshInterval))
	title := runewidth.Truncate(phase.title, max(width-len(elapsed)-5, 1), "…")
	return v.paint.cyan(spinner[v.frame%len(spinner)]) + " " + title + " " + v.paint.dim(elapsed)
}

// paint colours text, or does not.
type paint bool

func (p paint) color(code, text string) string {
	if !p || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (p paint) red(text string) string    { return p.color("31", text) }
func (p paint) green(text string) string  { return p.color("32", text) }
func (p paint) yellow(text string) string { return p.color("33", text) }
func (p paint) cyan(text string) string   { return p.color("36", text) }
func (p paint) dim(text string) string    { return p.color("2", text) }
