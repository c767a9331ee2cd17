package storetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/servicepack/svp/engine/broker/store"
)

// inParallel runs do n times at once.
func inParallel(n int, do func(n int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { do(i) })
	}
	all.Wait()
}

func takeTurns(t *testing.T, f Fixture) {
	const many = 50
	stores := f.two(t)
	putInstance(t, stores[0], store.Instance{ID: "i", Context: json.RawMessage(`0`)})
	var inside, others atomic.Int32
	inParallel(many, func(n int) {
		// Exclusive or not, none runs beside another on the same instance.
		err := stores[n%2].Transact(t.Context(), "i", n%10 == 0, func(tx *store.Tx) error {
			if inside.Add(1) != 1 {
				others.Add(1)
			}
			defer inside.Add(-1)
			instance, err := tx.Instance(t.Context())
			if err != nil {
				return err
			}
			count, err := strconv.Atoi(string(instance.Context))
			if err != nil {
				return err
			}
			instance.Context = json.RawMessage(strconv.Itoa(count + 1))
			return tx.PutInstance(t.Context(), instance)
		})
		if err != nil {
			t.Error(err)
		}
	})
	if got := readInstance(t, stores[0], "i"); string(got.Context) != strconv.Itoa(many) || others.Load() > 0 {
		t.Errorf("%s of %d transactions counted; %d ran beside another", got.Context, many, others.Load())
	}
}

func quotasHold(t *testing.T, f Fixture) {
	const many, quota = 20, 5
	stores := f.two(t)
	full := errors.New("full")
	var made atomic.Int32
	inParallel(many, func(n int) {
		id := fmt.Sprint("i", n)
		err := stores[n%2].Transact(t.Context(), id, true, func(tx *store.Tx) error {
			count, err := tx.Count(t.Context(), store.Filter{PlanID: "plan"})
			if err != nil {
				return err
			}
			if count >= quota {
				return full
			}
			return tx.PutInstance(t.Context(), &store.Instance{ID: id, PlanID: "plan", State: store.InstanceCreating})
		})
		switch {
		case err == nil:
			made.Add(1)
		case !errors.Is(err, full):
			t.Error(err)
		}
	})
	if made.Load() != quota {
		t.Errorf("%d instances were made, and %d may be", made.Load(), quota)
	}
}

