// Package storetest is what a broker relies on in its store, as a test suite that
// SQLite and PostgreSQL pass alike.
package storetest

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/servicepack/svp/engine/broker/store"
)

// Fixture is what the suite needs of a kind of store.
type Fixture struct {
	// Location makes room for a new store, and tells where it is.
	Location func(t testing.TB) string
	// Shared tells that several brokers can open one location.
	Shared bool
	// Raw opens the database behind a location, past the store.
	Raw func(t testing.TB, location string) *sql.DB
}

// Run runs the whole suite.
func Run(t *testing.T, f Fixture) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, Fixture){
		"RecordsComeBackAsTheyWere":              recordsComeBack,
		"IDsAreBytes":                            idsAreBytes,
		"AbsentRecordsAreNil":                    absentRecordsAreNil,
		"DeletedInstancesTakeTheirBindingsAlong": deletedInstances,
		"ForeignRecordsAreRefused":               foreignRecords,
		"FailedTransactionsChangeNothing":        failedTransactions,
		"ViewsCannotWrite":                       viewsCannotWrite,
		"ListsLeaveOutWhatIsSealed":              listsLeaveOutWhatIsSealed,
		"RecordsOutliveTheBroker":                recordsOutliveTheBroker,
		"OneOperationIsInProgress":               oneOperationIsInProgress,
		"EndedOperationsStayAsTheyAre":           endedOperations,
		"OperationsAreTakenOver":                 operationsAreTakenOver,
		"TheDeadAreToldFromTheLiving":            deadAndLiving,
		"PruneKeepsWhatMayBeAskedFor":            prune,
		"TransactionsOnOneInstanceTakeTurns":     takeTurns,
		"QuotasHoldUnderCompetition":             quotasHold,
		"CountNeedsAnExclusiveTransaction":       countNeedsExclusive,
		"PoolHasItsLimit":                        poolHasItsLimit,
		"PooledInstancesAreHandedOutOnce":        handedOutOnce,
		"PooledInstancesNeedTheirOwner":          pooledOwner,
		"SecretsAreSealed":                       secretsAreSealed,
		"TamperingIsNoticed":                     tamperingIsNoticed,
		"AnotherKeyIsRefused":                    anotherKey,
		"NewerSchemasAreRefused":                 newerSchema,
		"ManyOpenAtOnce":                         manyOpenAtOnce,
	} {
		t.Run(name, func(t *testing.T) { test(t, f) })
	}
}

// NewKey makes a key for one test.
func NewKey(t testing.TB) store.Key {
	t.Helper()
	key, err := store.CreateKey(filepath.Join(t.TempDir(), "key"))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// Open opens a store that is closed when the test ends.
func Open(t testing.TB, location string, key store.Key) *store.Store {
	t.Helper()
	opened, err := store.Open(t.Context(), location, key)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := opened.Close(); err != nil {
			t.Error(err)
		}
	})
	return opened
}

func (f Fixture) open(t *testing.T) *store.Store {
	t.Helper()
	return Open(t, f.Location(t), NewKey(t))
}

// two opens two stores at one location where that can be, and else one twice.
func (f Fixture) two(t *testing.T) [2]*store.Store {
	t.Helper()
	location, key := f.Location(t), NewKey(t)
	first := Open(t, location, key)
	if !f.Shared {
		return [2]*store.Store{first, first}
	}
	return [2]*store.Store{first, Open(t, location, key)}
}

// transact fails the test when the transaction fails.
func transact(t *testing.T, s *store.Store, id string, do func(context.Context, *store.Tx) error) {
	t.Helper()
	if err := s.Transact(t.Context(), id, false, func(tx *store.Tx) error { return do(t.Context(), tx) }); err != nil {
		t.Fatal(err)
	}
}

// view fails the test when looking fails.
func view(t *testing.T, s *store.Store, id string, do func(context.Context, *store.Tx) error) {
	t.Helper()
	if err := s.View(t.Context(), id, func(tx *store.Tx) error { return do(t.Context(), tx) }); err != nil {
		t.Fatal(err)
	}
}

