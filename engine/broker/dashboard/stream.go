package dashboard

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	eventStream = "text/event-stream"

	// maxStreams bounds what viewers can keep open.
	maxStreams = 256
	// writeTimeout is how long a viewer may take to receive something.
	writeTimeout = 30 * time.Second
	// liveInterval is how often a page that is open is brought up to date. It
	// also finds out which viewers have gone.
	liveInterval = 4 * time.Second
	// reopenMillis is after how long a browser opens a stream again.
	reopenMillis = 3000
)

// logPage shows the end of the log without JavaScript; it reloads itself when
// that is asked for.
func (h *Handler) logPage(w http.ResponseWriter, r *http.Request, v visit) {
	ctx, cancel := context.WithTimeout(r.Context(), sourceTimeout)
	defer cancel()
	instance, err := h.source.Instance(ctx, v.id)
	if err != nil {
		h.sourceFailed(w, r, v, "show the log", err)
		return
	}
	view := newLogView(h.instancePath(v.id), instance, r.URL.Query().Get("component"))
	view.Follow = r.URL.Query().Get("follow") == "1"
	if view.Follow {
		w.Header().Set("Refresh", "5")
	}
	tail := &lineTail{}
	lines := newLineWriter(tail.add)
	if err := h.source.Logs(ctx, v.id, view.Component, false, lines); err != nil {
		h.log.ErrorContext(ctx, "dashboard: read the log", "instance", v.id, "error", err)
		view.Failed = true
	}
	lines.end()
	view.Lines = strings.Join(tail.lines, "\n")
	h.render(w, r, http.StatusOK, "log.html", h.newPage("Log of "+liveView{Instance: instance}.Title(), v.session, view))
}

// logStream is the log as plain text that goes on for as long as the browser
// stays, which works without JavaScript.
func (h *Handler) logStream(w http.ResponseWriter, r *http.Request, v visit) {
	ctx, release, ok := h.openStream(w, r, v)
	if !ok {
		return
	}
	defer release()
	out, err := startLive(w, "text/plain; charset=utf-8", "")
	if err != nil {
		h.streamEnded(ctx, v, err)
		return
	}
	lines := newLineWriter(func(line string) error { return out.send(line + "\n") })
	err = h.source.Logs(ctx, v.id, r.URL.Query().Get("component"), true, lines)
	h.streamEnded(ctx, v, err)
	lines.end()
}

// events keeps a page up to date: "live" events carry its part that changes,
// "log" events a line of the log, and an "end" event says that the log has ended.
func (h *Handler) events(w http.ResponseWriter, r *http.Request, v visit) {
	ctx, release, ok := h.openStream(w, r, v)
	if !ok {
		return
	}
	out, err := startLive(w, eventStream, fmt.Sprintf("retry: %d\n\n", reopenMillis))
	if err != nil {
		release()
		h.streamEnded(ctx, v, err)
		return
	}
	var logs sync.WaitGroup
	logs.Go(func() {
		lines := newLineWriter(func(line string) error { return out.send(event("log", line)) })
		err := h.source.Logs(ctx, v.id, r.URL.Query().Get("component"), true, lines)
		h.streamEnded(ctx, v, err)
		lines.end()
		if ctx.Err() == nil {
			// The connection stays for the rest of the page.
			_ = out.send(event("end", ""))
		}
	})
	h.sendLive(ctx, v, out)
	release()
	// The writer must not be used after this function has returned.
	logs.Wait()
}

// sendLive sends the changing part of the page whenever it has changed.
func (h *Handler) sendLive(ctx context.Context, v visit, out *liveWriter) {
	ticker := time.NewTicker(liveInterval)
	defer ticker.Stop()
	var last string
	for {
		html, err := h.liveHTML(ctx, v.id)
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, ErrNotFound):
			_ = out.send(event("gone", ""))
			return
		case err != nil:
			h.log.ErrorContext(ctx, "dashboard: bring a page up to date", "instance", v.id, "error", err)
		}
		message := ": still here\n\n"
		if err == nil && html != last {
			message, last = event("live", html), html
		}
		if err := out.send(message); err != nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (h *Handler) liveHTML(ctx context.Context, id string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, sourceTimeout)
	defer cancel()
	view, err := h.live(ctx, id)
	if err != nil {
		return "", err
	}
	var html bytes.Buffer
	if err := templates().ExecuteTemplate(&html, "live", view); err != nil {
		return "", fmt.Errorf("render the page: %w", err)
	}
	return html.String(), nil
}

// openStream gives a context that ends with the viewer, the session or the
// handler, whichever is first.
func (h *Handler) openStream(w http.ResponseWriter, r *http.Request, v visit) (ctx context.Context, release func(), ok bool) {
	select {
	case h.streams <- struct{}{}:
	default:
		w.Header().Set("Retry-After", "10")
		h.message(w, r, message{
			Status: http.StatusServiceUnavailable, Title: "Too many pages are open", Back: h.instancePath(v.id),
			Text: "Close some windows that show a log, and try again.",
		})
		return nil, nil, false
	}
	ctx, cancel := context.WithTimeout(r.Context(), v.session.expires.Sub(h.now()))
	stop := h.onClose(cancel)
	return ctx, func() {
		stop()
		cancel()
		<-h.streams
	}, true
}

func (h *Handler) streamEnded(ctx context.Context, v visit, err error) {
	if err != nil && ctx.Err() == nil {
		h.log.InfoContext(ctx, "dashboard: a log ended", "instance", v.id, "error", err)
	}
}

// event is a server-sent event. Text of several lines takes several data fields.
func event(name, text string) string {
	var b strings.Builder
	b.WriteString("event: " + name + "\n")
	for line := range strings.SplitSeq(strings.ReplaceAll(text, "\r", ""), "\n") {
		b.WriteString("data: " + line + "\n")
	}
	b.WriteString("\n")
	return b.String()
}

// liveWriter sends text to a viewer at once. It is safe for concurrent use.
type liveWriter struct {
	mu         sync.Mutex
	w          http.ResponseWriter
	controller *http.ResponseController
}

// startLive begins an answer of that type with some text.
func startLive(w http.ResponseWriter, contentType, first string) (*liveWriter, error) {
	l := &liveWriter{w: w, controller: http.NewResponseController(w)}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("X-Accel-Buffering", "no") // for nginx in front
	return l, l.send(first)
}

func (l *liveWriter) send(text string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	// The server's own limit is for answers that end.
	if err := l.controller.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return fmt.Errorf("extend the time limit: %w", err)
	}
	if _, err := l.w.Write([]byte(text)); err != nil {
		return err
	}
	return l.controller.Flush()
}
