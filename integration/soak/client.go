package soak

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"
)

// client uses one instance id, and does so alone: what it is answered depends on
// nobody else.
type client struct {
	id      string
	brokers *pair
	offer   offer
	chooser chooser
	worlds  []world
	// retried is what had no answer, and is asked for again, as platforms do.
	retried []request
	history []string
	answers map[string]int // by kind and status
	// tokens are all credentials that the client was ever given.
	tokens map[string]bool
}

func newClient(id string, brokers *pair, o offer, random *rand.Rand) *client {
	return &client{
		id: id, brokers: brokers, offer: o, chooser: chooser{random}, worlds: []world{{presence: absent}},
		answers: map[string]int{}, tokens: map[string]bool{},
	}
}

// pairs is how many of a hundred requests come with another at the same time.
const pairs = 20

// step makes one request or two, and returns how many of them count: all but those
// which had no answer, or no other than that an operation is still in progress.
func (c *client) step(ctx context.Context) (int, error) {
	believed := pick(c.chooser, c.worlds)
	requests := c.retried
	c.retried = nil
	if len(requests) == 0 {
		requests = []request{c.chooser.request(believed)}
	}
	if len(requests) == 1 && c.chooser.chance(pairs) {
		requests = append(requests, c.chooser.second(requests[0], believed))
	}
	return c.exchange(ctx, requests...)
}

// exchange sends the requests at the same time, to both brokers where there are
// two, and judges the answers. It returns how many of them count.
func (c *client) exchange(ctx context.Context, requests ...request) (count int, err error) {
	got := make([]*answer, len(requests))
	errs := make([]error, len(requests))
	first := c.chooser.random.IntN(len(c.brokers.all))
	begun := time.Now()
	var group sync.WaitGroup
	for i := range requests {
		requests[i].index, requests[i].kills, requests[i].paired = i, c.brokers.killed(), len(requests) > 1
		group.Go(func() { got[i], errs[i] = c.ask(ctx, (first+i)%len(c.brokers.all), requests[i]) })
	}
	group.Wait()
	for i, r := range requests {
		c.note(begun, r, got[i])
		switch {
		case got[i] == nil && c.chooser.chance(70):
			c.retried = append(c.retried, r)
		case got[i] != nil && got[i].state != running:
			count++
		}
	}
	if err := errors.Join(errs...); err != nil {
		return count, c.broken(err)
	}
	left := judge(c.worlds, requests, got, c.brokers.killed())
	if len(left) == 0 {
		return count, c.broken(errors.New("the last answer is wrong in every world that may be the case"))
	}
	c.worlds = left
	return count, nil
}

// ask sends the request. No answer, as from a broker that is killed, is none.
func (c *client) ask(ctx context.Context, broker int, r request) (*answer, error) {
	used, err := c.brokers.running(ctx, broker)
	if err != nil {
		return nil, err
	}
	got, err := used.TryDo(ctx, r.message(c.id, c.offer))
	if err != nil {
		if ctx.Err() != nil || isTimeout(err) {
			return nil, fmt.Errorf("no answer to %v: %w", r, err)
		}
		return nil, nil //nolint:nilnil // see above
	}
	read, err := readAnswer(got, c.offer)
	if err != nil {
		return nil, err
	}
	return &read, nil
}

func isTimeout(err error) bool {
	var late interface{ Timeout() bool }
	return errors.As(err, &late) && late.Timeout()
}

func (c *client) note(begun time.Time, r request, got *answer) {
	what, key := "no answer", string(r.kind)+": none"
	if got != nil {
		what, key = got.String(), strings.TrimSpace(fmt.Sprintf("%s: %d %s", r.kind, got.status, got.state))
		if token := tokenOf(got.credentials); token != "" {
			c.tokens[token] = true
		}
	}
	c.answers[key]++
	c.history = append(c.history, fmt.Sprintf("%s +%v %v => %s", begun.Format("15:04:05.000"),
		time.Since(begun).Round(time.Millisecond), r, what))
}

// ruleError is what a broker did that it must not do.
type ruleError struct {
	client *client
	err    error
}

func (c *client) broken(err error) error { return &ruleError{client: c, err: err} }

// Error shows what led to it.
func (b *ruleError) Error() string {
	const shown = 15
	c := b.client
	var text strings.Builder
	fmt.Fprintf(&text, "instance %q: %v\n", c.id, b.err)
	for _, line := range c.history[max(0, len(c.history)-shown):] {
		fmt.Fprintf(&text, "  %s\n", line)
	}
	fmt.Fprintf(&text, "before the last answer, with %d brokers killed by now, this may have been the case:\n", c.brokers.killed())
	for _, w := range c.worlds {
		fmt.Fprintf(&text, "  %+v\n", w)
	}
	return text.String()
}

func (b *ruleError) Unwrap() error { return b.err }
