package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// provisionsRatio is what many provisions at once may take of the floor.
const provisionsRatio = 1.15

// provisions measures many instances that a platform asks for at once, against
// the same made with Docker's API alone.
func (b *bench) provisions(ctx context.Context) (err error) {
	p, err := b.pack(concurrentPack)
	if err != nil {
		return err
	}
	made, err := b.makeBases(ctx, p)
	if err != nil {
		return err
	}
	s, err := b.startBroker(ctx, b.brokerStore(), []string{p.dir})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	// A broker that has just started has made no credentials ahead yet.
	if _, err := b.provisionOnce(ctx, s, p, false); err != nil {
		return err
	}
	brokers, floors, err := alternate(ctx, max(1, b.pairs/3),
		func(ctx context.Context) (time.Duration, error) {
			b.doing("%d × provision", concurrency)
			return b.provisionAtOnce(ctx, s, p)
		},
		func(ctx context.Context) (time.Duration, error) {
			b.doing("%d × floor", concurrency)
			return b.floorAtOnce(ctx, p, made.floor)
		})
	if err != nil {
		return err
	}
	t := newTable(b.out, "", "broker, s", "floor, s", "ratio", "difference [interval]")
	t.compared(brokers, floors, fmt.Sprintf("%d × %s", concurrency, p.name))
	t.end()
	b.judgeSamples(fmt.Sprintf("%d × provision %s", concurrency, p.name), brokers, floors, provisionsRatio)
	return nil
}

// provisionAtOnce fails when one of them does.
func (b *bench) provisionAtOnce(ctx context.Context, s *broker, p pack) (took time.Duration, err error) {
	offered := s.services[p.name]
	ids := make([]string, concurrency)
	for i := range ids {
		ids[i] = b.name("at-once")
	}
	defer func() {
		for _, id := range ids {
			err = s.deprovisionAfter(ctx, offered, id, err)
		}
	}()
	return timed(func() error {
		return atOnce(func(i int) error { return s.provision(ctx, offered, ids[i], false) })
	})
}
