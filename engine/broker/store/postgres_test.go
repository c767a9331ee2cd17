package store_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/servicepack/svp/engine/broker/store"
	"github.com/servicepack/svp/engine/broker/store/storetest"
)

func TestErrorsDoNotShowThePasswordOfPostgreSQL(t *testing.T) {
	key := storetest.NewKey(t)
	for _, location := range []string{
		"postgres://broker:se%zzcret@127.0.0.1/db",
		"postgres://broker:secret@127.0.0.1:port/db",
		"postgres://broker:secret@127.0.0.1/db?sslmode=nonsense",
		"postgres://127.0.0.1/db?user=broker&password=secret&sslmode=nonsense",
		"postgres://127.0.0.1/db?password=secret&connect_timeout=soon",
		"postgresql://broker:secret@127.0.0.1:1/db",
		"postgresql://broker:sec/ret@127.0.0.1:1/db",
		"postgres://broker:secret@[/db",
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		_, err := store.Open(ctx, location, key)
		cancel()
		if err == nil {
			t.Errorf("%s was opened", location)
			continue
		}
		for _, part := range []string{"secret", "zzcret", "sec/ret"} {
			if strings.Contains(err.Error(), part) {
				t.Errorf("%s: %v", location, err)
			}
		}
		if !strings.Contains(err.Error(), "PostgreSQL") {
			t.Errorf("%v does not say what could not be opened", err)
		}
	}
}