func countNeedsExclusive(t *testing.T, f Fixture) {
	s := f.open(t)
	for _, instance := range []store.Instance{
		{ID: "1", PlanID: "small", OrganizationGUID: "org", State: store.InstanceReady},
		{ID: "2", PlanID: "small", OrganizationGUID: "ORG", State: store.InstanceCreating},
		{ID: "3", PlanID: "big", OrganizationGUID: "org", State: store.InstanceDeleting},
		{ID: "4", PlanID: "small", OrganizationGUID: "org", State: store.InstanceFailed},
	} {
		putInstance(t, s, instance)
	}
	err := s.Transact(t.Context(), "5", true, func(tx *store.Tx) error {
		for filter, want := range map[store.Filter]int{
			{}:                        3,
			{PlanID: "small"}:         2,
			{OrganizationGUID: "org"}: 2,
			{PlanID: "small", OrganizationGUID: "org"}: 1,
			{PlanID: "none"}: 0,
		} {
			if got, err := tx.Count(t.Context(), filter); err != nil || got != want {
				t.Errorf("count %+v: %d, %v; want %d", filter, got, err, want)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	err = s.Transact(t.Context(), "5", false, func(tx *store.Tx) error {
		_, err := tx.Count(t.Context(), store.Filter{})
		return err
	})
	if err == nil {
		t.Error("counted while others may add")
	}
}

func pooled(n int) store.Pooled {
	return store.Pooled{
		Name: fmt.Sprintf("warm-%02d", n), ServiceID: "service", PlanID: "plan", Pack: "redis", PackDigest: "sha256:1", Owner: "broker-1",
	}
}

func poolHasItsLimit(t *testing.T, f Fixture) {
	const many, limit = 10, 3
	stores := f.two(t)
	var added atomic.Int32
	inParallel(many, func(n int) {
		ok, err := stores[n%2].AddPooled(t.Context(), pooled(n), limit)
		if err != nil {
			t.Error(err)
		}
		if ok {
			added.Add(1)
		}
	})
	all, err := stores[0].Pool(t.Context())
	if err != nil || len(all) != limit || added.Load() != limit {
		t.Errorf("%d added, %d in the pool, %v; the limit is %d", added.Load(), len(all), err, limit)
	}
	newer := pooled(many)
	newer.PackDigest = "sha256:2"
	if ok, err := stores[1].AddPooled(t.Context(), newer, limit); err != nil || !ok {
		t.Errorf("one of another digest: %v, %v", ok, err)
	}
}

// takePooled returns the name of what it took, if anything, in a transaction that
// ends with the result.
func takePooled(t *testing.T, s *store.Store, instanceID string, result error) (name string) {
	err := s.Transact(t.Context(), instanceID, false, func(tx *store.Tx) error {
		for _, other := range [][3]string{{"Service", "plan", "sha256:1"}, {"service", "other", "sha256:1"}, {"service", "plan", "sha256:2"}} {
			if got, err := tx.TakePooled(t.Context(), other[0], other[1], other[2]); got != nil || err != nil {
				t.Errorf("for %v: %+v, %v", other, got, err)
			}
		}
		got, err := tx.TakePooled(t.Context(), "service", "plan", "sha256:1")
		if got != nil {
			name = got.Name
		}
		return errors.Join(err, result)
	})
	if !errors.Is(err, result) {
		t.Error(err)
	}
	return name
}

func handedOutOnce(t *testing.T, f Fixture) {
	const many, takers = 5, 20
	stores := f.two(t)
	for n := range many + 1 {
		if ok, err := stores[0].AddPooled(t.Context(), pooled(n), takers); err != nil || !ok {
			t.Fatal(ok, err)
		}
	}
	for n := range many { // the last one never gets ready
		if err := stores[1].ReadyPooled(t.Context(), pooled(n).Name, "broker-1"); err != nil {
			t.Fatal(err)
		}
	}
	undone := errors.New("undone")
	take := func(n int, result error) string { return takePooled(t, stores[n%2], fmt.Sprint("i", n), result) }
	if name := take(0, undone); name != pooled(0).Name {
		t.Errorf("took %q, want the oldest", name)
	}
	var mu sync.Mutex
	var taken []string
	inParallel(takers, func(n int) {
		if name := take(n, nil); name != "" {
			mu.Lock()
			defer mu.Unlock()
			taken = append(taken, name)
		}
	})
	slices.Sort(taken)
	if len(slices.Compact(slices.Clone(taken))) != len(taken) || len(taken) > many {
		t.Errorf("handed out: %q", taken)
	}
	// Whoever met one that was being handed out passed it over.
	for name := take(0, nil); name != ""; name = take(0, nil) {
		taken = append(taken, name)
	}
	all, err := stores[0].Pool(t.Context())
	if err != nil || len(taken) != many || len(all) != 1 || all[0].Name != pooled(many).Name {
		t.Errorf("handed out %q, left %+v, %v", taken, all, err)
	}
}

func pooledOwner(t *testing.T, f Fixture) {
	s := f.open(t)
	if ok, err := s.AddPooled(t.Context(), pooled(1), 1); err != nil || !ok {
		t.Fatal(ok, err)
	}
	wantError(t, "ready by another broker", s.ReadyPooled(t.Context(), pooled(1).Name, "broker-2"), store.ErrNotOwner)
	withdraw := func(what string, want bool) {
		t.Helper()
		if got, err := s.WithdrawPooled(t.Context(), pooled(1).Name, "broker-2"); err != nil || got != want {
			t.Errorf("withdraw %s: %v, %v; want %v", what, got, err, want)
		}
	}
	withdraw("what is not ready", false)
	if err := s.ReadyPooled(t.Context(), pooled(1).Name, "broker-1"); err != nil {
		t.Error(err)
	}
	withdraw("what is ready", true)
	withdraw("what is withdrawn", false)
	if name := takePooled(t, s, "i", nil); name != "" {
		t.Errorf("%q was withdrawn, and handed out", name)
	}
	if all, err := s.Pool(t.Context()); err != nil || len(all) != 1 || all[0].Ready || all[0].Owner != "broker-2" {
		t.Errorf("withdrawn: %+v, %v; want it there, and broker-2's", all, err)
	}
	wantError(t, "ready by the one that it was withdrawn from", s.ReadyPooled(t.Context(), pooled(1).Name, "broker-1"), store.ErrNotOwner)
	for _, want := range []bool{true, false} {
		if got, err := s.DeletePooled(t.Context(), pooled(1).Name); err != nil || got != want {
			t.Errorf("delete: %v, %v; want %v", got, err, want)
		}
	}
	wantError(t, "ready after it was removed", s.ReadyPooled(t.Context(), pooled(1).Name, "broker-2"), store.ErrNotOwner)
	if all, err := s.Pool(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("the pool has %+v, %v", all, err)
	}
}
