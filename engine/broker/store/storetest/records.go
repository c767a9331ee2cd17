package storetest

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/servicepack/svp/engine/broker/store"
)

func recordsComeBack(t *testing.T, f Fixture) {
	s := f.open(t)
	instance := putInstance(t, s, fullInstance("i"))
	binding := putBinding(t, s, fullBinding("i", "b"))
	operation := mustPutOperation(t, s, fullOperation("i", "b", "o"))
	if instance.Created.IsZero() || instance.Created != instance.Updated || time.Since(instance.Created).Abs() > time.Hour {
		t.Errorf("times of a new instance: %v, %v", instance.Created, instance.Updated)
	}
	if got := readInstance(t, s, "i"); !reflect.DeepEqual(got, &instance) {
		t.Errorf("instance %+v, want %+v", got, instance)
	}
	if got := readBinding(t, s, "i", "b"); !reflect.DeepEqual(got, &binding) {
		t.Errorf("binding %+v, want %+v", got, binding)
	}
	if got := readOperation(t, s, "i", "o"); !reflect.DeepEqual(got, &operation) {
		t.Errorf("operation %+v, want %+v", got, operation)
	}

	changed := store.Instance{ID: "i", PlanID: "other", State: store.InstanceDeleting}
	changed = putInstance(t, s, changed)
	if changed.Created != instance.Created || !changed.Updated.After(instance.Updated) {
		t.Errorf("times of a changed instance: %v, %v, before %v", changed.Created, changed.Updated, instance.Updated)
	}
	if got := readInstance(t, s, "i"); !reflect.DeepEqual(got, &changed) {
		t.Errorf("changed instance %+v, want %+v", got, changed)
	}
	bare := putBinding(t, s, store.Binding{InstanceID: "i", ID: "b", State: store.BindingFailed})
	if got := readBinding(t, s, "i", "b"); !reflect.DeepEqual(got, &bare) || got.Created != binding.Created {
		t.Errorf("changed binding %+v, want %+v", got, bare)
	}
}

// idsAreBytes: none of these is another one.
func idsAreBytes(t *testing.T, f Fixture) {
	s := f.open(t)
	ids := []string{
		"id", "ID", "Id", "id ", " id", "../id", "..%2Fid", "i%", "i_", "é", "e\u0301", "'; DROP TABLE broker_instances; --",
		"$1", "\U0001F4A5", strings.Repeat("\u00fc", 512), strings.Repeat("\u00fc", 511) + "ue", "0", "00",
	}
	for _, id := range ids {
		putInstance(t, s, store.Instance{ID: id, Name: id})
		for _, other := range ids {
			putBinding(t, s, store.Binding{InstanceID: id, ID: other, Consumer: id + other})
		}
		mustPutOperation(t, s, store.Operation{ID: id, InstanceID: id, BindingID: id, State: store.InProgress})
	}
	for _, id := range ids {
		if got := readInstance(t, s, id); got == nil || got.ID != id || got.Name != id {
			t.Errorf("instance %q: %+v", id, got)
		}
		if got := readOperation(t, s, id, id); got == nil || got.BindingID != id {
			t.Errorf("operation %q: %+v", id, got)
		}
		for _, other := range ids {
			if got := readBinding(t, s, id, other); got == nil || got.Consumer != id+other {
				t.Errorf("binding %q of %q: %+v", other, id, got)
			}
		}
	}
	if all, err := s.Instances(t.Context()); err != nil || len(all) != len(ids) {
		t.Errorf("%d instances, %v; want %d", len(all), err, len(ids))
	}
}

func absentRecordsAreNil(t *testing.T, f Fixture) {
	s := f.open(t)
	mustPutOperation(t, s, fullOperation("other", "", "theirs"))
	transact(t, s, "i", func(ctx context.Context, tx *store.Tx) error {
		instance, instanceErr := tx.Instance(ctx)
		binding, bindingErr := tx.Binding(ctx, "b")
		bindings, bindingsErr := tx.Bindings(ctx)
		operation, operationErr := tx.Operation(ctx, "theirs")
		last, lastErr := tx.LastOperation(ctx, "")
		running, runningErr := tx.Running(ctx)
		pooled, pooledErr := tx.TakePooled(ctx, "service", "plan", "sha256:1")
		if instance != nil || binding != nil || len(bindings) > 0 || operation != nil || last != nil || len(running) > 0 || pooled != nil {
			t.Errorf("found what is not there: %v %v %v %v %v %v %v", instance, binding, bindings, operation, last, running, pooled)
		}
		return errors.Join(instanceErr, bindingErr, bindingsErr, operationErr, lastErr, runningErr, pooledErr,
			tx.DeleteInstance(ctx), tx.DeleteBinding(ctx, "b"))
	})
}

func deletedInstances(t *testing.T, f Fixture) {
	s := f.open(t)
	for _, id := range []string{"i", "other"} {
		putInstance(t, s, fullInstance(id))
		putBinding(t, s, fullBinding(id, "b"))
		putBinding(t, s, fullBinding(id, "b2"))
		mustPutOperation(t, s, fullOperation(id, "", id+"-o"))
	}
	transact(t, s, "i", func(ctx context.Context, tx *store.Tx) error { return tx.DeleteInstance(ctx) })
	transact(t, s, "other", func(ctx context.Context, tx *store.Tx) error { return tx.DeleteBinding(ctx, "b2") })
	if readInstance(t, s, "i") != nil || readBinding(t, s, "i", "b") != nil {
		t.Error("the instance or its binding is still there")
	}
	if readOperation(t, s, "i", "i-o") == nil {
		t.Error("its operation is gone")
	}
	if readInstance(t, s, "other") == nil || readBinding(t, s, "other", "b") == nil || readBinding(t, s, "other", "b2") != nil {
		t.Error("of the other instance, the binding b2 alone should be gone")
	}
	putInstance(t, s, fullInstance("i"))
	if readBinding(t, s, "i", "b") != nil {
		t.Error("a new instance has the bindings of the old one")
	}
}

