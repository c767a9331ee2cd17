package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	// coldRatio and warmRatio are what a provision may take of svp up.
	coldRatio = 1.1
	warmRatio = 0.15
	// pooled is how many instances of each plan are kept ready.
	pooled = 2
	// poolFilled is how long filling or emptying the pool may take.
	poolFilled = 5 * time.Minute
	// provisionRounds bounds how often each way is measured.
	provisionRounds = 4
)

// provisionPacks are those with which provisioning is measured: a quick one and a
// slow one.
var provisionPacks = [...]string{"redis", "postgresql"}

// provision measures from the request to the answer that the instance is there,
// as a platform sees it, against svp up.
func (b *bench) provision(ctx context.Context) error {
	t := newTable(b.out, "pack", "", "broker, s", "svp up, s", "ratio", "difference [interval]")
	defer t.end()
	for _, name := range provisionPacks {
		p, err := b.pack(name)
		if err != nil {
			return err
		}
		if err := b.provisionOf(ctx, p, t); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) provisionOf(ctx context.Context, p pack, t table) (err error) {
	b.doing("%s: base image", p.name)
	if _, err := b.svp(ctx, "build", "-b", p.dir, "-t", b.image(p, "base")); err != nil {
		return err
	}
	cold, err := b.startBroker(ctx, b.brokerStore(), []string{p.dir})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cold.stop()) }()
	// A broker that has just started has made no credentials ahead yet.
	if _, err := b.provisionOnce(ctx, cold, p, false); err != nil {
		return err
	}
	ways := []measurement{
		b.upOnce(p),
		func(ctx context.Context) (time.Duration, error) { return b.provisionOnce(ctx, cold, p, false) },
		func(ctx context.Context) (time.Duration, error) { return b.provisionOnce(ctx, cold, p, true) },
	}
	b.doing("%s: svp up and provisions, in turns", p.name)
	taken, err := inTurns(ctx, min(b.pairs, provisionRounds), ways...)
	if err != nil {
		return err
	}
	warm, err := b.provisionWarm(ctx, p)
	if err != nil {
		return err
	}
	up := taken[0]
	for _, row := range []struct {
		what string
		took sample
	}{{"the client waits", taken[1]}, {"the client polls", taken[2]}} {
		t.compared(row.took, up, p.name, row.what)
		b.judgeSamples("provision "+p.name+", "+row.what, row.took, up, coldRatio)
	}
	const fromPool = "from the pool"
	t.apart(warm, up, p.name, fromPool)
	b.judgeRatio("provision "+p.name+", "+fromPool, warm.median().Seconds(), up.median().Seconds(), warmRatio)
	return nil
}

// upOnce measures svp up.
func (b *bench) upOnce(p pack) measurement {
	return func(ctx context.Context) (took time.Duration, err error) {
		name := b.name("up")
		defer func() { err = b.destroyAfter(ctx, name, err) }()
		done, _, err := b.up(ctx, p, name)
		return done.took, err
	}
}

// provisionOnce measures a provision, and then takes the instance away.
func (b *bench) provisionOnce(ctx context.Context, s *broker, p pack, async bool) (took time.Duration, err error) {
	offered, id := s.services[p.name], b.name("provision")
	defer func() { err = s.deprovisionAfter(ctx, offered, id, err) }()
	return timed(func() error { return s.provision(ctx, offered, id, async) })
}

// provisionWarm measures provisions from a pool that is full when each begins.
func (b *bench) provisionWarm(ctx context.Context, p pack) (warm sample, err error) {
	b.doing("%s: provisions from the pool", p.name)
	store := b.brokerStore()
	s, err := b.startBroker(ctx, store, []string{p.dir}, "--warm", strconv.Itoa(pooled))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.stop(), b.emptyPool(ctx, store, p)) }()
	for range min(b.pairs, provisionRounds) {
		if err := s.awaitPool(ctx, pooled); err != nil {
			return nil, err
		}
		if err := warm.add(ctx, func(ctx context.Context) (time.Duration, error) {
			return b.provisionOnce(ctx, s, p, true)
		}); err != nil {
			return nil, err
		}
	}
	return warm, nil
}