func putInstance(t *testing.T, s *store.Store, instance store.Instance) store.Instance {
	t.Helper()
	transact(t, s, instance.ID, func(ctx context.Context, tx *store.Tx) error { return tx.PutInstance(ctx, &instance) })
	return instance
}

func putBinding(t *testing.T, s *store.Store, binding store.Binding) store.Binding {
	t.Helper()
	transact(t, s, binding.InstanceID, func(ctx context.Context, tx *store.Tx) error { return tx.PutBinding(ctx, &binding) })
	return binding
}

// putOperation returns what the store said, and the operation with its times.
func putOperation(t *testing.T, s *store.Store, operation store.Operation) (store.Operation, error) {
	t.Helper()
	err := s.Transact(t.Context(), operation.InstanceID, false, func(tx *store.Tx) error {
		return tx.PutOperation(t.Context(), &operation)
	})
	return operation, err
}

func mustPutOperation(t *testing.T, s *store.Store, operation store.Operation) store.Operation {
	t.Helper()
	operation, err := putOperation(t, s, operation)
	if err != nil {
		t.Fatal(err)
	}
	return operation
}

func readInstance(t *testing.T, s *store.Store, id string) (found *store.Instance) {
	t.Helper()
	view(t, s, id, func(ctx context.Context, tx *store.Tx) (err error) {
		found, err = tx.Instance(ctx)
		return err
	})
	return found
}

func readBinding(t *testing.T, s *store.Store, instanceID, id string) (found *store.Binding) {
	t.Helper()
	view(t, s, instanceID, func(ctx context.Context, tx *store.Tx) (err error) {
		found, err = tx.Binding(ctx, id)
		return err
	})
	return found
}

func readOperation(t *testing.T, s *store.Store, instanceID, id string) (found *store.Operation) {
	t.Helper()
	view(t, s, instanceID, func(ctx context.Context, tx *store.Tx) (err error) {
		found, err = tx.Operation(ctx, id)
		return err
	})
	return found
}

// soon polls until the condition holds.
func soon(t *testing.T, what string, holds func() bool) {
	t.Helper()
	const patience, pause = 20 * time.Second, 10 * time.Millisecond
	deadline := time.Now().Add(patience)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", patience, what)
		}
		<-time.After(pause)
	}
}

func wantError(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

// fullInstance has something in every field that is kept.
func fullInstance(id string) store.Instance {
	return store.Instance{
		ID: id, ServiceID: "service", PlanID: "plan", OrganizationGUID: "Organization", SpaceGUID: "räume\x00",
		Context: json.RawMessage(`{"platform": "cloudfoundry",  "odd":"\u0000\ud800"}`), Parameters: json.RawMessage(`{"password":"parameter-secret"}`),
		MaintenanceVersion: "1.2.3+4", Name: "osb-1", Pack: "postgresql", PackDigest: "sha256:1", State: store.InstanceReady,
	}
}

func fullBinding(instanceID, id string) store.Binding {
	return store.Binding{
		InstanceID: instanceID, ID: id, ServiceID: "service", PlanID: "plan", AppGUID: "app",
		BindResource: json.RawMessage(`{"app_guid":"app"}`), Context: json.RawMessage(`[ ]`),
		Parameters: json.RawMessage(`{"password":"parameter-secret"}`), PredecessorID: "before", Consumer: "c1",
		Answer: json.RawMessage(`{"credentials":{"password":"credential-secret"}}`), State: store.BindingReady,
	}
}

func fullOperation(instanceID, bindingID, id string) store.Operation {
	return store.Operation{
		ID: id, InstanceID: instanceID, BindingID: bindingID, Kind: store.Provision, State: store.InProgress,
		Description: "building the base image: \x00\xff", Request: json.RawMessage(`{"password":"request-secret"}`),
		Owner: "broker-1", RequestID: "request", User: "cloudfoundry {}",
	}
}
