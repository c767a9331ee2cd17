package broker

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/servicepack/svp/engine"
	"github.com/servicepack/svp/engine/broker/store"
)

// poolInterval is how often the pool is looked at when nothing wakes it, and
// poolRetry how long a plan rests of which an instance could not be made.
const (
	poolInterval = 15 * time.Second
	poolRetry    = time.Minute
)

// wakePool lets the pool be looked at soon.
func (b *Broker) wakePool() {
	select {
	case b.poolWake <- struct{}{}:
	default:
	}
}

// keepPool keeps instances of every plan ready, until the context ends.
func (b *Broker) keepPool(ctx context.Context) {
	keeper := &poolKeeper{broker: b, rest: map[string]time.Time{}}
	ticker := time.NewTicker(poolInterval)
	defer ticker.Stop()
	for {
		if err := keeper.tend(ctx); err != nil && ctx.Err() == nil {
			b.log.ErrorContext(ctx, "could not keep the pool", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-b.poolWake:
		case <-ticker.C:
		}
	}
}

// poolKeeper fills the pool one instance after the other: who asks for one now
// goes first.
type poolKeeper struct {
	broker *Broker
	rest   map[string]time.Time // plans that rest, by id
}

func (k *poolKeeper) tend(ctx context.Context) error {
	if err := k.clear(ctx); err != nil {
		return err
	}
	for _, s := range k.broker.catalog.Load().sorted() {
		for _, p := range s.order {
			for k.broker.config.Warm > 0 && !k.rests(p) && ctx.Err() == nil {
				added, err := k.add(ctx, p)
				if err != nil {
					return err
				}
				if !added {
					break
				}
			}
		}
	}
	return ctx.Err()
}

func (k *poolKeeper) rests(p *servicePlan) bool { return k.broker.now().Before(k.rest[p.id]) }

// add makes one instance of the plan, unless there are enough of them.
func (k *poolKeeper) add(ctx context.Context, p *servicePlan) (bool, error) {
	b := k.broker
	pack := p.service.offer.Pack
	pooled := store.Pooled{
		Name: instanceName(pack.Name), ServiceID: p.service.id, PlanID: p.id, Pack: pack.Name, PackDigest: pack.Digest, Owner: b.owner,
	}
	added, err := b.config.Store.AddPooled(ctx, pooled, b.config.Warm)
	if err != nil || !added {
		return false, err
	}
	_, err = b.config.Engine.Up(ctx, engine.UpOptions{
		Pack: p.service.pack, Name: pooled.Name, Plan: p.offered.Name, Timeout: b.config.Timeout,
	})
	if err == nil {
		err = b.config.Store.ReadyPooled(ctx, pooled.Name, b.owner)
	}
	if err == nil {
		return true, nil
	}
	b.log.ErrorContext(ctx, "an instance of the pool was not made", "instance", pooled.Name, "error", err)
	k.rest[p.id] = b.now().Add(poolRetry)
	if ctx.Err() != nil {
		return false, ctx.Err() // the next broker removes it
	}
	return false, k.discard(ctx, pooled)
}

// discard removes an instance of the pool, and then forgets it.
func (k *poolKeeper) discard(ctx context.Context, pooled store.Pooled) error {
	err := k.broker.config.Engine.Destroy(ctx, pooled.Name)
	if err != nil && !errors.Is(err, engine.ErrNoInstance) {
		return err
	}
	_, err = k.broker.config.Store.DeletePooled(ctx, pooled.Name)
	return err
}

// clear removes what the pool should not hold, and what is no affair of another
// broker that lives: what was left half made, instances of packs or plans that are
// offered no more, and those that are too many.
func (k *poolKeeper) clear(ctx context.Context) error {
	pool, err := k.broker.config.Store.Pool(ctx)
	if err != nil {
		return err
	}
	alive, err := k.broker.config.Store.Owners(ctx, patience)
	if err != nil {
		return err
	}
	kept := map[string]int{}
	for _, pooled := range pool {
		if pooled.Ready && k.isOffered(pooled) && kept[pooled.PlanID] < k.broker.config.Warm {
			kept[pooled.PlanID]++
			continue
		}
		if pooled.Owner != k.broker.owner && slices.Contains(alive, pooled.Owner) {
			continue // the affair of another broker, whose packs may be others
		}
		if err := k.remove(ctx, pooled); err != nil {
			return err
		}
	}
	return nil
}

// remove removes an instance that nobody is to be given any more. As long as it is
// there the pool knows of it.
func (k *poolKeeper) remove(ctx context.Context, pooled store.Pooled) error {
	if pooled.Ready {
		withdrawn, err := k.broker.config.Store.WithdrawPooled(ctx, pooled.Name, k.broker.owner)
		if err != nil || !withdrawn {
			return err
		}
	}
	return k.discard(ctx, pooled)
}

func (k *poolKeeper) isOffered(pooled store.Pooled) bool {
	p, err := k.broker.catalog.Load().plan(pooled.ServiceID, pooled.PlanID)
	return err == nil && p.service.offer.Pack.Digest == pooled.PackDigest
}
