package integration

import (
	"crypto/rand"
	"flag"
	"math/big"
	"net/url"
	"testing"
	"time"

	"github.com/servicepack/svp/integration/soak"
)

// What `make soak` chooses. The seed of a run is in its log.
var (
	soakOperations = flag.Int("soak.operations", 60, "make this many requests in TestBrokerSoak")
	soakSeed       = flag.Uint64("soak.seed", 0, "choose them by this seed; 0: by chance")
)

// Two brokers on one PostgreSQL, killed again and again, break no rule, lose
// nothing and leave nothing.
func TestBrokerSoak(t *testing.T) {
	t.Parallel()
	seed := *soakSeed
	if seed == 0 {
		drawn, err := rand.Int(rand.Reader, big.NewInt(1<<31))
		if err != nil {
			t.Fatal(err)
		}
		seed = drawn.Uint64()
	}
	store, env := sharedStore(t)
	soak.Run(t, suite, soak.Options{
		Operations: *soakOperations, Kills: *soakOperations / 25, KillEvery: 4 * time.Second, Clients: 6, Seed: seed,
		Store: store, Env: env, KeyFile: writeKey(t),
	})
}

// sharedStore is a PostgreSQL for brokers, whose password they are told in their
// environment.
func sharedStore(t *testing.T) (location string, env []string) {
	t.Helper()
	server := up(t, "../packs/postgresql", newName(t)).Env(t)
	address, err := url.Parse(server["DATABASE_URL"])
	if err != nil {
		t.Fatal(err)
	}
	password, _ := address.User.Password()
	address.User = url.User(address.User.Username())
	return address.String(), []string{"PGPASSWORD=" + password}
}
