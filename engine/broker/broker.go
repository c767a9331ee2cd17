package broker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/servicepack/svp/engine"
)

// Broker offers packs to platforms. It is safe for concurrent use.
type Broker struct {
	config  Config
	owner   string // names this broker in the store, for as long as it runs
	log     *slog.Logger
	metrics *metrics
	catalog atomic.Pointer[catalog]
	steps   steps

	reading   sync.Mutex // held while the packs are read
	packsRead uint64     // fingerprint of the packs that the catalog was read from
	readAt    time.Time

	// work is the context of operations, which outlive the requests.
	work     context.Context //nolint:containedctx // operations belong to the broker, not to a request
	stopWork context.CancelFunc

	mu       sync.Mutex
	closing  bool
	running  map[string]chan struct{} // by the operation's id; closed at its end
	working  sync.WaitGroup
	poolWake chan struct{}
	used     chan string // packs of which an instance was made
}

// New makes a broker, and reads the packs.
func New(ctx context.Context, config Config) (*Broker, error) {
	if config.Engine == nil || config.Store == nil || config.Credentials == nil || len(config.Packs) == 0 {
		return nil, errors.New("broker: Engine, Store, Credentials and Packs are required")
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	config.Timeout = cmp.Or(config.Timeout, DefaultTimeout)
	config.View = cmp.Or(config.View, engine.ViewHost)
	b := &Broker{
		config: config, owner: uuid.NewString(), log: config.Log,
		running: map[string]chan struct{}{}, poolWake: make(chan struct{}, 1), used: make(chan string, maxPrepared),
	}
	b.work, b.stopWork = context.WithCancel(context.WithoutCancel(ctx))
	b.metrics = newMetrics(b)
	if err := b.Reload(ctx); err != nil {
		return nil, err
	}
	// Before its first operation, which another broker would take over else.
	if err := config.Store.Beat(ctx, b.owner); err != nil {
		return nil, err
	}
	return b, nil
}

// Reload reads the packs anew. After an error the old catalog stays.
func (b *Broker) Reload(ctx context.Context) error {
	b.reading.Lock()
	defer b.reading.Unlock()
	return b.reload(ctx, fingerprint(b.config.Packs))
}

// reload reads the packs, whose fingerprint was taken before.
func (b *Broker) reload(ctx context.Context, seen uint64) error {
	read, err := readCatalog(ctx, b.config.Engine, b.config.Packs, b.config.DashboardClient)
	if err != nil {
		return fmt.Errorf("read the packs: %w", err)
	}
	for _, broken := range read.broken {
		b.log.WarnContext(ctx, "a pack is left out of the catalog", "pack", broken.Path, "error", broken.Err)
	}
	b.catalog.Store(read)
	b.packsRead, b.readAt = seen, b.now()
	b.log.InfoContext(ctx, "catalog read", "services", len(read.services), "broken", len(read.broken))
	for _, s := range read.services {
		b.prepare(s.pack)
	}
	b.wakePool()
	return nil
}

// maxPrepared is how many packs can wait to be prepared.
const maxPrepared = 64

// prepare lets credentials of the pack's next instances be made ahead. It is no
// matter when that is forgotten: then they are made when they are needed.
func (b *Broker) prepare(folder string) {
	select {
	case b.used <- folder:
	default:
	}
}

// keepPrepared makes credentials ahead, until the context ends.
func (b *Broker) keepPrepared(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case folder := <-b.used:
			if err := b.config.Engine.Prepare(ctx, folder); err != nil && ctx.Err() == nil {
				b.log.WarnContext(ctx, "could not make credentials ahead", "pack", folder, "error", err)
			}
		}
	}
}

// beatInterval is how often a broker tells the others that it lives, and patience
// how long they wait before they carry on what it was doing.
const (
	beatInterval = 2 * time.Second
	patience     = 5 * beatInterval
)