func foreignRecords(t *testing.T, f Fixture) {
	s := f.open(t)
	for what, put := range map[string]func(context.Context, *store.Tx) error{
		"instance": func(ctx context.Context, tx *store.Tx) error { i := fullInstance("i"); return tx.PutInstance(ctx, &i) },
		"binding": func(ctx context.Context, tx *store.Tx) error {
			b := fullBinding("i", "b")
			return tx.PutBinding(ctx, &b)
		},
		"operation": func(ctx context.Context, tx *store.Tx) error {
			o := fullOperation("i", "", "o")
			return tx.PutOperation(ctx, &o)
		},
	} {
		if err := s.Transact(t.Context(), "I", false, func(tx *store.Tx) error { return put(t.Context(), tx) }); err == nil {
			t.Errorf("%s of another instance was kept", what)
		}
	}
	err := s.Transact(t.Context(), "i", false, func(tx *store.Tx) error {
		binding := fullBinding("i", "b")
		return tx.PutBinding(t.Context(), &binding)
	})
	if err == nil {
		t.Error("a binding without an instance was kept")
	}
}

func failedTransactions(t *testing.T, f Fixture) {
	s := f.open(t)
	write := func(tx *store.Tx) {
		instance, operation := fullInstance("i"), fullOperation("i", "", "o")
		if err := errors.Join(tx.PutInstance(t.Context(), &instance), tx.PutOperation(t.Context(), &operation)); err != nil {
			t.Fatal(err)
		}
	}
	refused := errors.New("refused")
	err := s.Transact(t.Context(), "i", false, func(tx *store.Tx) error {
		write(tx)
		return refused
	})
	wantError(t, "a transaction that fails", err, refused)
	func() {
		defer func() { _ = recover() }()
		_ = s.Transact(t.Context(), "i", false, func(tx *store.Tx) error {
			write(tx)
			panic("in the middle")
		})
		t.Error("the panic is gone")
	}()
	ctx, cancel := context.WithCancel(t.Context())
	err = s.Transact(ctx, "i", false, func(tx *store.Tx) error {
		write(tx)
		cancel()
		return nil
	})
	if err == nil {
		t.Error("a transaction that was cancelled succeeded")
	}
	if readInstance(t, s, "i") != nil || readOperation(t, s, "i", "o") != nil {
		t.Error("something of a failed transaction was kept")
	}
	putInstance(t, s, fullInstance("i")) // and it goes on
}

func viewsCannotWrite(t *testing.T, f Fixture) {
	s := f.open(t)
	err := s.View(t.Context(), "i", func(tx *store.Tx) error {
		instance := fullInstance("i")
		return tx.PutInstance(t.Context(), &instance)
	})
	if err == nil || readInstance(t, s, "i") != nil {
		t.Errorf("a view wrote: %v", err)
	}
	putInstance(t, s, fullInstance("i"))
	err = s.View(t.Context(), "i", func(tx *store.Tx) error {
		before, err := tx.Instance(t.Context())
		if err != nil {
			return err
		}
		// Neither waits for the other.
		changed := fullInstance("i")
		changed.PlanID = "changed"
		putInstance(t, s, changed)
		after, err := tx.Instance(t.Context())
		if !reflect.DeepEqual(before, after) {
			t.Errorf("a view changed under the eyes: %+v, then %+v", before, after)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func listsLeaveOutWhatIsSealed(t *testing.T, f Fixture) {
	s := f.open(t)
	var instances []store.Instance
	var operations []store.Operation
	for _, id := range []string{"z", "i", "a"} {
		instance := putInstance(t, s, fullInstance(id))
		instance.Parameters = nil
		instances = append(instances, instance)
		operation := fullOperation("i", "", id)
		operation.State = store.Succeeded
		operation = mustPutOperation(t, s, operation)
		operation.Request = nil
		operations = append([]store.Operation{operation}, operations...)
	}
	if got, err := s.Instances(t.Context()); err != nil || !reflect.DeepEqual(got, instances) {
		t.Errorf("instances %+v, %v; want %+v", got, err, instances)
	}
	if got, err := s.Operations(t.Context(), "i", 2); err != nil || !reflect.DeepEqual(got, operations[:2]) {
		t.Errorf("operations %+v, %v; want the latest two %+v", got, err, operations[:2])
	}
}

func recordsOutliveTheBroker(t *testing.T, f Fixture) {
	location, key := f.Location(t), NewKey(t)
	first, err := store.Open(t.Context(), location, key)
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	instance := putInstance(t, first, fullInstance("i"))
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := first.Ping(t.Context()); err == nil {
		t.Error("a closed store answers")
	}
	if got := readInstance(t, Open(t, location, key), "i"); !reflect.DeepEqual(got, &instance) {
		t.Errorf("after opening again: %+v, want %+v", got, instance)
	}
}
