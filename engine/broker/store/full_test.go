package store

import (
	"bytes"
	"path/filepath"
	"strconv"
	"testing"
)

// A full disk, which SQLite pretends to have: what does not fit is refused as a
// whole, what is there can be read, and with room it goes on.
func TestAFullDisk(t *testing.T) {
	folder := t.TempDir()
	key, err := CreateKey(filepath.Join(folder, "key"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), filepath.Join(folder, "store.db"), key)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	backend, ok := s.backend.(*sqlite)
	if !ok {
		t.Fatalf("backend %T", s.backend)
	}
	limit := func(pages int) {
		t.Helper()
		if _, err := backend.writer.ExecContext(t.Context(), `PRAGMA max_page_count = `+strconv.Itoa(pages)); err != nil {
			t.Fatal(err)
		}
	}
	put := func(plan string, size int) error {
		return s.Transact(t.Context(), "i", false, func(tx *Tx) error {
			if err := tx.PutOperation(t.Context(), &Operation{ID: plan, InstanceID: "i", State: Succeeded}); err != nil {
				return err
			}
			return tx.PutInstance(t.Context(), &Instance{ID: "i", PlanID: plan, Parameters: bytes.Repeat([]byte("a"), size)})
		})
	}
	if err := put("small", 1); err != nil {
		t.Fatal(err)
	}
	limit(1) // no more than there are
	if err := put("big", 1<<20); err == nil {
		t.Error("a megabyte fitted")
	} else {
		t.Log(err)
	}
	check := func(plan string, operations int) {
		t.Helper()
		instances, err := s.Instances(t.Context())
		if err != nil || len(instances) != 1 || instances[0].PlanID != plan {
			t.Errorf("instances %+v, %v; want one with plan %s", instances, err, plan)
		}
		all, err := s.Operations(t.Context(), "i", 100)
		if err != nil || len(all) != operations {
			t.Errorf("%d operations, %v; want %d", len(all), err, operations)
		}
	}
	check("small", 1)
	limit(1 << 20)
	if err := put("big", 1<<20); err != nil {
		t.Error(err)
	}
	check("big", 2)
}