// Run carries on what a broker that is gone left unfinished, and keeps the pool
// warm, until the context ends. Then it waits for the operations in progress, for
// at most grace; those that have not ended by then are carried on by whoever
// opens the store next.
func (b *Broker) Run(ctx context.Context, grace time.Duration) error {
	// As long as operations are in progress, the others must see that it lives:
	// they would carry them on else, at the same time.
	living, leave := context.WithCancel(context.WithoutCancel(ctx))
	defer leave()
	var group sync.WaitGroup
	group.Go(func() { b.every(living, beatInterval, "keep the broker's place", b.beat) })
	group.Go(func() { b.keepPool(ctx) })
	group.Go(func() { b.keepPrepared(ctx) })
	group.Go(func() { b.watch(ctx) })
	group.Go(func() { b.every(ctx, pruneInterval, "forget old operations", b.prune) })
	<-ctx.Done()
	b.close(grace)
	leave()
	group.Wait()
	retire, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	return b.config.Store.Retire(retire, b.owner)
}

// pruneInterval is how often old operations are forgotten, and remembered how long
// they are kept: longer than any platform polls.
const (
	pruneInterval = time.Hour
	remembered    = 30 * 24 * time.Hour
)

func (b *Broker) prune(ctx context.Context) error { return b.config.Store.Prune(ctx, remembered) }

// every does something again and again. What fails is logged, and tried again.
func (b *Broker) every(ctx context.Context, interval time.Duration, what string, do func(context.Context) error) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		if err := do(ctx); err != nil && ctx.Err() == nil {
			b.log.ErrorContext(ctx, "could not "+what, "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// beat tells the other brokers that this one lives. A beat that is late is as good
// as none, so it is not waited for longer than the others wait.
func (b *Broker) beat(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := b.config.Store.Beat(ctx, b.owner); err != nil {
		return err
	}
	if b.isClosing() {
		return nil // what is abandoned now is for the others
	}
	return errors.Join(b.resume(ctx), b.adopt(ctx))
}

// resume carries on the broker's own operations that it does not work on: the
// store failed when they began, or when their end was to be recorded.
func (b *Broker) resume(ctx context.Context) error {
	own, err := b.config.Store.Owned(ctx, b.owner)
	if err != nil {
		return err
	}
	for _, operation := range own {
		b.begin(operation)
	}
	return nil
}

// adopt carries on the operations of brokers that are gone.
func (b *Broker) adopt(ctx context.Context) error {
	abandoned, err := b.config.Store.Abandoned(ctx, patience)
	if err != nil {
		return err
	}
	for _, operation := range abandoned {
		if operation.Owner == b.owner {
			continue
		}
		taken, err := b.config.Store.TakeOver(ctx, operation.ID, operation.Owner, b.owner)
		if err != nil {
			return err
		}
		if taken {
			b.log.InfoContext(ctx, "an abandoned operation is carried on", "operation", operation.ID, "kind", operation.Kind)
			operation.Owner = b.owner
			b.begin(operation)
		}
	}
	return nil
}

// close lets operations end, and gives up on those that take longer than grace.
func (b *Broker) close(grace time.Duration) {
	b.mu.Lock()
	b.closing = true
	b.mu.Unlock()
	ended := make(chan struct{})
	go func() {
		b.working.Wait()
		close(ended)
	}()
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-ended:
	case <-timer.C:
		b.mu.Lock()
		left := len(b.running)
		b.mu.Unlock()
		if left > 0 {
			b.log.Warn("operations in progress are interrupted; the next broker carries them on", "operations", left)
		}
	}
	b.stopWork()
	<-ended
}

// Ready tells whether the broker can serve: it is not shutting down, and its store
// answers.
func (b *Broker) Ready(ctx context.Context) error {
	if b.isClosing() {
		return errClosing
	}
	return b.config.Store.Ping(ctx)
}

// Event is to be given the engine's events, which tell how far operations are.
func (b *Broker) Event(event engine.Event) { b.steps.event(event) }

func (b *Broker) now() time.Time { return b.config.Now().UTC() }
