package store_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/servicepack/svp/engine/broker/store"
	"github.com/servicepack/svp/engine/broker/store/storetest"
)

// BenchmarkTransaction is what a request costs that begins an operation.
func BenchmarkTransaction(b *testing.B) {
	s := storetest.Open(b, filepath.Join(b.TempDir(), "store.db"), storetest.NewKey(b))
	n := 0
	for b.Loop() {
		id := fmt.Sprint(n)
		n++
		err := s.Transact(b.Context(), id, false, func(tx *store.Tx) error {
			if err := tx.PutInstance(b.Context(), &store.Instance{ID: id, Parameters: []byte(`{"a":1}`)}); err != nil {
				return err
			}
			return tx.PutOperation(b.Context(), &store.Operation{ID: id, InstanceID: id, Request: []byte(`{"a":1}`), State: store.InProgress})
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}