// emptyPool lets a broker that keeps no instances remove those of the pool.
func (b *bench) emptyPool(ctx context.Context, store string, p pack) (err error) {
	ctx, cancel := cleanupContext(ctx)
	defer cancel()
	s, err := b.startBroker(ctx, store, []string{p.dir})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	return s.awaitPool(ctx, 0)
}

// awaitPool waits until so many instances are ready, and none is being made.
func (s *broker) awaitPool(ctx context.Context, count int) error {
	ctx, cancel := context.WithTimeout(ctx, poolFilled)
	defer cancel()
	again := time.NewTicker(poolPoll)
	defer again.Stop()
	for {
		ready, others, err := s.pool(ctx)
		if err != nil {
			return err
		}
		if ready == count && others == 0 {
			return nil
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for %d instances in the pool: %w", count, ctx.Err())
		}
	}
}

// poolPoll is how often the pool is looked at: seldom enough to cost nothing.
const poolPoll = 200 * time.Millisecond

// pool tells how many instances of the pool are ready, and how many are not.
func (s *broker) pool(ctx context.Context) (ready, others int, err error) {
	answer, err := s.do(ctx, http.MethodGet, "/metrics", nil, nil)
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(answer.body)) {
		labels, value, found := strings.Cut(strings.TrimPrefix(line, "svp_broker_pool_instances{"), "} ")
		if !found || !strings.HasPrefix(line, "svp_broker_pool_instances{") {
			continue
		}
		count, err := strconv.Atoi(strings.TrimSpace(value))
		if err != nil {
			return 0, 0, fmt.Errorf("read the metrics: %w", err)
		}
		if strings.Contains(labels, `ready="true"`) {
			ready += count
		} else {
			others += count
		}
	}
	return ready, others, nil
}

// provision asks for an instance, and waits until it is there: for the answer, or
// by polling as often as the broker asks for.
func (s *broker) provision(ctx context.Context, offered service, id string, async bool) error {
	path := "/v2/service_instances/" + id
	query := url.Values{}
	if async {
		query.Set("accepts_incomplete", "true")
	}
	answer, err := s.do(ctx, http.MethodPut, path, query, map[string]any{
		"service_id": offered.id, "plan_id": offered.plan, "organization_guid": "bench", "space_guid": "bench",
	})
	if err != nil || answer.status == http.StatusCreated {
		return err
	}
	var begun struct{ Operation string }
	if err := json.Unmarshal(answer.body, &begun); err != nil {
		return fmt.Errorf("read the answer to a provision: %w", err)
	}
	for {
		if err := pause(ctx, answer.retryAfter); err != nil {
			return err
		}
		answer, err = s.do(ctx, http.MethodGet, path+"/last_operation", url.Values{"operation": {begun.Operation}}, nil)
		if err != nil {
			return err
		}
		var told struct{ State, Description string }
		if err := json.Unmarshal(answer.body, &told); err != nil {
			return fmt.Errorf("read how far a provision is: %w", err)
		}
		switch told.State {
		case "succeeded":
			return nil
		case "failed":
			return fmt.Errorf("provision %s: %s", id, told.Description)
		}
	}
}

// pause waits for as long as the broker asks for in Retry-After.
func pause(ctx context.Context, retryAfter string) error {
	wait, err := strconv.Atoi(retryAfter)
	if err != nil {
		return fmt.Errorf("read Retry-After: %w", err)
	}
	select {
	case <-time.After(time.Duration(wait) * time.Second):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// deprovisionAfter takes the instance away after a measurement, also when that
// failed or was interrupted.
func (s *broker) deprovisionAfter(ctx context.Context, offered service, id string, err error) error {
	ctx, cancel := cleanupContext(ctx)
	defer cancel()
	_, deleteErr := s.do(ctx, http.MethodDelete, "/v2/service_instances/"+id, url.Values{
		"service_id": {offered.id}, "plan_id": {offered.plan},
	}, nil)
	if err != nil {
		return err // there may be no instance
	}
	return deleteErr
}
