package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/servicepack/svp/engine/broker/store"
)

func oneOperationIsInProgress(t *testing.T, f Fixture) {
	s := f.open(t)
	provision := mustPutOperation(t, s, fullOperation("i", "", "provision"))
	transact(t, s, "i", func(ctx context.Context, tx *store.Tx) error {
		second := fullOperation("i", "", "second")
		wantError(t, "a second operation on the instance", tx.PutOperation(ctx, &second), store.ErrBusy)
		// The transaction goes on: the caller answers with what is in progress.
		bind := fullOperation("i", "b", "bind")
		if err := tx.PutOperation(ctx, &bind); err != nil {
			return err
		}
		running, err := tx.Running(ctx)
		if len(running) != 2 || running[0].ID != "provision" || running[1].ID != "bind" ||
			string(running[0].Request) != string(provision.Request) {
			t.Errorf("running: %+v", running)
		}
		return err
	})
	_, err := putOperation(t, s, fullOperation("i", "b", "second"))
	wantError(t, "a second operation on the binding", err, store.ErrBusy)
	mustPutOperation(t, s, fullOperation("other", "", "theirs"))

	provision.State = store.Succeeded
	mustPutOperation(t, s, provision)
	update := mustPutOperation(t, s, fullOperation("i", "", "update"))
	view(t, s, "i", func(ctx context.Context, tx *store.Tx) error {
		last, err := tx.LastOperation(ctx, "")
		ofBinding, bindingErr := tx.LastOperation(ctx, "b")
		if last == nil || last.ID != update.ID || ofBinding == nil || ofBinding.ID != "bind" {
			t.Errorf("last operations %+v, %+v", last, ofBinding)
		}
		return errors.Join(err, bindingErr)
	})
}

func endedOperations(t *testing.T, f Fixture) {
	s := f.open(t)
	begun := mustPutOperation(t, s, fullOperation("i", "", "o"))
	if err := s.Describe(t.Context(), "o", begun.Owner, "waiting for health"); err != nil {
		t.Fatal(err)
	}
	ended := begun
	ended.State, ended.Description, ended.Request = store.Failed, "not ready in time", nil
	ended = mustPutOperation(t, s, ended)
	if ended.Started != begun.Started || !ended.Updated.After(begun.Updated) {
		t.Errorf("times %v, %v; begun %v", ended.Started, ended.Updated, begun.Started)
	}
	wantError(t, "describe what has ended", s.Describe(t.Context(), "o", begun.Owner, "late"), store.ErrNotOwner)
	_, err := putOperation(t, s, begun)
	wantError(t, "begin again what has ended", err, store.ErrNotOwner)
	if taken, err := s.TakeOver(t.Context(), "o", begun.Owner, "broker-2"); taken || err != nil {
		t.Errorf("take over what has ended: %v, %v", taken, err)
	}
	got := readOperation(t, s, "i", "o")
	if got == nil || got.State != store.Failed || got.Description != "not ready in time" || string(got.Request) != string(begun.Request) {
		t.Errorf("operation %+v", got)
	}
}

func operationsAreTakenOver(t *testing.T, f Fixture) {
	stores := f.two(t)
	begun := mustPutOperation(t, stores[0], fullOperation("i", "", "o"))
	var winners atomic.Int32
	var winner atomic.Value
	inParallel(10, func(n int) {
		name := fmt.Sprint("heir-", n)
		taken, err := stores[n%2].TakeOver(t.Context(), "o", begun.Owner, name)
		if err != nil {
			t.Error(err)
		}
		if taken {
			winners.Add(1)
			winner.Store(name)
		}
	})
	if winners.Load() != 1 {
		t.Fatalf("%d brokers took the operation over", winners.Load())
	}
	// The old owner comes back to life: it can neither go on nor end it, and what
	// it writes besides is not kept.
	wantError(t, "describe", stores[0].Describe(t.Context(), "o", begun.Owner, "still here"), store.ErrNotOwner)
	err := stores[0].Transact(t.Context(), "i", false, func(tx *store.Tx) error {
		instance, ended := fullInstance("i"), begun
		ended.State = store.Succeeded
		return errors.Join(tx.PutInstance(t.Context(), &instance), tx.PutOperation(t.Context(), &ended))
	})
	wantError(t, "end", err, store.ErrNotOwner)
	if readInstance(t, stores[1], "i") != nil {
		t.Error("the old owner's instance was kept")
	}
	got := readOperation(t, stores[1], "i", "o")
	if got == nil || got.Owner != winner.Load() || got.State != store.InProgress || string(got.Request) != string(begun.Request) {
		t.Fatalf("operation %+v, want it in progress with owner %v", got, winner.Load())
	}
	got.State = store.Succeeded
	mustPutOperation(t, stores[1], *got)
}

