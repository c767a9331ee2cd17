package dashboard_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/servicepack/svp/engine/broker/dashboard"
)

func TestLogPageWorksWithoutJavaScript(t *testing.T) {
	t.Parallel()
	s := serve(t)
	guest := s.guest(t, "shop-id")
	s.source.log = strings.Repeat("an old line\n", 600) + "\x1b[31mred\x1b[0m \x00bell\a\xff\nlast"
	page := guest.get(s.path("shop-id")+"/log?component=pgbouncer").want(http.StatusOK).
		says("red bell\uFFFD\nlast</pre>", `<option value="pgbouncer" selected>`, "an old line")
	if lines := strings.Count(page.body, "an old line"); lines != 498 {
		t.Errorf("%d of the old lines are shown, want the last 500 of all", lines)
	}
	if refresh := page.Header.Get("Refresh"); refresh != "" {
		t.Errorf("the page reloads itself unasked: %q", refresh)
	}
	page = guest.get(s.path("shop-id") + "/log?follow=1&component=nonsense").want(http.StatusOK)
	if refresh := page.Header.Get("Refresh"); refresh != "5" {
		t.Errorf("the page does not reload itself: %q", refresh)
	}
	if asked := strings.Join(s.source.asked, " "); asked != "pgbouncer postgres" {
		t.Errorf("the logs of %q were asked for, want the chosen component's and then the first one's", asked)
	}
}

// stream opens a stream; it ends with the function that is returned.
func (v *visitor) stream(address string) (*bufio.Reader, context.CancelFunc) {
	v.t.Helper()
	ctx, cancel := context.WithCancel(v.t.Context())
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		v.t.Fatal(err)
	}
	client := *v.client
	client.Timeout = 0
	response, err := client.Do(request)
	if err != nil {
		v.t.Fatal(err)
	}
	v.t.Cleanup(func() {
		cancel()
		if err := response.Body.Close(); err != nil {
			v.t.Errorf("close a stream: %v", err)
		}
	})
	if response.StatusCode != http.StatusOK {
		v.t.Fatalf("%s: %s", address, response.Status)
	}
	return bufio.NewReader(response.Body), cancel
}

// readUntil reads a stream until a line is met.
func readUntil(t *testing.T, stream *bufio.Reader, line string) string {
	t.Helper()
	var before strings.Builder
	for {
		text, err := stream.ReadString('\n')
		if err != nil {
			t.Fatalf("the stream ended before %q: %v\n%s", line, err, before.String())
		}
		before.WriteString(text)
		if text == line+"\n" {
			return before.String()
		}
	}
}

func TestStreamsEndWithTheirViewer(t *testing.T) {
	t.Parallel()
	s := serve(t)
	guest := s.guest(t, "shop-id")
	for path, last := range map[string]string{"/log/stream?component=postgres": "last line", "/events?component=postgres": "data: last line"} {
		stream, leave := guest.stream(s.path("shop-id") + path)
		readUntil(t, stream, last)
		if s.source.viewers() == 0 {
			t.Errorf("%s: the log ended before the viewer left", path)
		}
		leave()
		eventually(t, "the log of "+path+" ends with its viewer", func() bool { return s.source.viewers() == 0 })
	}
}

func TestStreamsEndWithTheHandler(t *testing.T) {
	t.Parallel()
	s := serve(t)
	stream, _ := s.guest(t, "shop-id").stream(s.path("shop-id") + "/events")
	readUntil(t, stream, "data: last line")
	s.stop()
	if _, err := io.ReadAll(stream); err != nil {
		t.Errorf("the stream did not end as it should: %v", err)
	}
}

func TestStreamsEndWithTheirSession(t *testing.T) {
	t.Parallel()
	s := serve(t, func(c *dashboard.Config) { c.SessionLifetime = 5 * time.Second })
	stream, _ := s.guest(t, "shop-id").stream(s.path("shop-id") + "/log/stream")
	if text, err := io.ReadAll(stream); err != nil || !strings.Contains(string(text), "last line") {
		t.Errorf("the stream ended with %v after %q", err, text)
	}
}

func TestAPageIsBroughtUpToDate(t *testing.T) {
	t.Parallel()
	s := serve(t)
	stream, _ := s.guest(t, "shop-id").stream(s.path("shop-id") + "/events")
	readUntil(t, stream, "event: live")
	s.source.change("shop-id", func(i *dashboard.Instance) { i.State, i.Health = "restarting", "not ready" })
	live := readUntil(t, stream, "event: live") + readUntil(t, stream, "")
	if !strings.Contains(live, `<span class="badge busy">restarting</span>`) {
		t.Errorf("the new state is not in what was sent:\n%s", live)
	}
	if strings.Contains(live, "csrf") {
		t.Errorf("what was sent holds a form:\n%s", live)
	}
}

func TestTheEndOfTheLogAndOfTheInstanceAreTold(t *testing.T) {
	t.Parallel()
	s := serve(t)
	guest := s.guest(t, otherID)
	s.source.logEnds = true
	stream, _ := guest.stream(s.path(otherID) + "/events")
	readUntil(t, stream, "event: end")
	// What comes after that comes later than the server's limit for requests.
	readUntil(t, stream, ": still here")
	s.source.mu.Lock()
	delete(s.source.instances, otherID)
	s.source.mu.Unlock()
	readUntil(t, stream, "event: gone")
	if _, err := io.ReadAll(stream); err != nil {
		t.Error(err)
	}
}

func TestAnEventCannotBeForgedByALogLine(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.source.log = "a\rdata: x\r\revent: live\rdata: <b>\n\nevent: gone\nend\n"
	stream, _ := s.guest(t, "shop-id").stream(s.path("shop-id") + "/events")
	text := readUntil(t, stream, "data: end")
	if strings.Contains(text, "\r") || strings.Contains(text, "\nevent: gone") {
		t.Errorf("the log's text became a part of the protocol: %q", text)
	}
}

func TestStreamsAreBounded(t *testing.T) {
	t.Parallel()
	s := serve(t)
	guest := s.guest(t, "shop-id")
	for range 256 {
		guest.stream(s.path("shop-id") + "/log/stream")
	}
	page := guest.get(s.path("shop-id") + "/log/stream").want(http.StatusServiceUnavailable)
	if page.Header.Get("Retry-After") == "" {
		t.Error("the answer does not say when to try again")
	}
	guest.get(s.path("shop-id")).want(http.StatusOK)
}
