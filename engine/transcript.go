package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/servicepack/svp/engine/pack"
	"github.com/servicepack/svp/engine/plan"
)

// transcript is what a container that isolates queries has to say, as
// plan.PlanQuery has it. All of it comes from a pack that may be hostile.
type transcript struct {
	frames frameWriter
	notes  noteWriter

	asked   time.Time         // when the queries began; zero: not yet
	ended   map[int]time.Time // when the scripts of questions ended
	replies []pack.Reply
}

func newTranscript(questions int) *transcript {
	return &transcript{
		frames: frameWriter{missing: questions, replies: make(chan pack.Reply, questions)},
		notes:  noteWriter{notes: make(chan string, questions+1), last: tailWriter{limit: longestLine}},
		ended:  map[int]time.Time{},
	}
}

// errEnded is what a pack gets to hear when it has ended its own container, or
// the memory of that has run out.
var errEnded = errors.New("the container in which it is asked has ended; does it use too much memory, or start too many processes?")

// listen returns the replies when all are there, or when those that are missing
// are late. An error tells that the pack could not be asked; ended tells that
// nothing more is to be heard.
func (t *transcript) listen(ctx context.Context, ended <-chan error) ([]pack.Reply, error) {
	questions := cap(t.frames.replies)
	for len(t.replies) < questions {
		late, reason := t.patience()
		timer := time.NewTimer(late)
		select {
		case reply := <-t.frames.replies:
			t.replies = append(t.replies, reply)
		case note := <-t.notes.notes:
			t.take(note)
		case err := <-ended:
			t.drain()
			if len(t.replies) < questions && t.asked.IsZero() {
				return t.replies, fmt.Errorf("the container in which queries are isolated has ended: %s", t.lastWords(err))
			}
			t.giveUp(questions, errEnded)
		case <-timer.C:
			t.giveUp(questions, reason)
		case <-ctx.Done():
			timer.Stop()
			return t.replies, ctx.Err()
		}
		timer.Stop()
	}
	return t.replies, nil
}

// replyGrace is how long the reply of a query that has ended may take to come: what
// the contract gives a query that left something running, and what a busy host
// takes to hand the reply on.
const replyGrace = pack.QueryGrace + 8*time.Second

// patience is how much longer the next reply may take, and what it means when it
// takes longer.
func (t *transcript) patience() (time.Duration, error) {
	if t.asked.IsZero() {
		return isolateTimeout, errEnded // the context ends before
	}
	if ended, ok := t.ended[len(t.replies)]; ok {
		return replyGrace - time.Since(ended), pack.ErrLeftRunning
	}
	timeout := &pack.TimeoutError{After: pack.DefaultQueryTimeout}
	return pack.DefaultQueryTimeout - time.Since(t.asked), timeout
}

func (t *transcript) take(note string) {
	begin, question, ok := plan.QueryNote(note)
	switch {
	case ok && begin && t.asked.IsZero():
		t.asked = time.Now()
	case ok && !begin && question < cap(t.frames.replies) && t.ended[question].IsZero():
		t.ended[question] = time.Now()
	}
}

// drain takes what was heard and not looked at yet.
func (t *transcript) drain() {
	for {
		select {
		case reply := <-t.frames.replies:
			t.replies = append(t.replies, reply)
		case note := <-t.notes.notes:
			t.take(note)
		default:
			return
		}
	}
}

// giveUp settles what is missing: the reason is about the first.
func (t *transcript) giveUp(questions int, reason error) {
	for len(t.replies) < questions {
		t.replies = append(t.replies, pack.Reply{Err: reason})
		reason = &pack.TimeoutError{After: pack.DefaultQueryTimeout}
	}
}

func (t *transcript) lastWords(err error) string {
	words := strings.TrimSpace(string(t.notes.last.kept))
	if words == "" && err != nil {
		words = err.Error()
	}
	return words
}

// noteWriter takes lines apart. What nobody has asked for is dropped.
type noteWriter struct {
	notes chan string
	last  tailWriter
	held  bytes.Buffer
}

func (w *noteWriter) Write(output []byte) (int, error) {
	_, _ = w.last.Write(output) // never fails
	for _, b := range output {
		if b != '\n' {
			if w.held.Len() < longestNote {
				w.held.WriteByte(b)
			}
			continue
		}
		select {
		case w.notes <- w.held.String():
		default:
		}
		w.held.Reset()
	}
	return len(output), nil
}

const (
	longestNote  = 32
	longestFrame = 64 + pack.DefaultQueryLimit + pack.QueryMessages
)

// frameWriter takes frames apart.
type frameWriter struct {
	missing int
	replies chan pack.Reply // has room for all
	held    bytes.Buffer
}

func (w *frameWriter) Write(output []byte) (int, error) {
	for rest := output; w.missing > 0 && len(rest) > 0; {
		part := rest[:min(len(rest), longestFrame)]
		rest = rest[len(part):]
		w.held.Write(part)
		w.takeApart()
	}
	return len(output), nil
}

func (w *frameWriter) takeApart() {
	for w.missing > 0 {
		reply, length, err := parseFrame(w.held.Bytes())
		if length == 0 && err == nil {
			return // there is more to come
		}
		if err != nil {
			reply, length = pack.Reply{Err: err}, w.held.Len()
		}
		w.held.Next(length)
		w.missing--
		w.replies <- reply
	}
}

var errGarbled = errors.New("it meddled with the container in which it is asked")

// parseFrame reads the first frame. It returns a length of 0 when the frame is not
// complete.
func parseFrame(data []byte) (reply pack.Reply, length int, err error) {
	line, _, complete := bytes.Cut(data[:min(len(data), longestNote)], []byte("\n"))
	if !complete {
		if len(data) >= longestNote {
			return pack.Reply{}, 0, errGarbled
		}
		return pack.Reply{}, 0, nil
	}
	fields := strings.Fields(string(line))
	if len(fields) != 3 {
		return pack.Reply{}, 0, errGarbled
	}
	status, err1 := strconv.Atoi(fields[0])
	answer, err2 := strconv.Atoi(fields[1])
	messages, err3 := strconv.Atoi(fields[2])
	if errors.Join(err1, err2, err3) != nil || status < 0 || status > 255 ||
		answer < 0 || answer > pack.DefaultQueryLimit+1 || messages < 0 || messages > pack.QueryMessages+1 {
		return pack.Reply{}, 0, errGarbled
	}
	body := data[len(line)+1:]
	if len(body) < answer+messages {
		return pack.Reply{}, 0, nil
	}
	length = len(line) + 1 + answer + messages
	switch {
	case answer > pack.DefaultQueryLimit:
		reply.Err = &pack.LimitError{Bytes: pack.DefaultQueryLimit}
	case status != 0:
		reply.Err = pack.NewExitError(status, body[answer:answer+messages])
	default:
		reply.Answer = bytes.Clone(body[:answer])
	}
	return reply, length, nil
}