func deadAndLiving(t *testing.T, f Fixture) {
	const ever = time.Hour
	s := f.open(t)
	for _, owner := range []string{"dead", "alive", "retired"} {
		if err := s.Beat(t.Context(), owner); err != nil {
			t.Fatal(err)
		}
		operation := fullOperation(owner, "", owner)
		operation.Owner = owner
		mustPutOperation(t, s, operation)
	}
	abandoned := func(patience time.Duration) (ids []string) {
		t.Helper()
		all, err := s.Abandoned(t.Context(), patience)
		if err != nil {
			t.Fatal(err)
		}
		for _, operation := range all {
			if operation.Request != nil {
				t.Errorf("the request is opened: %s", operation.Request)
			}
			ids = append(ids, operation.ID)
		}
		return ids
	}
	if got := abandoned(ever); len(got) != 0 {
		t.Errorf("abandoned %v, and all owners are alive", got)
	}
	if own, err := s.Owned(t.Context(), "alive"); err != nil || len(own) != 1 || own[0].ID != "alive" || own[0].Request != nil {
		t.Errorf("owned by one broker: %+v, %v", own, err)
	}
	if err := s.Retire(t.Context(), "retired"); err != nil {
		t.Fatal(err)
	}
	if got := abandoned(ever); !slices.Equal(got, []string{"retired"}) {
		t.Errorf("abandoned %v, want what the retired broker had", got)
	}
	const patience = 2 * time.Second
	soon(t, "the broker that does not beat is dead, and the other is alive", func() bool {
		if err := s.Beat(t.Context(), "alive"); err != nil {
			t.Fatal(err)
		}
		owners, err := s.Owners(t.Context(), patience)
		if err != nil {
			t.Fatal(err)
		}
		return slices.Equal(owners, []string{"alive"}) && slices.Equal(abandoned(patience), []string{"dead", "retired"})
	})
}

func prune(t *testing.T, f Fixture) {
	s := f.open(t)
	putInstance(t, s, fullInstance("i"))
	putBinding(t, s, fullBinding("i", "b"))
	for _, operation := range []struct{ instance, binding, id string }{
		{"i", "", "old"},
		{"i", "b", "old bind"}, {"i", "b", "last bind"},
		{"i", "", "last"},
		{"i", "gone", "unbind"},
		{"gone", "", "deprovision"}, {"gone", "b", "its unbind"},
		{"", "", "nowhere"},
	} {
		ended := fullOperation(operation.instance, operation.binding, operation.id)
		ended.State = store.Succeeded
		mustPutOperation(t, s, ended)
	}
	mustPutOperation(t, s, fullOperation("gone", "", "running"))
	left := func() (ids []string) {
		t.Helper()
		for _, instance := range []string{"i", "gone", ""} {
			all, err := s.Operations(t.Context(), instance, 100)
			if err != nil {
				t.Fatal(err)
			}
			for _, operation := range all {
				ids = append(ids, operation.ID)
			}
		}
		return ids
	}
	if err := s.Prune(t.Context(), time.Hour); err != nil {
		t.Fatal(err)
	}
	if got := left(); len(got) != 9 {
		t.Errorf("left after an hour's pruning: %q", got)
	}
	if err := s.Prune(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if got, want := left(), []string{"last", "last bind", "running"}; !slices.Equal(got, want) {
		t.Errorf("left: %q, want %q", got, want)
	}
	mustPutOperation(t, s, fullOperation("i", "", "next"))
	if got := left(); got[0] != "next" {
		t.Errorf("the latest after pruning: %q", got)
	}
}
