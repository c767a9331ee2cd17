package soak

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/servicepack/svp/integration/svptest"
)

// Options say what a soak does. All but Seed are required.
type Options struct {
	// Operations is how many requests are made at least, without those that had no
	// answer, or no other than that an operation is in progress; and Kills how many
	// brokers are killed at least.
	Operations, Kills int
	// KillEvery is how long the two brokers live side by side, on average.
	KillEvery time.Duration
	// Clients is how many instances are used at the same time.
	Clients int
	// Seed chooses what is asked for and who is killed when; how that meets what
	// the brokers do is up to the machine.
	Seed uint64
	// Store is PostgreSQL, and Env what brokers need to get in.
	Store   string
	Env     []string
	KeyFile string
}

// Run makes a soak, and fails the test when a rule is broken, or something that
// the platform was told of is gone, or something is there that nobody owns.
func Run(t *testing.T, suite *svptest.Suite, o Options) {
	t.Helper()
	begun := time.Now()
	t.Logf("seed %d", o.Seed)
	pack := suite.WritePack(t, files)
	brokers := startPair(t, suite, svptest.BrokerOptions{
		Packs: []string{pack}, Store: o.Store, Env: o.Env, Flags: []string{"--key-file", o.KeyFile, "--warm", "1"},
	})
	s := &soak{Options: o, suite: suite, pack: filepath.Base(pack), brokers: brokers}
	offered := s.catalog(t)
	for i := range o.Clients {
		id := fmt.Sprintf("%s/%d ü ..%%2F", suite.Name(t), i)
		s.clients = append(s.clients, newClient(id, brokers, offered, rand.New(rand.NewPCG(o.Seed, uint64(i)))))
	}
	s.run(t)
	s.report(t, begun)
	if t.Failed() {
		return // what is known of the instances is wrong by now
	}
	s.settle(t)
	s.verify(t)
}

type soak struct {
	Options
	suite   *svptest.Suite
	pack    string
	brokers *pair
	clients []*client
	made    atomic.Int64 // requests
}

// catalog learns the ids.
func (s *soak) catalog(t *testing.T) offer {
	t.Helper()
	var catalog struct {
		Services []struct {
			ID    string
			Plans []struct{ ID, Name string }
		}
	}
	answered := s.brokers.all[0].Do(t, svptest.Request{Method: http.MethodGet, Path: "/v2/catalog"}).Require(t, http.StatusOK)
	if err := json.Unmarshal(answered.Body, &catalog); err != nil || len(catalog.Services) != 1 {
		t.Fatalf("the broker does not offer the pack: %v: %s", err, answered)
	}
	offered := offer{service: catalog.Services[0].ID, plans: map[string]string{}}
	for _, plan := range catalog.Services[0].Plans {
		offered.plans[plan.Name] = plan.ID
	}
	return offered
}

// run lets the clients ask, and kills brokers meanwhile.
func (s *soak) run(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel()
	ended := make(chan struct{})
	for _, c := range s.clients {
		group.Go(func() {
			if err := s.ask(ctx, c); err != nil && ctx.Err() == nil {
				t.Errorf("a rule is broken: %v", err)
				cancel()
			}
		})
	}
	go func() {
		group.Wait()
		close(ended)
	}()
	s.kill(t, ended)
}

func (s *soak) ask(ctx context.Context, c *client) error {
	for s.made.Load() < int64(s.Operations) || s.brokers.killed() < s.Kills {
		count, err := c.step(ctx)
		if err != nil {
			return err
		}
		s.made.Add(int64(count))
	}
	return nil
}

// kill kills one of the brokers, sometimes both, again and again, and starts them
// again.
func (s *soak) kill(t *testing.T, ended <-chan struct{}) {
	t.Helper()
	random := rand.New(rand.NewPCG(s.Seed, uint64(len(s.clients))))
	for {
		select {
		case <-ended:
			return
		case <-time.After(s.KillEvery/2 + time.Duration(random.Int64N(int64(s.KillEvery)))):
		}
		victims := []int{0, 1}
		if both := random.IntN(5) == 0; !both {
			victims = victims[random.IntN(2):][:1]
		}
		for _, i := range victims {
			s.brokers.kill(i)
		}
		for _, i := range victims {
			s.brokers.start(t, i)
		}
	}
}

// report tells what was done.
func (s *soak) report(t *testing.T, begun time.Time) {
	t.Helper()
	total := map[string]int{}
	for _, c := range s.clients {
		for what, count := range c.answers {
			total[what] += count
		}
	}
	t.Logf("%d requests on %d instances within %v; %d brokers killed; answers:\n%s",
		s.made.Load(), len(s.clients), time.Since(begun).Round(time.Second), s.brokers.killed(), table(total))
}

func table(counts map[string]int) string {
	var text strings.Builder
	for _, what := range sortedKeys(counts) {
		fmt.Fprintf(&text, "  %5d  %s\n", counts[what], what)
	}
	return text.String()
}
