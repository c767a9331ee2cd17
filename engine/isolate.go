package engine

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/servicepack/svp/engine/archive"
	"github.com/servicepack/svp/engine/driver"
	"github.com/servicepack/svp/engine/envvar"
	"github.com/servicepack/svp/engine/pack"
	"github.com/servicepack/svp/engine/plan"
)

// isolateTimeout bounds the time that a container takes to come and to go, beside
// that of the queries themselves.
const isolateTimeout = time.Minute

// isolatedQuerier asks a pack in a throw-away container for all questions that are
// asked together. It implements pack.Querier.
type isolatedQuerier struct {
	engine  *Engine
	dir     *pack.Dir // set when the pack has been opened
	offline bool
}

// Query implements pack.Querier. Answers that depend on no secret are remembered
// as long as the pack stays as it is.
func (q *isolatedQuerier) Query(ctx context.Context, questions []pack.Question) []pack.Reply {
	digest, err := q.dir.Digest()
	if err != nil {
		return unasked(questions, nil, err)
	}
	key, cached := answersKey(digest, q.engine.queryOS(), questions)
	if cached {
		if replies, ok := q.engine.answers.get(key); ok {
			return replies
		}
	}
	replies := q.ask(ctx, questions)
	if cached {
		q.engine.answers.put(key, replies)
	}
	return replies
}

// ask asks in a container.
func (q *isolatedQuerier) ask(ctx context.Context, questions []pack.Question) []pack.Reply {
	ctx, cancel := q.engine.withTimeout(ctx, pack.DefaultQueryTimeout+isolateTimeout, 0)
	defer cancel()
	files, err := q.files(questions)
	if err != nil {
		return unasked(questions, nil, err)
	}
	id, err := q.create(ctx, questions)
	if err != nil {
		return unasked(questions, nil, causeOf(ctx, err))
	}
	// Whatever still runs in it ends, too.
	defer q.engine.removeInBackground(ctx, id)
	replies, err := q.engine.interview(ctx, id, files, len(questions))
	if err != nil {
		return unasked(questions, replies, causeOf(ctx, err))
	}
	return replies
}

// unasked adds to the replies that there are those to the questions that could not
// be asked.
func unasked(questions []pack.Question, replies []pack.Reply, err error) []pack.Reply {
	for range questions[len(replies):] {
		replies = append(replies, pack.Reply{Err: &pack.UnaskedError{Err: err}})
	}
	return replies
}

// files are those of the pack, and the secrets of the questions.
func (q *isolatedQuerier) files(questions []pack.Question) ([]archive.Entry, error) {
	entries := packEntries(q.dir)
	for i, question := range questions {
		if len(question.Secrets) == 0 {
			continue
		}
		var shell bytes.Buffer
		if err := envvar.Write(&shell, envvar.Shell, question.Secrets, envvar.Service{}); err != nil {
			return nil, fmt.Errorf("write the secrets: %w", err)
		}
		entries = append(entries, archive.Entry{
			Path: strings.TrimPrefix(plan.QuerySecretsFile(i), "/"), Mode: 0o600, Content: shell.Bytes(),
		})
	}
	return entries, nil
}

func (q *isolatedQuerier) create(ctx context.Context, questions []pack.Question) (string, error) {
	os, err := pack.ParseOS(q.engine.queryOS())
	if err != nil {
		return "", fmt.Errorf("isolate queries: %w", err)
	}
	image, err := q.engine.ensureOS(ctx, os, q.offline)
	if err != nil {
		return "", err
	}
	operation, err := q.engine.newOperation(ctx, pack.DefaultQueryTimeout+isolateTimeout)
	if err != nil {
		return "", err
	}
	d, err := q.engine.driver(ctx)
	if err != nil {
		return "", err
	}
	input := plan.QueryInput{
		Pack: q.dir.Name(), Image: image.ID, Limit: pack.DefaultQueryLimit, Messages: pack.QueryMessages, Operation: operation,
	}
	for _, question := range questions {
		input.Questions = append(input.Questions, question.Key)
	}
	for _, file := range q.dir.Files() {
		input.Files++
		input.Size += file.Size
	}
	return d.CreateContainer(ctx, plan.PlanQuery(input))
}

func (e *Engine) queryOS() string {
	if e.config.QueryOS == "" {
		return DefaultQueryOS
	}
	return e.config.QueryOS
}

// removeInBackground removes a container that nothing waits for but Close.
func (e *Engine) removeInBackground(ctx context.Context, container string) {
	e.background.Go(func() {
		if err := e.removeAfter(ctx, container, nil); err != nil {
			e.warn(fmt.Sprintf("a container is left behind, svp gc removes it: %v", err))
		}
	})
}

// interview starts the container, gives it the files and reads its replies. Those
// that it has come with an error, too.
func (e *Engine) interview(ctx context.Context, container string, files []archive.Entry, questions int) ([]pack.Reply, error) {
	d, err := e.driver(ctx)
	if err != nil {
		return nil, err
	}
	attachment, err := d.Attach(ctx, container)
	if err != nil {
		return nil, err
	}
	defer attachment.Close()
	heard := newTranscript(questions)
	ended := make(chan error, 1)
	go func() { ended <- attachment.Output(&heard.frames, &heard.notes) }()
	if err := d.StartContainer(ctx, container); err != nil {
		return nil, err
	}
	// Nobody answers when the files do not come.
	listening, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	go func() {
		if err := send(attachment, files); err != nil {
			stop(fmt.Errorf("the pack changed while it was asked: %w", err))
		}
	}()
	replies, err := heard.listen(listening, ended)
	if err != nil && ctx.Err() == nil && listening.Err() != nil {
		err = context.Cause(listening)
	}
	return replies, err
}

// send writes the files to the container's input and ends it. It fails when they
// cannot be read; a container that takes no more has ended, and that is heard.
func send(attachment driver.Attachment, files []archive.Entry) error {
	stream := archive.Reader(files)
	defer stream.Close()
	checked := &checkedReader{in: stream}
	_, err := io.Copy(attachment, checked)
	if broken := checked.failure(); broken != nil {
		return broken
	}
	if err == nil {
		_ = attachment.CloseInput() // as above
	}
	return nil
}
