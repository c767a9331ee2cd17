package soak

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/servicepack/svp/integration/svptest"
)

// pair are two brokers that share a store.
type pair struct {
	suite   *svptest.Suite
	options svptest.BrokerOptions

	mu    sync.Mutex
	all   [2]*svptest.Broker // nil: killed, and not yet there again
	ever  []*svptest.Broker
	kills int
}

func startPair(t testing.TB, suite *svptest.Suite, options svptest.BrokerOptions) *pair {
	t.Helper()
	p := &pair{suite: suite, options: options}
	for i := range p.all {
		p.start(t, i)
	}
	return p
}

func (p *pair) start(t testing.TB, i int) {
	t.Helper()
	started := p.suite.StartBroker(t, p.options)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all[i], p.ever = started, append(p.ever, started)
}

// kill kills a broker. From then on its operations may fail.
func (p *pair) kill(i int) {
	p.mu.Lock()
	victim := p.all[i]
	p.all[i] = nil
	p.mu.Unlock()
	victim.Kill()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.kills++
}

func (p *pair) killed() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.kills
}

// running is that broker, or the other one while it is not there.
func (p *pair) running(ctx context.Context, i int) (*svptest.Broker, error) {
	again := time.NewTicker(brokerPoll)
	defer again.Stop()
	for {
		for _, chosen := range []int{i, 1 - i} {
			if broker := p.get(chosen); broker != nil {
				return broker, nil
			}
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for a broker: %w", ctx.Err())
		}
	}
}

const brokerPoll = 20 * time.Millisecond

func (p *pair) get(i int) *svptest.Broker {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.all[i]
}

// stop ends both as their operator does, and starts one that keeps no pool.
func (p *pair) stop(t testing.TB) {
	t.Helper()
	for i := range p.all {
		p.all[i].Stop().Require(t, 0)
	}
	p.options.Flags = append(p.options.Flags, "--warm", "0")
	p.start(t, 0)
	p.all[1] = p.all[0]
}
